"""Whether what should move the treatment moves it enough."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from annotated_types import Gt, doc

from whywin.effects.question import Effect
from whywin.evidence import Check, with_sign
from whywin.settings import check_settings


@dataclass(frozen=True)
class WeakInstrument:
    """The instrument, or the threshold, must move the treatment so strongly that the data bound the effect.

    An instrument's effective F must reach what Montiel Olea and Pflueger ask for; where Anderson and Rubin's test refutes no effect beyond some
    bounds, the check is fatal: then the data say nothing. A threshold must make the treatment jump by several standard errors.
    Sources: Montiel Olea and Pflueger (2013), JBES 31, 358-369; Feir, Lemieux and Marmer (2016), Weak identification in fuzzy regression
    discontinuity designs, JBES 34, 185-196.
    """

    errors: Annotated[float, Gt(0), doc("standard errors by which the treatment must jump at a threshold")] = 4.8

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: Effect) -> None:
        """Nothing beyond the methods' own tables."""
        return

    def check(
        self, question: Effect, answers: Iterable[Any], sample: pd.DataFrame | None, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return one check for each answer with a first stage; its value is the effective F, or that of the jump."""
        return tuple(self._checked(question, answers))

    def _checked(self, question: Effect, answers: Iterable[Any]) -> Iterator[Check]:
        for answer in answers:
            tables = answer.evidence.tables
            if "first_stage" in tables:
                yield _instrument(answer, tables["first_stage"], tables["anderson_rubin"])
            elif "threshold" in tables:
                yield self._threshold(question, answer, tables["threshold"].iloc[0])

    def _threshold(self, question: Effect, answer: Any, row: pd.Series) -> Check:
        jump, error = float(row["treated_jump"]), float(row["treated_jump_error"])
        if error == 0:
            says = f"The threshold alone decides: every deal at or above {question.threshold:g} is treated, and none below."
            return Check("weak_instrument", True, "fatal", says, 1e6, answer.label)  # noqa: FBT003
        says = f"At the threshold the share treated jumps by {jump:+.0f} points, {abs(jump) / error:.1f} standard errors; {self.errors:g} are needed."
        return Check(
            "weak_instrument",
            abs(jump) / error >= self.errors,
            "fatal",
            says.replace("-", "−"),
            (jump / error) ** 2,
            answer.label,
        )


def _instrument(answer: Any, first: pd.DataFrame, kept: pd.DataFrame) -> Check:
    found, needed = float(first["effective_f"].iloc[0]), float(first["needed_f"].iloc[0])
    moved = ", ".join(f"{row.instrument} by {with_sign(row.moves)} points" for row in first.itertuples())
    strength = f"A unit moves the treatment thus: {moved}; the effective F is {found:.1f}, and {needed:.1f} is needed"
    unit = {"points": " points", "days": " days"}.get(answer.evidence.estimates[0].unit, "")
    if len(kept) == 1 and kept.notna().all(axis=None):
        says = f"{strength}; the test that weak instruments do not spoil leaves effects {_shown(kept.iloc[0])}{unit}."
        return Check("weak_instrument", found >= needed, "serious", says, found, answer.label)
    if not len(kept):
        says = f"{strength}; no effect at all agrees with what the instruments say together."
    else:
        says = f"{strength}; the data do not bound the effect: they leave effects {' or '.join(_shown(row) for _, row in kept.iterrows())}{unit}."
    return Check("weak_instrument", False, "fatal", says, found, answer.label)  # noqa: FBT003


def _shown(row: pd.Series) -> str:
    low, high = row["from"], row["to"]
    if np.isnan(low) and np.isnan(high):
        return "of any size"
    if np.isnan(low):
        return f"up to {with_sign(high)}"
    return f"from {with_sign(low)} on" if np.isnan(high) else f"from {with_sign(low)} to {with_sign(high)}"
