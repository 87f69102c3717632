"""From log odds to what people ask about: rates of the deals that were there, by level and by period, and how they changed."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import expit

from whywin.evidence import Estimate, Unit
from whywin.winrates.question import WinRates
from whywin.winrates.scopes import comparisons, levels

Floats = NDArray[np.float64]
AT_ONCE = 2_000_000  # numbers held in memory at a time while cells' rates are averaged


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


def targets(question: WinRates, cells: pd.DataFrame) -> tuple[Target, ...]:
    """Return what the question asks of a table of cells, weighted by the deals that were there (poststratified).

    Rates of the company and of each level of each dimension; with periods, the change from baseline to current on each side's own
    mix, for the company and for each level that has deals on both sides of those dimensions that cross the period. Levels of
    other dimensions change by the model like the company, which would be told with too narrow an interval, so that it is not told.
    """
    deals = cells["deals"].to_numpy(float)
    rates = [_rate(segment, deals * inside) for segment, inside in levels(cells, question.dimensions)]
    moving = {name for pair in question.cross if question.period in pair for name in pair}
    changes = [
        _change(segment, deals * now, deals * then)
        for segment, now, then in comparisons(question, cells)
        if segment == "all" or segment.partition("=")[0] in moving
    ]
    return (*rates, *changes)


def _rate(segment: str, deals: Floats) -> Target:
    return Target("win rate", segment, deals / deals.sum(), int(deals.sum()), "percent")


def _change(segment: str, now: Floats, then: Floats) -> Target:
    weights = now / now.sum() - then / then.sum()
    return Target("change in win rate", segment, weights, int(now.sum() + then.sum()), "points")


def target_draws(tree: Any, asked: tuple[Target, ...]) -> Floats:
    """Return draws × targets, in shares; the rates of all cells are never held at once."""
    weights = csr_array(np.array([target.weights for target in asked]))
    return np.concatenate([np.ascontiguousarray((weights @ rates.T).T) for rates in cell_rates(tree)])


def cell_rates(tree: Any, chosen: slice | None = None) -> Iterator[Floats]:
    """Yield the win rates of the cells, some draws at a time: draws × cells, in shares, chain after chain.

    `chosen` takes some of the draws; all of them when it is not given.
    """
    position = tree.constant_data["position"].to_numpy()
    every = chosen or slice(None)
    whole = tree.posterior["intercept"].to_numpy().reshape(-1)
    intercept, effect = whole[every], tree.posterior["effect"].to_numpy().reshape(len(whole), -1)[every]
    step = max(AT_ONCE // position.shape[1], 1)
    for start in range(0, len(intercept), step):
        part = effect[start : start + step]
        odds = np.repeat(intercept[start : start + step, None], position.shape[1], axis=1)
        for row in position:
            odds += part[:, row]
        yield expit(odds)
