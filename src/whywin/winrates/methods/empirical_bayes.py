"""Win rates by partial pooling of one dimension at a time, exactly and at once: for a first look, or for ten million deals."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from annotated_types import doc
from numpy.typing import NDArray
from scipy.special import betaincinv

from whywin.deals.need import Cells
from whywin.evidence import Design, Estimate, Evidence
from whywin.settings import check_settings
from whywin.stats.beta_binomial import maximum_likelihood
from whywin.stats.beta_population import population
from whywin.stats.proportions import newcombe, wilson
from whywin.winrates.question import WinRates
from whywin.winrates.scopes import comparisons

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class EmpiricalBayes:
    """Rates of a dimension's levels drawn towards one another by a beta-binomial model: an answer in a tenth of a second.

    Each dimension is looked at by itself, so that a level's rate is that of its deals, whatever else they have in common. The
    company's rate and its change are as observed, with Wilson's and Newcombe's intervals.
    Sources: Efron and Morris (1975), Data analysis using Stein's estimator and its generalizations, JASA 70, 311-319; Gelman et al.
    (2013), Bayesian Data Analysis, 3rd edition, section 5.3.
    """

    design: ClassVar[Design] = "description"

    # experiments/empirical_bayes.py: plugged in, 95 % intervals cover too seldom, since alpha and beta were estimated too.
    hyperparameters: Annotated[
        Literal["integrated", "plugged_in"],
        doc(
            "integrated: over the exact posterior of alpha and beta; plugged_in: their most likely values, as if they were known"
        ),
    ] = "integrated"

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: WinRates) -> Cells:
        """Counts by every dimension."""
        return question.cells

    def answer(self, question: WinRates, cells: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return rates in percent, the change in points, how far levels were drawn in, and each dimension's beta distribution."""
        del rng
        pool = _integrated if self.hyperparameters == "integrated" else _plugged_in
        tables = [_dimension(name, cells, pool, question.level) for name in question.dimensions]
        shrinkage = pd.concat([levels for levels, _ in tables], ignore_index=True)
        hyperparameters = pd.DataFrame([row for _, row in tables])
        rates = [
            Estimate("win rate", f"{row['dimension']}={row['level']}", row["pooled"], row["low"], row["high"], question.level, row["deals"], "percent")
            for row in shrinkage.to_dict("records")
        ]  # fmt: skip
        found = {"shrinkage": shrinkage, "hyperparameters": hyperparameters}
        return Evidence((_company(question, cells), *rates, *_change(question, cells)), tables=found)


@dataclass(frozen=True, eq=False)
class _Pooled:
    """Rates of levels in shares, with their ends; the rate that they are drawn to; and what is known of the beta distribution."""

    rate: Floats
    low: Floats
    high: Floats
    centre: float
    beta: Mapping[str, float]


def _dimension(
    name: str, cells: pd.DataFrame, pool: Callable[[Floats, Floats, float], _Pooled], level: float
) -> tuple[pd.DataFrame, dict[str, object]]:
    counts = cells.groupby(name, observed=True, sort=True)[["deals", "won"]].sum()
    deals, won = counts["deals"].to_numpy(float), counts["won"].to_numpy(float)
    pooled, raw = pool(deals, won, level), won / deals
    off = raw - pooled.centre
    drawn_in = np.clip(np.where(off == 0, 0.0, (raw - pooled.rate) / np.where(off == 0, 1.0, off)), 0, 1)
    columns = {
        "dimension": name, "level": counts.index.astype(str), "deals": counts["deals"].to_numpy(int), "raw": 100 * raw,
        "pooled": 100 * pooled.rate, "low": 100 * np.minimum(pooled.low, pooled.rate),
        "high": 100 * np.maximum(pooled.high, pooled.rate), "drawn_in": drawn_in,
    }  # fmt: skip
    return pd.DataFrame(columns), {"dimension": name, **pooled.beta}


def _integrated(deals: Floats, won: Floats, level: float) -> _Pooled:
    found = population(deals, won)
    ends = (1 - level) / 2, (1 + level) / 2
    low, high = found.rate_quantiles(deals, won, ends).T
    between = 100 * found.quantiles("between_sd", (ends[0], 0.5, ends[1]))
    middle = {name: float(found.quantiles(name, 0.5)) for name in ("alpha", "beta")}
    mean, _ = found.moments("mean")
    spread = dict(zip(("low", "between_sd", "high"), map(float, between), strict=True))
    beta = {**middle, "mean": 100 * mean, "between_sd": spread["between_sd"], "low": spread["low"], "high": spread["high"]}
    return _Pooled(found.rates(deals, won)[0], low, high, mean, beta)


def _plugged_in(deals: Floats, won: Floats, level: float) -> _Pooled:
    found = maximum_likelihood(deals, won)
    spread = {"between_sd": 100 * found.between_sd, "low": np.nan, "high": np.nan}
    beta = {"alpha": found.alpha, "beta": found.beta, "mean": 100 * found.mean, **spread}
    if np.isinf(found.precision):  # levels differ by chance alone, so that the model claims to know each of them
        alike = np.full(len(deals), found.mean)
        return _Pooled(alike, alike, alike, found.mean, beta)
    alpha, rest = found.alpha + won, found.beta + deals - won
    low, high = (betaincinv(alpha, rest, end) for end in ((1 - level) / 2, (1 + level) / 2))
    return _Pooled(alpha / (alpha + rest), low, high, found.mean, beta)


def _company(question: WinRates, cells: pd.DataFrame) -> Estimate:
    deals, won = int(cells["deals"].sum()), int(cells["won"].sum())
    low, high = wilson(won, deals, question.level)
    return Estimate("win rate", "all", 100 * won / deals, 100 * float(low), 100 * float(high), question.level, deals, "percent")


def _change(question: WinRates, cells: pd.DataFrame) -> Iterator[Estimate]:
    for segment, now, then in comparisons(question, cells):
        if segment == "all":
            deals, won = ([int(cells.loc[side, name].sum()) for side in (now, then)] for name in ("deals", "won"))
            low, high = newcombe((won[0], won[1]), (deals[0], deals[1]), question.level)
            value, ends = 100 * (won[0] / deals[0] - won[1] / deals[1]), (100 * float(low), 100 * float(high))
            yield Estimate("change in win rate", segment, value, *ends, question.level, sum(deals), "points")
