"""Randomisation inference of a trial: every assignment that its design could have made."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge, doc

from whywin.deals.need import Need
from whywin.evidence import Design, Evidence
from whywin.settings import check_settings
from whywin.stats.randomization import randomization
from whywin.trials.question import Trial
from whywin.trials.redrawing import evidence_of
from whywin.trials.units import need_of, pairs_of, sums_only


@dataclass(frozen=True)
class Randomization:
    """Difference of each arm to control, with the interval that re-drawn assignments do not reject.

    Units are assigned anew with the arms' numbers of units, as the design did: within strata or pairs, and only as balanced as a
    constrained one would accept; the difference over its standard error is compared with what it then would have been. Exact,
    however few units there are, if the effect is the same for every deal. The estimand is the average deal's, as in `fixed`; with
    strata it is that of a regression with a column for each stratum. Sources: Fisher (1935), The Design of Experiments; Wu and
    Ding (2021), JASA 116, 1898-1913.
    """

    design: ClassVar[Design] = "randomised"
    independent: ClassVar[Literal["unit", "deal"]] = "unit"
    draws: Annotated[int, Ge(199), doc("assignments to draw; all are enumerated where there are no more")] = 9999

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def faults(self, question: Trial) -> list[str]:
        """Say what the question asks that it cannot tell."""
        return sums_only(question, "randomization")

    def need(self, question: Trial) -> Need:
        """Counts by arm, unit and stratum, or the metric of every deal."""
        return need_of(question, *question.dealt_by)

    def answer(self, question: Trial, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return each arm's difference to control, in points for the win rate.

        Raises:
            QuestionError: there are so few assignments, or one unit is so large, that the interval has no ends.
        """
        pairs = pairs_of(question, sample)
        tests = [
            randomization(
                pair.total, pair.size, pair.treated, strata=pair.stratum, accepts=pair.accepts, draws=self.draws, rng=rng
            )
            for pair in pairs
        ]
        return evidence_of(question, pairs, tests, "randomization")
