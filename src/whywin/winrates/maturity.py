"""Cohorts of deals as they ripen: what is known of them on a day, the model of how they close, and what becomes of the open ones.

How a deal ends is split in two binomial parts, whose likelihoods multiply: whether a deal that is open closes on a day of its age,
and whether a deal that closes at that age is won. Each is a hierarchical model of a table of cells, band of ages × cohort, in which
a cohort may be faster or slower, better or worse, than the others, and in its own way at every age. A band that no cohort has lived
through yet keeps its cell with no deals in it, and is known as far as the other bands tell. Bands and cohorts follow one another as
random walks: a young cohort is more like the one before it than like an old one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.deals.derived import PERIODS
from whywin.stats.competing_risks import cumulative, life_table, still_to_come
from whywin.winrates.pieces import Pieces, pieces_of
from whywin.winrates.priors import Priors
from whywin.winrates.rates import cell_rates
from whywin.winrates.sampling import Effort

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
Sampler = Callable[[Pieces, Priors, Effort, np.random.Generator], Any]  # such as `fitting.fit`
NEARLY: Final = 1e-9  # a hazard of one would have no logarithm of what stays open


@dataclass(frozen=True, eq=False)
class Chances:
    """Draws of how deals of each cohort close.

    Attributes:
        hazard: draws × cohorts × bands of ages: the chance that an open deal closes on a day of the band.
        won_share: draws × cohorts × bands: the chance that a deal that closes in the band is won.
        last: the last day of each band; the last of them is the horizon.
        trees: the two posteriors, "closing" and "winning", as the sampler gave them.
    """

    hazard: Floats
    won_share: Floats
    last: Integers
    trees: dict[str, Any]

    def joint(self) -> Any:
        """Return both posteriors as one DataTree, every variable with its part's name in front, to be kept and judged as one.

        Where one part took more draws than the other, its first ones are in it. ``tried`` is what was tried in vain, then the last try.
        """
        import xarray as xr

        chains, draws = (min(tree.posterior.sizes[name] for tree in self.trees.values()) for name in ("chain", "draw"))
        first = {"chain": slice(chains), "draw": slice(draws)}
        unknown = [
            tree.posterior.to_dataset().isel(first).rename({name: f"{part}_{name}" for name in tree.posterior.data_vars})
            for part, tree in self.trees.items()
        ]
        groups = {"posterior": xr.merge(unknown, compat="equals", join="exact")}
        sampled = [tree.sample_stats.to_dataset().isel(first) for tree in self.trees.values() if "sample_stats" in tree.children]
        if sampled:
            diverging, energy = (sum(one[name] for one in sampled) for name in ("diverging", "energy"))
            groups["sample_stats"] = xr.Dataset({"diverging": diverging > 0, "energy": energy})
        joint = xr.DataTree.from_dict(groups)
        tried = [f"{part}: {words}" for part, tree in self.trees.items() for words in tree.attrs["tried"]]
        vain = [f"{part}: {words}" for part, tree in self.trees.items() for words in tree.attrs["tried"][:-1]]
        joint.attrs.update(
            tried=[*vain, tried[-1]], engine=" and ".join(sorted({tree.attrs["engine"] for tree in self.trees.values()}))
        )
        judged = [tree.attrs for tree in self.trees.values() if "khat" in tree.attrs]
        for name, worst in (("khat", max), ("khat_marginal", max), ("effective", min), ("candidates", min)):
            if judged:
                joint.attrs[name] = worst(attrs[name] for attrs in judged)
        return joint

    def by(self, days: Integers) -> tuple[Floats, Floats]:
        """Return the chances of being won and of being lost by these ages: draws × cohorts × ages."""
        return cumulative(self.hazard, self.won_share, self.last, days)


@dataclass(frozen=True, eq=False)
class Endings:
    """How many deals of each cohort end by the horizon: draws × cohorts of counts."""

    won: Integers
    lost: Integers

    def rate(self, inside: NDArray[np.bool_] | list[int]) -> Floats:
        """Return the share won among those that are decided, for some cohorts together, by draw; half where none is."""
        won, lost = self.won[:, inside].sum(axis=1), self.lost[:, inside].sum(axis=1)
        return np.asarray(np.where(won + lost, won, 0.5) / np.maximum(won + lost, 1))


def known_on(deals: pd.DataFrame, day: pd.Timestamp) -> pd.DataFrame:
    """Return what a table of deals (cohort, created, closed, won) said on a day; deals created later are left out.

    Columns: ``cohort``; ``days``, the age at closing, or on that day while open; ``won``, missing while open; and ``reached``, the
    age that a deal has on that day, closed or not.
    """
    there = deals[deals["created"] <= day]
    closed = there["won"].notna() & (there["closed"] <= day)
    until = there["closed"].where(closed, day)
    days = (until - there["created"]).dt.days.astype("int64")
    reached = (day - there["created"]).dt.days.astype("int64")
    won = there["won"].where(closed).astype(float)
    return pd.DataFrame({"cohort": there["cohort"].astype(str), "days": days, "won": won, "reached": reached})


def first_day(cohort: str, grain: str) -> pd.Timestamp:
    """Return the day on which a cohort's first deals may be created."""
    return pd.Period(cohort, freq=PERIODS[grain]).start_time


