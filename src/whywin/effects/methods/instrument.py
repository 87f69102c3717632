"""What moves the treatment by chance alone, used as if it were a lottery."""

from dataclasses import dataclass
from math import isfinite
from typing import Annotated, Any, ClassVar, Final, Literal

import numpy as np
import pandas as pd
from annotated_types import doc
from scipy.stats import norm
from scipy.stats import t as student

from whywin.deals.need import Need
from whywin.effects.comparison import Comparison, compared, eligible, need_of
from whywin.effects.question import Effect
from whywin.errors import QuestionError
from whywin.evidence import Check, Design, Estimate, Evidence
from whywin.settings import check_settings
from whywin.stats.instruments import Fitted, Moments, first_stage, k_class, moments, not_refuted

QUANTITY: Final = "effect on the compliers"
CONTRADICTED: Final = 0.05


@dataclass(frozen=True)
class Instrument:
    """The effect on the deals whose treatment the instrument moves, by two-stage least squares.

    An instrument is something like a coin: it moves the treatment, it moves the outcome through the treatment alone, and nothing moves both
    it and the outcome beyond what is adjusted for. The interval is that of Anderson and Rubin, which holds however weak the instrument is;
    where that is no single bounded interval, the one of the standard error is shown and the check of weak instruments fails.
    Sources: Angrist, Imbens and Rubin (1996), JASA 91, 444-455; Anderson and Rubin (1949), Annals of Mathematical Statistics 20, 46-63;
    Andrews, Stock and Sun (2019), Weak instruments in instrumental variables regression, Annual Review of Economics 11, 727-753.
    """

    estimator: Annotated[
        Literal["two_stage", "limited_information"],
        doc("two-stage least squares, or limited-information maximum likelihood, which many or weak instruments bias less"),
    ] = "two_stage"
    interval: Annotated[
        Literal["anderson_rubin", "standard_error"],
        doc("by the test that weak instruments do not spoil, or by the standard error"),
    ] = "anderson_rubin"
    spread: Annotated[
        Literal["separate", "pooled"],
        doc("whether the noise may differ between deals, or is alike; clusters are always kept apart"),
    ] = "separate"
    design: ClassVar[Design] = "natural"
    requires: ClassVar[tuple[str, ...]] = ("identification", "weak_instrument")

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def faults(self, question: Effect) -> list[str]:
        """Say what the question lacks."""
        return [] if question.instruments else ["the question names no instruments; add them, or leave this method out"]

    def need(self, question: Effect) -> Need:
        """The columns that the question rests on, and the instruments."""
        need = need_of(question)
        return type(need)((*need.names, *question.instruments), need.closed_only)

    def answer(self, question: Effect, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return the effect on the compliers, the first stage, and every effect that is not refuted.

        Raises:
            QuestionError: what is adjusted for says all that the instruments say.
        """
        comparison, given = self._given(question, sample)
        fitted, strength = k_class(given, self.estimator), first_stage(given)
        kept = not_refuted(given, question.level)
        ends = self._ends(question, given, fitted, kept)
        value, low, high = (comparison.scale * number for number in (fitted.value, *ends))
        row = Estimate(QUANTITY, "all", value, low, high, question.level, len(comparison.outcome), comparison.unit)
        tables = {
            "first_stage": pd.DataFrame(
                {
                    "instrument": list(question.instruments),
                    "moves": [100 * slope for slope in strength.slopes],
                    "standard_error": [100 * error for error in strength.errors],
                    "effective_f": strength.effective,
                    "needed_f": strength.critical,
                }
            ),
            "anderson_rubin": _kept_table(comparison, kept),
        }
        return Evidence((row,), tuple(_excess(question, fitted)), tables)

    def point(self, question: Effect, sample: pd.DataFrame) -> float:
        """Return the effect alone, in people's units."""
        comparison, given = self._given(question, sample)
        return comparison.scale * k_class(given, self.estimator).value

    def _given(self, question: Effect, sample: pd.DataFrame) -> tuple[Comparison, Moments]:
        deals = eligible(question, sample)
        comparison = compared(question, deals)
        columns = deals[list(question.instruments)].to_numpy(dtype=np.float64)
        try:
            return comparison, moments(
                comparison.outcome, comparison.treated, columns, comparison.covariates.matrix, comparison.clusters, self.spread
            )
        except ValueError as error:
            raise QuestionError(f"instruments: {error}; leave out one, or what says it") from error

    def _ends(
        self, question: Effect, given: Moments, fitted: Fitted, kept: tuple[tuple[float, float], ...]
    ) -> tuple[float, float]:
        """Return both ends: of the one bounded interval that is not refuted and holds the estimate, else by the standard error."""
        if self.interval == "anderson_rubin" and len(kept) == 1:
            low, high = kept[0]
            if isfinite(low) and isfinite(high) and low <= fitted.value <= high:
                return low, high
        place = 0.5 + question.level / 2
        quantile = norm.ppf(place) if given.clusters is None else student.ppf(place, given.degrees)
        return fitted.value - float(quantile) * fitted.error, fitted.value + float(quantile) * fitted.error


def _kept_table(comparison: Comparison, kept: tuple[tuple[float, float], ...]) -> pd.DataFrame:
    """Return what is not refuted, one row an interval; an end that is missing lies beyond all bounds."""
    ends = [[comparison.scale * end if isfinite(end) else np.nan for end in one] for one in kept]
    return pd.DataFrame(ends, columns=["from", "to"], dtype=float)


def _excess(question: Effect, fitted: Fitted) -> Any:
    if len(question.instruments) > 1:
        says = (
            f"The {len(question.instruments)} instruments tell of one effect with a chance of {fitted.excess_chance:.2g} (Hansen's J "
            f"{fitted.excess:.1f}); where it is small, one of them moves the outcome in another way too, or they move different deals."
        )
        yield Check("agreeing_instruments", fitted.excess_chance >= CONTRADICTED, "serious", says, fitted.excess_chance)
