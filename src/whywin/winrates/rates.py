"""From log odds to what people ask about: rates of the deals that were there, by level and by period, and how they changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from whywin.evidence import Estimate, Unit
from whywin.winrates.question import WinRates
from whywin.winrates.scopes import comparisons, levels

Floats = NDArray[np.float64]
AT_ONCE: Final = 2_000_000  # numbers held in memory at a time while cells' rates are averaged
CHANGE: Final = "change in win rate"


@dataclass(frozen=True, eq=False)
class Target:
    """A quantity that is a weighted sum of the cells' rates.

    Attributes:
        quantity: its name, as in an estimate.
        segment: the deals it is about.
        weights: one a cell; positive weights sum to one, negative ones (of the baseline) to minus one.
        n: the deals that it rests on.
        unit: "percent" for a rate, "points" for a change.
    """

    quantity: str
    segment: str
    weights: Floats
    n: int
    unit: Unit

    def estimate(self, draws: Floats, level: float) -> Estimate:
        """Return the mean and the equal-tailed interval of its draws (shares), in people's units."""
        low, high = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
        middle = float(np.clip(draws.mean(), low, high))
        return Estimate(self.quantity, self.segment, 100 * middle, 100 * float(low), 100 * float(high), level, self.n, self.unit)


def targets(question: WinRates, cells: pd.DataFrame, moving: tuple[str, ...] = ()) -> tuple[Target, ...]:
    """Return what the question asks of a table of cells, weighted by the deals that were there (poststratified).

    Rates of the company and of each level of each dimension, also weighted by amount where the question asks for that; with periods,
    the change from baseline to current on each side's own mix, for the company and for each level of the dimensions that are
    `moving`. Levels of other dimensions change by the model like the company, which would be told with too narrow an interval, so
    that it is not told.
    """
    deals = cells["deals"].to_numpy(float)
    rates = [_rate("win rate", segment, deals * inside, deals * inside) for segment, inside in levels(cells, question.dimensions)]
    if question.weight:
        amount, name = cells["weight"].to_numpy(float), f"win rate weighted by {question.weight}"
        rates += [
            _rate(name, segment, amount * inside, deals * inside)
            for segment, inside in levels(cells, question.dimensions)
            if (amount * inside).sum() > 0
        ]
    changes = [
        Target(CHANGE, segment, _shares(deals * now) - _shares(deals * then), int((deals * (now | then)).sum()), "points")
        for segment, now, then in comparisons(question, cells)
        if segment == "all" or segment.partition("=")[0] in moving
    ]
    return (*rates, *changes)


def _rate(name: str, segment: str, weights: Floats, deals: Floats) -> Target:
    return Target(name, segment, _shares(weights), int(deals.sum()), "percent")


def _shares(weights: Floats) -> Floats:
    return np.asarray(weights / weights.sum())


def target_draws(rates: Iterator[Floats], asked: tuple[Target, ...]) -> Floats:
    """Return draws × targets, in shares, from rates that come some draws at a time; they are never held at once."""
    weights = csr_array(np.array([target.weights for target in asked]))
    return np.concatenate([np.ascontiguousarray((weights @ some.T).T) for some in rates])


def cell_rates(tree: Any, chosen: slice | None = None) -> Iterator[Floats]:
    """Yield the win rates of the cells, some draws at a time: draws × cells, in shares, chain after chain.

    `chosen` takes some of the draws; all of them when it is not given.
    """
    position = tree.constant_data["position"].to_numpy()
    whole = tree.posterior["intercept"].to_numpy().reshape(-1)
    effect = tree.posterior["effect"].to_numpy().reshape(len(whole), -1)
    every = chosen or slice(None)
    yield from win_rates(whole[every], effect[every], position)


def win_rates(intercept: Floats, effects: Floats, position: NDArray[np.int64]) -> Iterator[Floats]:
    """Yield draws × cells, some draws at a time, from draws of the intercept (log odds) and draws × effects (logits).

    `position` is terms × cells: which effect of each term a cell has, -1 for none.
    """
    from whywin.winrates import kernels

    across = np.ascontiguousarray(position.T.astype(np.int32))
    step = max(AT_ONCE // max(len(across), 1), 1)
    for start in range(0, len(intercept), step):
        part = slice(start, start + step)
        yield kernels.win_rates(intercept[part], np.ascontiguousarray(effects[part]), across)
