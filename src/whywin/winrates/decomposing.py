"""The two periods of a comparison side by side: their cells, a model that lets every segment move between them, and its draws."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.stats.decomposition import Effects, Mix, effects, mix_of
from whywin.winrates.fitting import Engine, fit
from whywin.winrates.pieces import pieces_of
from whywin.winrates.priors import Priors
from whywin.winrates.question import WinRates
from whywin.winrates.rates import cell_rates
from whywin.winrates.sampling import Effort

Floats = NDArray[np.float64]
SIDE: Final = "(side)"
THEN, NOW = "baseline", "current"


@dataclass(frozen=True, eq=False)
class Compared:
    """The cells of both periods: one row a combination of levels that either has, whichever of the two it is.

    Attributes:
        dimensions: the columns that split the deals, the period not among them.
        cells: their levels, one row a combination.
        deals: closed deals by combination, before and now.
        won: won deals likewise.
    """

    dimensions: tuple[str, ...]
    cells: pd.DataFrame
    deals: tuple[Floats, Floats]
    won: tuple[Floats, Floats]

    @property
    def change(self) -> float:
        """The observed change of the win rate, as a share."""
        (before, now), (won_before, won_now) = self.deals, self.won
        return float(won_now.sum() / now.sum() - won_before.sum() / before.sum())

    @property
    def mix(self) -> Mix:
        """How the mix of combinations changed."""
        codes = [pd.factorize(self.cells[name], sort=True)[0] for name in self.dimensions]
        return mix_of(*self.deals, np.array(codes))

    @property
    def levels(self) -> list[tuple[str, str]]:
        """Every level as dimension and label, in the order of the mix."""
        return [(name, str(label)) for name in self.dimensions for label in pd.factorize(self.cells[name], sort=True)[1]]


def compared(question: WinRates, cells: pd.DataFrame) -> Compared:
    """Return the question's baseline and current periods, each pooled, side by side; other periods are left out."""
    dimensions = tuple(name for name in question.dimensions if name != question.period)
    side = np.where(
        cells[question.period].isin(question.current), NOW, np.where(cells[question.period].isin(question.baseline), THEN, "")
    )
    rows = cells.assign(**{SIDE: side})[side != ""]
    sums = rows.groupby([*dimensions, SIDE], observed=True, sort=True)[["deals", "won"]].sum().unstack(SIDE, fill_value=0)
    counts = {(name, label): sums[name, label].to_numpy(float) for name in ("deals", "won") for label in (THEN, NOW)}
    levels = sums.index.to_frame(index=False)
    return Compared(
        dimensions,
        levels,
        (counts["deals", THEN], counts["deals", NOW]),
        (counts["won", THEN], counts["won", NOW]),
    )


def drawn(
    found: Compared, cross: tuple[tuple[str, str], ...], priors: Priors, effort: Effort, rng: np.random.Generator, engine: Engine
) -> Any:
    """Return draws of the rates of every combination before and, behind them, now.

    Every dimension is crossed with the side, so that each segment may move in its own way. A combination without deals on one side
    has a row without deals there: it says nothing, and has its rate all the same.
    """
    sides = [
        found.cells.assign(**{SIDE: label, "deals": deals, "won": won})
        for label, deals, won in zip((THEN, NOW), found.deals, found.won, strict=True)
    ]
    rows = pd.concat(sides, ignore_index=True)
    crossed = (*cross, *((name, SIDE) for name in found.dimensions))
    return fit(pieces_of(rows, (*found.dimensions, SIDE), crossed), priors, effort, rng, engine)


def effects_of(tree: Any, mix: Mix) -> Effects:
    """Return the effects for each draw of the rates; the rates of all cells are never held at once."""
    count = len(mix.before)
    parts = [effects(mix, rates[:, :count], rates[:, count:]) for rates in cell_rates(tree)]
    return Effects(
        *(np.concatenate([getattr(part, name) for part in parts]) for name in ("rate", "mix", "rate_by_level", "mix_by_level"))
    )


def without_cells(tree: Any) -> Any:
    """Return the draws without their cells, which are not those of the sample that checks are given."""
    import xarray as xr

    kept = {name: tree[name].to_dataset() for name in ("posterior", "sample_stats") if name in tree.children}
    smaller = xr.DataTree.from_dict(kept)
    smaller.attrs.update(tree.attrs)
    return smaller


def contributions(found: Compared, effect: Effects, level: float) -> pd.DataFrame:
    """Return one row a level in points: its part of the rate effect and of its own dimension's mix effect, the largest first."""
    ends = (1 - level) / 2, (1 + level) / 2
    before, now = found.deals
    columns: dict[str, Floats] = {}
    for name, draws in (("rate", effect.rate_by_level), ("mix", effect.mix_by_level)):
        low, high = np.quantile(draws, ends, axis=0)
        columns[f"{name}_effect"] = 100 * draws.mean(axis=0)
        columns[f"{name}_low"], columns[f"{name}_high"] = 100 * low, 100 * high
    rows = list(_shares(found, before, now))
    table = pd.DataFrame(rows, columns=["dimension", "level", "deals", "share_before", "share_now"]).assign(**columns)
    order = (table["rate_effect"].abs() + table["mix_effect"].abs()).sort_values(ascending=False, kind="stable").index
    return table.loc[order].reset_index(drop=True)


def _shares(found: Compared, before: Floats, now: Floats) -> Iterator[tuple[str, str, int, float, float]]:
    for name in found.dimensions:
        codes, labels = pd.factorize(found.cells[name], sort=True)
        first, second = np.bincount(codes, before), np.bincount(codes, now)
        for label, one, other in zip(labels, first, second, strict=True):
            yield name, str(label), int(one + other), 100 * one / before.sum(), 100 * other / now.sum()
