"""The win rate as it was observed: the answer that every model has to beat."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from whywin.deals.need import Cells
from whywin.evidence import Design, Estimate, Evidence
from whywin.stats.proportions import wilson
from whywin.winrates.question import WinRates


@dataclass(frozen=True)
class Observed:
    """Won over closed deals for the company and each level of each dimension, with Wilson's interval; nothing is pooled.

    Source: Wilson (1927), JASA 22, 209-212.
    """

    design: ClassVar[Design] = "description"

    def need(self, question: WinRates) -> Cells:
        """Counts by every dimension."""
        return Cells(question.dimensions)

    def answer(self, question: WinRates, cells: pd.DataFrame, rng: np.random.Generator) -> Evidence:  # noqa: ARG002
        """Return the observed rates in percent."""
        estimates = [_rate(question, "all", cells)]
        for column in question.dimensions:
            estimates += [_rate(question, f"{column}={level}", part) for level, part in cells.groupby(column, sort=True)]
        return Evidence(tuple(estimates))


def _rate(question: WinRates, segment: str, cells: pd.DataFrame) -> Estimate:
    deals, won = int(cells["deals"].sum()), int(cells["won"].sum())
    low, high = wilson(won, deals, question.level)
    return Estimate("win rate", segment, 100 * won / deals, 100 * float(low), 100 * float(high), question.level, deals, "percent")
