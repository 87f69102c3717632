"""Whether what held in some periods held in the next one, as far as the model promised."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, doc
from numpy.typing import NDArray
from scipy.sparse import csr_array

from whywin.evidence import Check, Severity
from whywin.settings import check_settings
from whywin.winrates.prediction import predicted
from whywin.winrates.question import WinRates
from whywin.winrates.refitting import refittable, refitted
from whywin.winrates.scopes import levels
from whywin.winrates.structure import MISSING

Floats = NDArray[np.float64]
WORK: Final = 10_000_000  # rates held at a time: fewer made-up next periods where they have more cells than this allows
LEAST: Final = 200
EDGE: Final = 1e-9


@dataclass(frozen=True)
class Drift:
    """The model fitted to the earlier periods forecasts the next one's deals as well as it says it does.

    It is fitted to the first periods and judged on the next one, again and again one period farther. Judged are the log score of a
    deal (against what the model expects of itself, and against the company's rate so far), the mean forecast, how far forecasts
    that differ go with rates that differ (a slope of one is right), and surprises: the company's won deals outside their interval,
    and a level's, counted beyond its share of all won deals. So a company whose rate moves is one surprise at most, and not one in
    every level: it is the levels' effects that are asked to hold. How many surprises are to be expected comes from next periods made
    up by the model and judged alike. Given the past, one next period says nothing of another's forecast, so that they are added up.
    Sources: Dawid (1984), Present position and potential developments: some personal views, statistical theory, the prequential
    approach, JRSS A 147, 278-292; Gneiting, Balabdaoui and Raftery (2007), Probabilistic forecasts, calibration and sharpness, JRSS
    B 69, 243-268.
    """

    first_periods: Annotated[int, Ge(2), doc("so many periods are learned from before the first forecast")] = 3
    most_periods: Annotated[int, Ge(1), doc("at most so many next periods are judged, the latest ones")] = 6
    least_deals: Annotated[int, Ge(1), doc("levels with fewer closed deals in the next period are not judged")] = 10
    replicates: Annotated[int, Ge(200), doc("how many times each next period is made up")] = 1000
    coverage: Annotated[float, Gt(0), Lt(1), doc("of the intervals outside which a level is a surprise")] = 0.95
    least: Annotated[float, Gt(0), Lt(1), doc("the share of made-up histories at least as surprising must be at least this")] = (
        0.01
    )

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: WinRates) -> None:
        """Nothing beyond the cells that the models were fitted to."""

    def check(
        self, question: WinRates, answers: tuple[Any, ...], sample: pd.DataFrame | None, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return one check for each answer of a model that can be fitted again; none without periods enough."""
        del sample
        if not question.period:
            return ()
        found: list[Check] = []
        for one in refittable(answers):
            forecasts = tuple(self._forecasts(question, one, rng))
            if forecasts:
                found.append(self._judged(forecasts, one.label))
        return tuple(found)

    def _forecasts(self, question: WinRates, answer: Any, rng: np.random.Generator) -> "Iterator[Forecast]":
        """Forecast each next period by a model of the periods before it; not where its fit cannot be trusted."""
        cells = answer.sample[answer.sample[question.period] != MISSING]
        periods = sorted(cells[question.period].unique())
        for period in periods[self.first_periods :][-self.most_periods :]:
            before = cells[cells[question.period] < period].reset_index(drop=True)
            now = cells[cells[question.period] == period].reset_index(drop=True)
            structure = answer.method.structure(question, before)
            if not structure.pieces(before).terms or not 0 < before["won"].sum() < before["deals"].sum():
                continue
            tree = refitted(answer.method, structure, before, rng)
            if tree is not None:
                yield self._forecast(question, str(period), before, now, tree, rng)

    def _forecast(
        self, question: WinRates, period: str, before: pd.DataFrame, now: pd.DataFrame, tree: Any, rng: np.random.Generator
    ) -> "Forecast":
        count = int(np.clip(WORK // len(now), LEAST, self.replicates))
        step = max(tree.posterior["intercept"].size // count, 1)
        rates = np.clip(np.concatenate(list(predicted(tree, now, rng, slice(None, step * count, step)))), EDGE, 1 - EDGE)
        deals = now["deals"].to_numpy(np.int64)
        made = rng.binomial(deals, rates)
        rate = float(before["won"].sum() / before["deals"].sum())
        names = tuple(name for name in question.dimensions if name != question.period)
        inside = [mask for segment, mask in levels(now, names) if segment == "all" or deals @ mask >= self.least_deals]
        return forecast(
            period, deals, now["won"].to_numpy(np.int64), rates.mean(axis=0), made, rate, np.array(inside), self.coverage
        )

    def _judged(self, forecasts: "Sequence[Forecast]", label: str) -> Check:
        whole = History.of(forecasts)
        surprising, poor = whole.chance_of_surprises, whole.chance_of_score
        periods = [one.period for one in forecasts]
        span = periods[0] if len(periods) == 1 else f"{periods[0]} to {periods[-1]}"
        score = (
            f"a log score of {_number(whole.score)} a deal ({_number(whole.promised)} promised, "
            f"{_number(whole.constant)} by the company's rate before)"
        )
        rates = f"{100 * whole.rate:.1f} % won ({100 * whole.forecast:.1f} % forecast, slope {_number(whole.slope, 1)})"
        share = f"{whole.surprises:,} of {whole.levels:,} levels outside their {100 * self.coverage:g} % intervals"
        fact = f"Forecast from the periods before, {span} had {score}, {rates}, and {share}"
        serious, told = surprising < self.least, poor < self.least
        verdict = f"no more than promised (p = {surprising:.2f})"
        if serious:
            verdict = f"more than promised (p = {surprising:.2g}), so effects drift and what is told of one period need not hold in the next"
        elif told:
            verdict = f"no more than promised, but the score is poorer than promised (p = {poor:.2g})"
        severity: Severity = "note" if told and not serious else "serious"
        return Check("drift", not (serious or told), severity, f"{fact}: {verdict}.", surprising, label)


@dataclass(frozen=True, eq=False)
class Forecast:
    """One next period against its forecast, and the same of each made-up one.

    Attributes:
        period: which it is.
        deals: closed deals.
        won: how many were won.
        forecast: how many were to be won.
        constant: log score, summed over deals, of the company's rate of the periods before.
        score: log score of the forecast, summed over deals: of the real deals first, then of each made-up period.
        surprises: levels outside their intervals, likewise.
        levels: how many levels were judged, the company among them.
        slope: numerator of the calibration slope, and its denominator.
    """

    period: str
    deals: int
    won: int
    forecast: float
    constant: float
    score: Floats
    surprises: Floats
    levels: int
    slope: tuple[float, float]


def forecast(
    period: str, deals: Floats, won: Floats, mean: Floats, made: Floats, rate: float, inside: Any, coverage: float
) -> Forecast:
    """Judge a forecast.

    Args:
        period: which it is of.
        deals: closed deals by cell.
        won: won deals by cell.
        mean: forecast rate by cell.
        made: replicates × cells, won deals made up by the model.
        rate: the company's rate before.
        inside: levels × cells, which cells belong to a level; the first is the company.
        coverage: of the levels' intervals.
    """
    every = np.vstack([won, made])
    score = every @ np.log(mean) + (deals - every) @ np.log1p(-mean)
    counts = beyond_company(every, deals, inside)
    low, high = np.quantile(counts[1:], [(1 - coverage) / 2, (1 + coverage) / 2], axis=0, method="inverted_cdf")
    off = mean - deals @ mean / deals.sum()
    return Forecast(
        period=period,
        deals=int(deals.sum()),
        won=int(won.sum()),
        forecast=float(deals @ mean),
        constant=float(won.sum() * np.log(rate) + (deals - won).sum() * np.log1p(-rate)),
        score=score,
        surprises=((counts < low) | (counts > high)).sum(axis=1).astype(float),
        levels=len(inside),
        slope=(float(won @ off), float(deals @ off**2)),
    )


def beyond_company(won: Floats, deals: Floats, inside: Any) -> Floats:
    """Return tables × levels: won deals of each level beyond its share of all won deals; of the company (the first) all of them."""
    counts = np.asarray((csr_array(inside.astype(float)) @ won.T).T)
    share = (inside @ deals) / deals.sum()
    share[0] = 0.0
    return np.asarray(counts - counts[:, :1] * share)


@dataclass(frozen=True)
class History:
    """All next periods taken together: scores are means over deals, rates are shares.

    The chances are those of made-up histories that are at least as surprising, or score at most as well.
    """

    score: float
    promised: float
    constant: float
    rate: float
    forecast: float
    slope: float
    surprises: int
    levels: int
    chance_of_surprises: float
    chance_of_score: float

    @classmethod
    def of(cls, forecasts: Sequence[Forecast]) -> "History":
        """Add up forecasts of several periods; a made-up history is one made-up period of each."""
        count = min(len(one.score) for one in forecasts)
        score = np.sum([one.score[:count] for one in forecasts], axis=0)
        surprises = np.sum([one.surprises[:count] for one in forecasts], axis=0)
        deals = sum(one.deals for one in forecasts)
        upper, lower = (sum(one.slope[part] for one in forecasts) for part in (0, 1))
        return cls(
            score=float(score[0] / deals),
            promised=float(score[1:].mean() / deals),
            constant=sum(one.constant for one in forecasts) / deals,
            rate=sum(one.won for one in forecasts) / deals,
            forecast=sum(one.forecast for one in forecasts) / deals,
            slope=upper / lower if lower > EDGE else 1.0,
            surprises=int(surprises[0]),
            levels=sum(one.levels for one in forecasts),
            chance_of_surprises=float((surprises >= surprises[0]).mean()),
            chance_of_score=float((score <= score[0]).mean()),
        )


def _number(value: float, digits: int = 3) -> str:
    return f"{value:.{digits}f}".replace("-", "−")
