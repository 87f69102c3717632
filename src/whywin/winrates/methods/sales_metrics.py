"""The metrics that sales teams use, each with an interval that knows that deals of one rep resemble one another."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Annotated, ClassVar, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, doc

from whywin.errors import ConfigError
from whywin.evidence import Check, Design, Estimate, Evidence
from whywin.settings import check_settings
from whywin.stats.multiplicity import holm
from whywin.winrates import metrics
from whywin.winrates.metrics import Available, Facts, Floats, Mask
from whywin.winrates.question import WinRates

STAGES_KNOWN: Final = 0.9  # of the lost deals; with fewer, won deals (which passed every stage) would be too many among the rest


@dataclass(frozen=True)
class SalesMetrics:
    """Segment impact, revenue at risk, cycle gap, velocity, momentum, conversion and late losses, each with its interval.

    For the company and for each level of each segment; what each metric is, exactly, and what to beware of stands in the table
    "definitions". The intervals are by the jackknife of reps (of deals where the question names no rep), with Wilson's form for shares
    and Woodruff's for medians; experiments/metrics.py shows that they cover with 8 reps, where resampling reps does not. A metric by
    level is one of many: by chance alone one level in twenty lies off, so that segment impacts have Holm's adjusted p-values too.
    The company's win rate comes first. Sources: see `whywin.stats.jackknife` and `whywin.stats.medians`.
    """

    design: ClassVar[Design] = "description"

    stages: Annotated[tuple[str, ...], doc("labels of the stage column from first to last; without them no stage metrics")] = ()
    proposal: Annotated[
        str, doc("the stage from which on a loss is late, one of stages; without it no late-stage loss ratio")
    ] = ""
    as_of: Annotated[date | None, doc("the day that ages are counted to; the latest date in the table when not given")] = None
    fewest: Annotated[int, Ge(2), doc("a level with fewer closed deals is left out")] = 10

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules, and stages that are in no order."""
        check_settings(self)
        twice = sorted({name for name in self.stages if self.stages.count(name) > 1})
        faults = [f"stages: {', '.join(twice)} stands there twice; name each stage once"] if twice else []
        if self.proposal and self.proposal not in self.stages:
            known = ", ".join(self.stages) or "none"
            faults.append(f"proposal: {self.proposal!r} must be one of stages; there are {known}")
        if faults:
            raise ConfigError(faults)

    def need(self, question: WinRates) -> Available:
        """Every deal, with whichever of amount, dates, cycle and stage the table has."""
        named = ("won", *question.segments, *filter(None, (question.rep,)))
        return Available(named, closed_only=False, wanted=("amount", "created", "closed", "cycle_days", "stage"))

    def answer(self, question: WinRates, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return each metric in its unit, the definitions, the impacts by level, and what was left out and why."""
        del rng
        facts = self._facts(question, sample)
        gone = list(self._left_out(sample, facts))
        estimates: list[Estimate] = [
            found for found in (metrics.rate(facts, "win rate", "all", facts.won, facts.closed),) if found is not None
        ]
        impacts, thin = [], 0
        for segment, inside in metrics.segments_of(sample, question.segments):
            if (facts.closed & inside).sum() < self.fewest:
                thin += 1
                continue
            scored = None if segment == "all" else metrics.impact(facts, segment, inside)
            if scored:
                estimates.append(scored[0])
                impacts.append((facts, inside, *scored))
            estimates += [found for found in self._metrics(facts, segment, inside) if found is not None]
        if thin:
            gone.append(f"{thin} level{'s' * (thin > 1)} with fewer than {self.fewest} closed deals")
        tables = {"segment_impact": _impacts(impacts), "definitions": metrics.definitions()}
        return Evidence(tuple(estimates), (_note(gone),), tables)

    def _metrics(self, facts: Facts, segment: str, inside: Mask) -> Iterator[Estimate | None]:
        yield metrics.revenue_at_risk(facts, segment, inside)
        yield metrics.cycle_gap(facts, segment, inside)
        yield metrics.pipeline_velocity(facts, segment, inside)
        if facts.stages:
            yield metrics.stage_momentum(facts, segment, inside)
        if facts.stages and _known_stages(facts) >= STAGES_KNOWN:
            for number, name in enumerate(self.stages, 1):
                yield metrics.conversion(facts, name, number, segment, inside)
            if self.proposal:
                yield metrics.late_losses(facts, self.stages.index(self.proposal) + 1, segment, inside)

    def _facts(self, question: WinRates, sample: pd.DataFrame) -> Facts:
        missing = pd.Series(np.nan, index=sample.index)
        won = sample["won"]
        number = {name: float(place) for place, name in enumerate(self.stages, 1)}
        there = bool(number) and "stage" in sample
        return Facts(
            groups=metrics.group_numbers(sample[question.rep] if question.rep else None, len(sample)),
            closed=won.notna().to_numpy(bool),
            won=won.eq(1).to_numpy(bool),
            amount=sample.get("amount", missing).to_numpy(float),
            cycle=sample.get("cycle_days", missing).to_numpy(float),
            age=self._ages(sample),
            stage=(sample["stage"].map(number) if there else missing).to_numpy(float),
            stages=len(self.stages) if there else 0,
            level=question.level,
        )

    def _ages(self, sample: pd.DataFrame) -> Floats:
        if "created" not in sample:
            return np.full(len(sample), np.nan)
        dates = [sample[name].max() for name in ("created", "closed") if name in sample]
        today = pd.Timestamp(self.as_of) if self.as_of else max(day for day in dates if pd.notna(day))
        days = (today - sample["created"]).dt.total_seconds() / 86_400
        return np.asarray(days.where(days.isna() | (days > 1), 1.0), dtype=float)

    def _left_out(self, sample: pd.DataFrame, facts: Facts) -> Iterator[str]:
        if not np.isfinite(facts.amount).any():
            yield "revenue at risk and pipeline velocity, since no amount is mapped"
        elif not facts.open.any():
            yield "revenue at risk, since no deal is open"
        elif not np.isfinite(facts.amount[facts.open]).any():
            yield "revenue at risk, since no open deal has an amount"
        if not np.isfinite(facts.cycle).any():
            yield "cycle gap and pipeline velocity, since neither the dates nor the length of the cycle are mapped"
        if not self.stages:
            yield "stage momentum, conversions and the late-stage loss ratio, since the setting stages does not give the stages' order"
        elif not facts.stages:
            yield "stage momentum, conversions and the late-stage loss ratio, since no stage is mapped"
        else:
            yield from self._stages_left_out(facts)

    def _stages_left_out(self, facts: Facts) -> Iterator[str]:
        known = _known_stages(facts)
        if known < STAGES_KNOWN:
            yield (
                f"conversions and the late-stage loss ratio, since {100 * (1 - known):.0f} % of the lost deals are in none of the stages "
                f"(a CRM that overwrites the stage at closing forgets it)"
            )
        elif not self.proposal:
            yield "the late-stage loss ratio, since the setting proposal does not say from which stage on a loss is late"
        if not (facts.open & np.isfinite(facts.stage) & np.isfinite(facts.age)).any():
            yield "stage momentum, since no open deal has both a stage and a day of creation"


def _known_stages(facts: Facts) -> float:
    """Return which share of the lost deals is in one of the stages."""
    return float(np.isfinite(facts.stage[facts.lost]).mean()) if facts.lost.any() else 0.0


def _impacts(found: list[tuple[Facts, Mask, Estimate, float]]) -> pd.DataFrame:
    """Return one row a level: its closed deals, its share of them, its rate in percent, and its impact with interval and p-values."""
    rows = []
    for facts, inside, estimate, p in found:
        dimension, _, level = estimate.segment.partition("=")
        closed = facts.closed & inside
        rate, share = 100 * float(facts.won[closed].mean()), estimate.n / int(facts.closed.sum())
        rows.append((dimension, level, estimate.n, share, rate, estimate.value, estimate.low, estimate.high, p))
    names = ["dimension", "level", "deals", "share", "rate", "impact", "low", "high", "p"]
    table = pd.DataFrame(rows, columns=names)
    return table.assign(p_adjusted=holm(table["p"].to_numpy(float)))


def _note(gone: list[str]) -> Check:
    said = f"Left out: {'; '.join(gone)}." if gone else "No metric was left out."
    return Check("sales_metrics", passed=not gone, severity="note", says=said, value=float(len(gone)))
