"""Whether the effect can be told from what was observed, by the stated graph."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from whywin.deals.need import Need
from whywin.effects.comparison import need_of
from whywin.effects.identification import identified
from whywin.effects.question import Effect
from whywin.evidence import Check


@dataclass(frozen=True)
class Identification:
    """By the stated graph, what is adjusted for closes every back-door path; it does not say that the graph is true."""

    def need(self, question: Effect) -> Need:
        """Which of the graph's nodes are columns."""
        return need_of(question)

    def check(
        self,
        question: Effect,
        answers: Iterable[Any],
        sample: pd.DataFrame,
        rng: np.random.Generator,
    ) -> tuple[Check, ...]:
        """Return one fatal check of the whole run; its value is the number of columns adjusted for."""
        found = identified(question, tuple(sample.columns))
        return (Check("identification", found.holds, "fatal", found.says, float(len(found.adjusted))),)
