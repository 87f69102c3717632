"""The wild cluster bootstrap of a trial, by the unit that was randomised."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge, doc

from whywin.deals.need import Need
from whywin.evidence import Design, Evidence
from whywin.settings import check_settings
from whywin.stats.wild_bootstrap import moments_of_arms, wild_bootstrap
from whywin.trials.question import Trial
from whywin.trials.redrawing import evidence_of
from whywin.trials.units import Pair, need_of, pairs_of, sums_only


@dataclass(frozen=True)
class WildBootstrap:
    """Difference of each arm to control, with the interval that the restricted wild cluster bootstrap does not reject.

    The signs of whole units' residuals, under the effect that is tested, are turned at random; all 2^G ways are gone through
    where there are few. With very few units in one arm it hardly ever rejects. The estimand is the average deal's, as in
    `fixed`. Sources: Cameron, Gelbach and Miller (2008), REStat 90, 414-427; Roodman, MacKinnon, Nielsen and Webb (2019),
    Stata Journal 19, 4-60; MacKinnon and Webb (2018), Econometrics Journal 21, 114-135.
    """

    design: ClassVar[Design] = "randomised"
    independent: ClassVar[Literal["unit", "deal"]] = "unit"
    draws: Annotated[int, Ge(199), doc("sets of signs to draw; all are enumerated where there are no more")] = 9999

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def faults(self, question: Trial) -> list[str]:
        """Say what the question asks that it cannot tell."""
        return sums_only(question, "wild_bootstrap")

    def need(self, question: Trial) -> Need:
        """Counts by arm and unit, or the metric of every deal."""
        return need_of(question, *question.dealt_by)

    def answer(self, question: Trial, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return each arm's difference to control, in points for the win rate.

        Raises:
            QuestionError: there are so few units, or one is so large, that the interval has no ends.
        """
        pairs = pairs_of(question, sample)
        tests = [wild_bootstrap(*_moments(pair), [-1.0, 1.0], draws=self.draws, rng=rng) for pair in pairs]
        return evidence_of(question, pairs, tests, "wild_bootstrap")


def _moments(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Return the cross products of each cluster: the unit, or what the question names."""
    index = np.unique(pair.cluster, return_inverse=True)[1]
    products, outcomes = moments_of_arms(pair.total, pair.size, pair.treated)
    summed = np.zeros((index.max() + 1, *products.shape[1:])), np.zeros((index.max() + 1, outcomes.shape[1]))
    np.add.at(summed[0], index, products)
    np.add.at(summed[1], index, outcomes)
    return summed