def bands(known: pd.DataFrame, count: int, horizon: int | None) -> Integers:
    """Return the last days of bands of ages; the last one ends at the horizon, or at the longest cycle that was seen.

    They are quantiles of the cycles, closer together at both ends: there the chance of closing changes most within a band, which
    the model takes to be one. There are two at least.
    """
    cycles = known.loc[known["won"].notna(), "days"].to_numpy()
    end = max(int(cycles.max()), 1) if horizon is None else horizon
    quantiles = np.sin(np.pi / 2 * np.arange(1, count) / count) ** 2
    inner = np.ceil(np.quantile(np.minimum(cycles, end - 1), quantiles)).astype(np.int64)
    return np.unique(np.concatenate([inner, [end]]))


def counted(known: pd.DataFrame, cohorts: tuple[str, ...], last: Integers) -> pd.DataFrame:
    """Return one row a cohort and band of ages: ``cohort``, ``age``, days at risk (``exposed``), ``won`` and ``lost``."""
    rows = []
    for cohort in cohorts:
        own = known[known["cohort"] == cohort]
        seen = life_table(own["days"], own["won"], last)
        ages = [f"{band:03d}" for band in range(len(last))]
        rows.append(pd.DataFrame({"cohort": cohort, "age": ages, "exposed": seen.exposed, "won": seen.won, "lost": seen.lost}))
    return pd.concat(rows, ignore_index=True)


def chances(
    counts: pd.DataFrame,
    last: Integers,
    priors: tuple[Priors, Priors],
    effort: Effort,
    rng: np.random.Generator,
    sample: Sampler,
) -> Chances:
    """Fit both parts to counts by cohort and band of ages, under the priors of closing and of winning, and return their draws."""
    closed = counts["won"] + counts["lost"]
    closing, hazard = _fitted(counts.assign(deals=counts["exposed"], won=closed), priors[0], effort, rng, sample)
    winning, won_share = _fitted(counts.assign(deals=closed), priors[1], effort, rng, sample)
    draws = min(len(hazard), len(won_share))
    paired = [_shuffled(rates, draws, rng).reshape(draws, -1, len(last)) for rates in (hazard, won_share)]
    return Chances(np.clip(paired[0], NEARLY, 1 - NEARLY), paired[1], last, {"closing": closing, "winning": winning})


def _shuffled(rates: Floats, draws: int, rng: np.random.Generator) -> Floats:
    """Return so many of the draws in random order: the two parts are independent, whatever order their draws came in."""
    return rates[rng.permutation(len(rates))[:draws]]


def _fitted(cells: pd.DataFrame, priors: Priors, effort: Effort, rng: np.random.Generator, sample: Sampler) -> tuple[Any, Floats]:
    """Return the posterior of one part, and its rates: draws × cells."""
    pieces = pieces_of(cells, ("age", "cohort"), (("age", "cohort"),), walks=("age", "cohort"))
    tree = sample(pieces, priors, effort, rng)
    return tree, np.concatenate(list(cell_rates(tree)))


def endings(known: pd.DataFrame, cohorts: tuple[str, ...], drawn: Chances, rng: np.random.Generator) -> Endings:
    """Return how the deals of each cohort end: those decided count as they are, the open ones are drawn one by one."""
    won, lost = (np.zeros((len(drawn.hazard), len(cohorts)), dtype=np.int64) for _ in range(2))
    horizon = drawn.last[-1]
    for code, cohort in enumerate(cohorts):
        own = known[known["cohort"] == cohort]
        decided = own[own["won"].notna() & (own["days"] <= horizon)]
        waiting = own.loc[own["won"].isna() & (own["days"] < horizon), "days"]
        won[:, code], lost[:, code] = int(decided["won"].sum()), int((1 - decided["won"]).sum())
        if len(waiting):
            days, deals = np.unique(waiting.to_numpy(), return_counts=True)
            to_win, to_lose = still_to_come(drawn.hazard[:, code], drawn.won_share[:, code], drawn.last, days)
            wins = rng.binomial(deals, np.clip(to_win, 0, 1))
            losses = rng.binomial(deals - wins, np.clip(to_lose / np.maximum(1 - to_win, NEARLY), 0, 1))
            won[:, code] += wins.sum(axis=1)
            lost[:, code] += losses.sum(axis=1)
    return Endings(won, lost)
