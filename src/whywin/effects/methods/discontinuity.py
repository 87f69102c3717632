"""Deals just above a threshold against deals just below it."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from annotated_types import Gt, doc
from scipy.stats import norm
from scipy.stats import t as student

from whywin.deals.need import Need
from whywin.effects.question import Effect
from whywin.effects.thresholds import QUANTITY, Around, around, bins, effect_at, need_about
from whywin.errors import QuestionError
from whywin.evidence import Design, Estimate, Evidence
from whywin.settings import check_settings
from whywin.stats.discontinuity import Jump, Widths


@dataclass(frozen=True)
class Discontinuity:
    """Where a score decides at a threshold who is treated, deals on either side of it differ by the treatment alone.

    Lines are laid through the outcomes on either side, and a parabola says by how much they bend; the estimate is less its bias, and its
    interval counts the noise of both, so that it holds although the bandwidth was chosen by the same deals. Where the threshold does not
    decide alone, the jump of the outcome is divided by that of the treatment: the effect on the deals that the threshold moves. It is the
    effect at the threshold, and says nothing of deals far from it.
    Sources: Calonico, Cattaneo and Titiunik (2014), Econometrica 82, 2295-2326; Calonico, Cattaneo and Farrell (2020), Econometrics
    Journal 23, 192-210; Hahn, Todd and van der Klaauw (2001), Econometrica 69, 201-209.
    """

    width: Annotated[
        float | None,
        Gt(0),
        doc("how far from the threshold is looked, in units of the score; of least squared error when not given"),
    ] = None
    bias_width: Annotated[
        float | None, Gt(0), doc("how far is looked for the bend; as far as for the lines when only width is given")
    ] = None
    design: ClassVar[Design] = "natural"
    requires: ClassVar[tuple[str, ...]] = ("density", "placebo_cutoffs", "covariate_continuity", "weak_instrument")

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def faults(self, question: Effect) -> list[str]:
        """Say what the question lacks."""
        return [] if question.score else ["the question names no score and threshold; add them, or leave this method out"]

    def need(self, question: Effect) -> Need:
        """The columns that the question rests on, and the score."""
        return need_about(question)

    def answer(self, question: Effect, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return the effect at the threshold, the widths, and the means in bins of the score.

        Raises:
            QuestionError: the treatment does not jump at the threshold at all.
        """
        deals = around(question, sample)
        found, treatment = effect_at(deals, self._widths())
        if not np.isfinite([found.corrected, found.robust]).all() or not treatment.corrected:
            raise QuestionError(
                f"threshold: {question.treatment!r} does not jump at {question.threshold:g}, so that it decides nothing"
            )
        tables = {"threshold": _told(found, treatment, deals), "score_bins": bins(deals, found.widths)}
        return Evidence((_estimate(question, deals, found),), tables=tables)

    def point(self, question: Effect, sample: pd.DataFrame) -> float:
        """Return the effect alone, in people's units."""
        deals = around(question, sample)
        return deals.comparison.scale * effect_at(deals, self._widths())[0].corrected

    def _widths(self) -> Widths | None:
        return None if self.width is None else Widths(self.width, self.bias_width or self.width)


def _estimate(question: Effect, deals: Around, found: Jump) -> Estimate:
    place = 0.5 + question.level / 2
    reach = (
        float(norm.ppf(place) if deals.comparison.clusters is None else student.ppf(place, max(found.clusters - 1, 1)))
        * found.robust
    )
    value, low, high = (
        deals.comparison.scale * number for number in (found.corrected, found.corrected - reach, found.corrected + reach)
    )
    return Estimate(QUANTITY, "all", value, low, high, question.level, found.below + found.above, deals.comparison.unit)


def _told(found: Jump, treatment: Jump, deals: Around) -> pd.DataFrame:
    scale = deals.comparison.scale
    return pd.DataFrame(
        {
            "width": [found.widths.estimate],
            "bias_width": [found.widths.bias],
            "below": [found.below],
            "above": [found.above],
            "line_alone": [scale * found.value],
            "corrected": [scale * found.corrected],
            "standard_error": [scale * found.robust],
            "treated_jump": [100 * treatment.corrected],
            "treated_jump_error": [100 * treatment.robust],
        }
    )
