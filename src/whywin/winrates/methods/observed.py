"""The win rate as it was observed: the answer that every model has to beat."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pandas as pd

from whywin.deals.need import Cells
from whywin.evidence import Design, Estimate, Evidence
from whywin.stats.proportions import newcombe, wilson
from whywin.winrates.question import WinRates
from whywin.winrates.scopes import comparisons, levels


@dataclass(frozen=True)
class Observed:
    """Won over closed deals for the company and each level of each dimension, with Wilson's interval; nothing is pooled.

    Changes between periods have Newcombe's interval.
    Sources: Wilson (1927), JASA 22, 209-212; Newcombe (1998), Statistics in Medicine 17, 873-890.
    """

    design: ClassVar[Design] = "description"

    def need(self, question: WinRates) -> Cells:
        """Counts by every dimension."""
        return question.cells

    def answer(self, question: WinRates, cells: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return the observed rates in percent, and their changes in points."""
        rates = [_rate(question, segment, cells[inside]) for segment, inside in levels(cells, question.dimensions)]
        changes = [_change(question, segment, cells[now], cells[then]) for segment, now, then in comparisons(question, cells)]
        return Evidence((*rates, *changes))


def _rate(question: WinRates, segment: str, cells: pd.DataFrame) -> Estimate:
    deals, won = int(cells["deals"].sum()), int(cells["won"].sum())
    low, high = wilson(won, deals, question.level)
    return Estimate("win rate", segment, 100 * won / deals, 100 * float(low), 100 * float(high), question.level, deals, "percent")


def _change(question: WinRates, segment: str, now: pd.DataFrame, then: pd.DataFrame) -> Estimate:
    deals = int(now["deals"].sum()), int(then["deals"].sum())
    won = int(now["won"].sum()), int(then["won"].sum())
    low, high = newcombe(won, deals, question.level)
    value = won[0] / deals[0] - won[1] / deals[1]
    ends = 100 * float(low), 100 * float(high)
    return Estimate("change in win rate", segment, 100 * value, *ends, question.level, sum(deals), "points")
