"""Whether a straight line in logits is enough to say who was treated."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, doc
from scipy.stats import norm

from whywin.deals.need import Need
from whywin.effects.comparison import compared, need_of
from whywin.effects.nuisances import LEARNERS, dealt, learned
from whywin.effects.question import Effect
from whywin.effects.refitting import likely
from whywin.evidence import Check
from whywin.settings import check_settings
from whywin.stats.influence import variance_of
from whywin.stats.stacking import loss

LINEAR = LEARNERS.index("linear")


@dataclass(frozen=True)
class FunctionalForm:
    """No flexible model may say better who was treated than the logit-linear one that matching and weighting rest on.

    Deals are held out in folds (clusters together) and their treatment is predicted by the logit-linear model and by a mixture of it with
    flexible ones. An answer that rests on the logit-linear model fails where the mixture has the smaller log loss, by more than noise and
    by more than a small share of what there is to predict. Methods whose own models are flexible are not judged.
    Source: van der Laan, Polley and Hubbard (2007), Super learner, Statistical Applications in Genetics and Molecular Biology 6.
    """

    share: Annotated[
        float, Ge(0), Lt(1), doc("the share of what the flexible models can predict that the linear one may miss")
    ] = 0.05
    level: Annotated[float, Gt(0), Lt(1), doc("chance of a false alarm, one-sided")] = 0.01
    folds: Annotated[int, Ge(2), doc("parts that the deals are split into; each is predicted from the others")] = 5

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: Effect) -> Need:
        """The deals that are compared."""
        return need_of(question)

    def check(
        self,
        question: Effect,
        answers: Iterable[Any],
        sample: pd.DataFrame,
        rng: np.random.Generator,
    ) -> tuple[Check, ...]:
        """Return one check for each answer with a logit-linear propensity; its value is the share that the straight line misses."""
        judged = [answer for answer in answers if _rests_on_linear(answer.evidence.tables)]
        return tuple(self._checked(question, judged, sample, rng)) if judged else ()

    def _checked(self, question: Effect, judged: list[Any], sample: pd.DataFrame, rng: np.random.Generator) -> Iterator[Check]:
        missed, chance = self._missed(question, sample, rng)
        passed = missed <= self.share or chance >= self.level
        says = (
            f"The logit-linear model of who is treated misses {100 * missed:.0f} % of what flexible models predict of it "
            f"({likely(chance)} for nothing)"
        )
        says += "." if passed else ": what it adjusts for may not be enough; rather believe a method with flexible models."
        for answer in judged:
            yield Check("functional_form", passed, "serious", says, missed, answer.label)

    def _missed(self, question: Effect, sample: pd.DataFrame, rng: np.random.Generator) -> tuple[float, float]:
        """Return the share of the predictable that the straight line misses, and how likely so large a gain is by chance alone."""
        comparison = compared(question, sample)
        treated = comparison.treated.astype(np.float64)
        everyone = np.ones(len(treated), dtype=bool)
        fold = dealt(comparison.treated, comparison.clusters, self.folds, rng)
        found = learned(comparison.covariates.matrix, treated, fold, LEARNERS, everyone)
        predictions = np.column_stack([found.by_learner[:, LINEAR], found.value, np.full(len(treated), treated.mean())])
        line, mixed, nothing = loss(predictions, treated, binary=True).T
        gain = line - mixed
        mean, error = float(gain.mean()), variance_of(gain - gain.mean(), comparison.clusters) ** 0.5
        there = float((nothing - mixed).mean())
        missed = float(np.clip(mean / there, 0, 1)) if there > 0 else 0.0
        return missed, float(norm.sf(mean / error)) if error > 0 else 1.0


def _rests_on_linear(tables: Any) -> bool:
    """Whether an answer adjusts, and by no model more flexible than the linear one."""
    learners = set(tables["nuisances"]["learner"]) if "nuisances" in tables else {"linear"}
    return "balance" in tables and learners <= {"linear"}
