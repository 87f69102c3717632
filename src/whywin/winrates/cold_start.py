"""What is to be expected of a level that has no deals yet: a new rep, a new region, the next period."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import pandas as pd

from whywin.deals.derived import PERIODS
from whywin.evidence import Estimate
from whywin.winrates.prediction import predicted
from whywin.winrates.question import WinRates
from whywin.winrates.structure import Structure

NEW: Final = "(new)"
MOST_NUMBERS: Final = 20_000_000  # draws × cells that may be predicted for one dimension; beyond it the draws are thinned
COLUMNS: Final = ("dimension", "level", "rate", "low", "high", "widest_seen")


def new_levels(
    question: WinRates,
    structure: Structure,
    cells: pd.DataFrame,
    tree: Any,
    rates: tuple[Estimate, ...],
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return one row a dimension: the win rate, in percent, that a level not seen before would have on the company's mix of deals.

    ``widest_seen`` is the width of the widest interval among the levels seen, in points.
    """
    rows = []
    for name, level in _unseen(question, structure):
        others = [other for other in question.dimensions if other != name]
        mix = cells.groupby(others, sort=True)["deals"].sum().reset_index() if others else cells[["deals"]].sum().to_frame().T
        weights = mix["deals"].to_numpy(float) / mix["deals"].sum()
        draws = tree.posterior["intercept"].size
        thin = slice(None, None, max(1, -(-draws * len(mix) // MOST_NUMBERS)))
        found = 100 * np.concatenate([some @ weights for some in predicted(tree, mix.assign(**{name: level}), rng, thin)])
        low, high = np.quantile(found, [(1 - question.level) / 2, (1 + question.level) / 2])
        seen = [one.high - one.low for one in rates if one.quantity == "win rate" and one.segment.startswith(f"{name}=")]
        rows.append((name, level, float(found.mean()), float(low), float(high), max(seen, default=np.nan)))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _unseen(question: WinRates, structure: Structure) -> Iterator[tuple[str, str]]:
    for name in question.dimensions:
        if name == structure.period:
            if structure.periods:
                yield name, str(pd.Period(structure.periods[-1], freq=PERIODS[question.grain]) + 1)
        elif name not in question.banded:
            yield name, NEW
