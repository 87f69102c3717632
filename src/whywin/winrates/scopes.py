"""Which deals each number of an answer is about."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.winrates.question import WinRates

Mask = NDArray[np.bool_]


def levels(cells: pd.DataFrame, dimensions: tuple[str, ...]) -> Iterator[tuple[str, Mask]]:
    """Yield "all" and then "column=level" for each level, each with the cells inside it."""
    yield "all", np.ones(len(cells), dtype=bool)
    for name in dimensions:
        codes, labels = pd.factorize(cells[name], sort=True)
        for code, label in enumerate(labels):
            yield f"{name}={label}", codes == code


def comparisons(question: WinRates, cells: pd.DataFrame) -> Iterator[tuple[str, Mask, Mask]]:
    """Yield each segment that has deals on both sides of the question's comparison, with its cells of now and of before.

    Nothing without baseline and current periods; the periods themselves are no segments here.
    """
    if not (question.period and question.baseline and question.current):
        return
    now = cells[question.period].isin(question.current).to_numpy(bool)
    then = cells[question.period].isin(question.baseline).to_numpy(bool)
    others = tuple(name for name in question.dimensions if name != question.period)
    for segment, inside in levels(cells, others):
        if (inside & now).any() and (inside & then).any():
            yield segment, inside & now, inside & then
