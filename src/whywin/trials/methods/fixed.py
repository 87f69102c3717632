"""The analysis of a trial at its planned end, by the unit that was randomised."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge, doc

from whywin.deals.need import Need
from whywin.evidence import Check, Design, Estimate, Evidence, with_sign
from whywin.settings import check_settings
from whywin.stats.cluster import Contrast, intracluster_correlation
from whywin.stats.informative_size import informative_size
from whywin.stats.randomization import randomization
from whywin.trials.effects import InArm, compared, on_average_unit
from whywin.trials.families import guardrail_checks, metrics_table
from whywin.trials.metric import TIMED, Metric
from whywin.trials.question import Trial
from whywin.trials.segments import segment_tables
from whywin.trials.units import Pair, by_unit, coded, need_of_all, pairs_of, scale_of
from whywin.trials.weeks import weekly

FEWEST_FOR_TEST = 3  # units in each arm


@dataclass(frozen=True)
class Fixed:
    """Difference of each arm to control, with CR2 standard errors by unit and Satterthwaite degrees of freedom.

    The estimand is the average deal's: units weigh by their deals, and a unit without deals weighs nothing; beside it stands that of the
    average unit, in which a unit without deals has no rate and is left out. With few units, or very unequal ones, a randomisation
    test stands beside the interval, and an effect that the interval shows is withdrawn where the test's p-value is over twice the error
    rate, which keeps the error rate from 8 units on (experiments/few_reps.py). Sources: Bell and McCaffrey (2002), Survey
    Methodology 28, 169-181; Pustejovsky and Tipton (2018), JBES 36, 672-683.
    """

    design: ClassVar[Design] = "randomised"
    independent: ClassVar[Literal["unit", "deal"]] = "unit"
    few_units: Annotated[int, Ge(0), doc("a randomisation test stands beside the interval with fewer units in two arms")] = 30
    unequal: Annotated[float, Ge(0), doc("and where the coefficient of variation of their deals is above this")] = 0.8
    draws: Annotated[int, Ge(199), doc("assignments that the test draws; all are enumerated where there are no more")] = 9999

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: Trial) -> Need:
        """Counts by arm and unit, or every metric of every deal."""
        dated = ("closed",) if question.start is not None else ()
        return need_of_all(question, *question.dealt_by, *dated)

    def answer(self, question: Trial, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return each arm's mean and its difference to control, in percent and points for the win rate."""
        testing, family = rng.spawn(2)
        sample = coded(question, sample)
        found = [(metric, compared(question, sample, metric)) for metric in question.measured]
        estimates = [row for metric, arms in found for row in _estimates(question, metric, arms)]
        checks, tables = guardrail_checks(question, found), {"arms": _arms(found[0][1])}
        primary = question.primary
        if primary.kind not in {"quantile", *TIMED}:
            units = by_unit(question, sample)
            pairs = pairs_of(question, sample, units)
            tables["arms"] = self._tested(pairs, tables["arms"], testing)
            tables |= _unit_tables(question, units)
            if primary.kind != "ratio" and "reps" in tables:
                estimates += _on_average_unit(question, units)
                checks += _informative(question, pairs)
            tables |= segment_tables(question, sample)
            weeks = weekly(question, sample, units)
            tables |= {"weeks": weeks} if len(weeks) else {}
        estimates.sort(key=lambda row: (row.quantity != "effect of assignment", "effect" not in row.quantity))
        tables["metrics"] = metrics_table(question, found, family)
        return Evidence(tuple(estimates), tuple(checks), tables)

    def _tested(self, pairs: list[Pair], arms: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        """Add the randomisation test's p-value to each arm whose units are few or very unequal; no column where none is."""
        p_values = {}
        for pair in pairs:
            count, variation = len(pair.size), float(pair.size.std(ddof=1) / pair.size.mean())
            if count < self.few_units or variation > self.unequal:
                draws = self._draws(count)
                test = randomization(
                    pair.total, pair.size, pair.treated, strata=pair.stratum, accepts=pair.accepts, draws=draws, rng=rng
                )
                p_values[pair.arm] = test.p_value()
        return arms.assign(randomization_p=arms["arm"].map(p_values)) if p_values else arms

    def _draws(self, units: int) -> int:
        """Fewer draws where units are many, so that the work stays the same."""
        return int(max(199, min(self.draws, 40_000_000 // max(units, 1))))


def _estimates(question: Trial, metric: Metric, arms: list[InArm]) -> list[Estimate]:
    scale, rate_unit, effect_unit, quantity = scale_of(question, metric)
    named = "effect of assignment" if metric == question.primary else f"effect of assignment on {metric.name}"
    relative = named.replace("effect", "relative effect", 1)
    rows = []
    for one in arms:
        segment = f"arm={one.arm}"
        rows.append(_estimate(question, quantity, segment, one.mean, one.deals, scale, rate_unit))
        both = one.deals + arms[0].deals
        if one.effect is not None:
            rows.append(_estimate(question, named, segment, one.effect, both, scale, effect_unit))
        if one.log_ratio is not None and metric == question.primary:
            ends = (one.log_ratio.value, *one.log_ratio.interval(question.level))
            value, low, high = (100 * float(np.expm1(np.clip(end, -50, 50))) for end in ends)
            rows.append(Estimate(relative, segment, value, low, high, question.level, both, "percent"))
    return rows


def _estimate(question: Trial, quantity: str, segment: str, found: Contrast, deals: int, scale: float, unit: str) -> Estimate:
    low, high = (scale * end for end in found.interval(question.level))
    if unit == "percent":
        low, high = max(low, 0.0), min(high, 100.0)
    value = scale * found.value
    return Estimate(quantity, segment, value, min(low, value), max(high, value), question.level, deals, unit)  # type: ignore[arg-type]


def _on_average_unit(question: Trial, units: pd.DataFrame) -> list[Estimate]:
    scale, _, unit, _ = scale_of(question)
    named = f"effect of assignment on the average {question.unit}"
    found = on_average_unit(question, units)
    return [_estimate(question, named, f"arm={arm}", effect, deals, scale, unit) for arm, (effect, deals) in found.items()]


def _informative(question: Trial, pairs: list[Pair]) -> list[Check]:
    """Say whether the average deal's effect is another than the average unit's, for the arm where they differ most surely."""
    scale, _, unit, _ = scale_of(question)
    found = {}
    for pair in pairs:
        if min(pair.treated.sum(), (~pair.treated).sum()) >= FEWEST_FOR_TEST and pair.size.std() > 0:
            found[pair.arm] = informative_size(pair.total, pair.size, pair.treated)
    if not found:
        return []
    arm = min(found, key=lambda name: found[name].p_value)
    p_value, gap = min(1.0, found[arm].p_value * len(found)), scale * found[arm].value
    alike = p_value >= 1 - question.level
    amount = f"{with_sign(gap)}{'' if unit == 'number' else f' {unit}'}"
    follows = (
        "" if alike else f", so that {question.unit}s with many deals have another effect, and the two are different questions"
    )
    says = f"The effect of {arm} on the average deal less that on the average {question.unit} is {amount} (p = {p_value:.2g}){follows}."
    return [Check("informative_size", alike, "note", says, p_value)]


def _arms(arms: list[InArm]) -> pd.DataFrame:
    rows = []
    for one in arms:
        shown = one.effect or one.mean
        row = {"arm": one.arm, "units": one.units, "deals": one.deals, "degrees": shown.degrees}
        rows.append(row | ({"p_value": one.effect.p_value} if one.effect else {}))
    return pd.DataFrame(rows)


def _unit_tables(question: Trial, units: pd.DataFrame) -> dict[str, pd.DataFrame]:
    total, size, deals = (units[name].to_numpy(dtype=float) for name in ("total", "size", "deals"))
    arm = np.unique(units["arm"].astype(str), return_inverse=True)[1]
    clustering: dict[str, list[float]] = {
        "units": [len(units)],
        "deals per unit": [float(deals.mean())],
        "variation of deals per unit": [float(deals.std(ddof=1) / deals.mean())],
    }
    if deals.max() > 1 and question.primary.kind != "ratio":
        squares = units["squares"].to_numpy(dtype=float)
        clustering["correlation within a unit"] = [intracluster_correlation(total, squares, size, arm)]
    if deals.max() == 1:  # every unit is a deal, and a row a unit says nothing
        return {"clustering": pd.DataFrame(clustering)}
    reps = units.assign(rate=scale_of(question)[0] * total / size)[["unit", "arm", "deals", "rate"]]
    return {"clustering": pd.DataFrame(clustering), "reps": reps}
