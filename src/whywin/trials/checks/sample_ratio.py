"""Whether the arms have the units that the assignment should have given them."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, doc
from scipy.stats import binomtest

from whywin.deals.need import Need
from whywin.evidence import Answered, Check
from whywin.trials.question import Trial
from whywin.trials.units import arms_of, by_unit, need_of


@dataclass(frozen=True)
class SampleRatio:
    """The number of units in each arm must fit the planned shares; if not, the assignment or the data are broken.

    Two arms are tested exactly (binomial); more arms by Pearson's statistic against draws from the planned multinomial.
    """

    alpha: Annotated[float, Gt(0), Lt(1), doc("it fails when the p-value is below this")] = 0.001
    draws: Annotated[int, Ge(1000), doc("draws from the planned multinomial when there are more than two arms")] = 20_000

    def need(self, question: Trial) -> Need:
        """Counts by arm and unit."""
        return need_of(question)

    def check(
        self,
        question: Trial,
        answers: tuple[Answered, ...],
        sample: pd.DataFrame,
        rng: np.random.Generator,
    ) -> tuple[Check, ...]:
        """Return one check about the whole run."""
        units = by_unit(question, sample)
        arms = arms_of(question, units)
        counts = units["arm"].value_counts().reindex(arms).to_numpy(dtype=np.int64)
        planned = np.array(question.planned(arms))
        p = self._exact(counts, planned) if len(arms) == 2 else self._simulated(counts, planned, rng)  # noqa: PLR2004 - two arms
        found = ", ".join(f"{arm} {count:,}" for arm, count in zip(arms, counts, strict=True))
        wanted = ", ".join(f"{share * counts.sum():,.1f}" for share in planned)
        says = f"The arms have {found} {question.unit}s where {wanted} were planned (p = {p:.3g})."
        return (Check("sample_ratio", p >= self.alpha, "serious", says, p),)

    def _exact(self, counts: np.ndarray, planned: np.ndarray) -> float:
        return float(binomtest(int(counts[0]), int(counts.sum()), float(planned[0])).pvalue)

    def _simulated(self, counts: np.ndarray, planned: np.ndarray, rng: np.random.Generator) -> float:
        expected = planned * counts.sum()
        drawn = rng.multinomial(counts.sum(), planned, size=self.draws)
        seen = ((counts - expected) ** 2 / expected).sum()
        return float((1 + (((drawn - expected) ** 2 / expected).sum(axis=1) >= seen - 1e-12).sum()) / (self.draws + 1))
