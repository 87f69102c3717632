"""Whether the arms have the units that the assignment should have given them."""

from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, doc
from scipy.stats import binomtest

from whywin.deals.labels import texts
from whywin.deals.need import Columns, Need
from whywin.evidence import Answered, Check
from whywin.stats.sample_ratio import sequential_p_values
from whywin.trials.period import of_trial
from whywin.trials.question import Trial
from whywin.trials.units import arms_of, by_unit, need_of


@dataclass(frozen=True)
class SampleRatio:
    """The number of units in each arm must fit the planned shares; if not, the assignment or the data are broken.

    Two arms are tested exactly (binomial); more arms by Pearson's statistic against draws from the planned multinomial. Where the
    trial's start is known, units also count by the week of their first deal, and a test that may be looked at every week stands beside;
    where looks are planned it decides. Sources: Fabijan et al. (2019), Diagnosing sample ratio mismatch in online controlled experiments,
    KDD; Lindon and Malek (2022), Anytime-valid inference for multinomial count data, NeurIPS 35.
    """

    alpha: Annotated[float, Gt(0), Lt(1), doc("it fails when the p-value is below this")] = 0.01
    draws: Annotated[int, Ge(1000), doc("draws from the planned multinomial when there are more than two arms")] = 20_000
    concentration: Annotated[
        float | None,
        Gt(0),
        doc("the larger, the smaller the departures that the weekly test looks for; the number of units when not given"),
    ] = None

    def need(self, question: Trial) -> Need:
        """Counts by arm and unit, or every deal with the day of its creation."""
        if question.start is None:
            return need_of(question)
        return Columns((question.arm, question.unit, "created", "closed", "won"), closed_only=False)

    def check(
        self,
        question: Trial,
        answers: tuple[Answered, ...],
        sample: pd.DataFrame,
        rng: np.random.Generator,
    ) -> tuple[Check, ...]:
        """Return one check about the whole run."""
        units = by_unit(question, sample) if question.start is None else _first_weeks(question, sample)
        arms = arms_of(question, units)
        counts = units["arm"].value_counts().reindex(arms).to_numpy(dtype=np.int64)
        planned = np.array(question.planned(arms))
        p = self._exact(counts, planned) if len(arms) == 2 else self._simulated(counts, planned, rng)  # noqa: PLR2004 - two arms
        found = ", ".join(f"{arm} {count:,}" for arm, count in zip(arms, counts, strict=True))
        wanted = ", ".join(f"{share * counts.sum():,.1f}" for share in planned)
        weekly, decides = "", p
        if question.start is not None:
            batches = pd.crosstab(units["week"], units["arm"]).reindex(columns=arms, fill_value=0).to_numpy(dtype=float)
            always = float(sequential_p_values(batches, planned, concentration=self.concentration or float(counts.sum()))[-1])
            weekly, decides = f"; looked at every week, p = {always:.3g}", always if question.looks else p
        says = f"The arms have {found} {question.unit}s where {wanted} were planned (p = {p:.3g}{weekly})."
        return (Check("sample_ratio", decides >= self.alpha, "serious", says, decides),)

    def _exact(self, counts: np.ndarray, planned: np.ndarray) -> float:
        return float(binomtest(int(counts[0]), int(counts.sum()), float(planned[0])).pvalue)

    def _simulated(self, counts: np.ndarray, planned: np.ndarray, rng: np.random.Generator) -> float:
        expected = planned * counts.sum()
        drawn = rng.multinomial(counts.sum(), planned, size=self.draws)
        seen = ((counts - expected) ** 2 / expected).sum()
        return float((1 + (((drawn - expected) ** 2 / expected).sum(axis=1) >= seen - 1e-12).sum()) / (self.draws + 1))


def _first_weeks(question: Trial, sample: pd.DataFrame) -> pd.DataFrame:
    """Return one row a unit of the trial: unit, arm, and the number of the week of its first deal."""
    rows = of_trial(question, sample).dropna(subset=[question.arm, question.unit])
    keys = [texts(rows[name]).rename(label) for label, name in (("unit", question.unit), ("arm", question.arm))]
    first = rows["created"].groupby(keys, observed=True).min().reset_index().astype({"unit": "string", "arm": "string"})
    return first.assign(week=(first["created"] - pd.Timestamp(question.start)).dt.days // 7)
