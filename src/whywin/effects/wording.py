"""How answers about effects are said, and what their grades require."""

from collections.abc import Mapping
from typing import Final

from whywin.effects.question import Effect
from whywin.evidence import WORDING, Design, Evidence, Grade, with_sign

REQUIRED: Final[Mapping[Design, tuple[str, ...]]] = {
    "adjusted": (
        "identification", "overlap", "balance", "placebo", "random_common_cause", "subset_stability", "dummy_outcome",
        "hidden_confounder", "simulated_confounder",
    ),
}  # fmt: skip
_WHOM: Final[Mapping[str, str]] = {
    "effect on the treated": "of the treated deals",
    "effect on all deals": "of all deals",
    "effect on the overlap": "of the deals that could have gone either way",
    "effect on the compliers": "of the deals whose treatment the instrument moves",
    "effect of treating now": "of the deals that are treated now rather than not yet",
    "effect at the threshold": "of the deals at the threshold",
}


def sentence(question: Effect, evidence: Evidence, grade: Grade) -> str:
    """Return the answer in one sentence, worded as the grade allows; that it may be noise is said first."""
    row = evidence.estimates[0]  # a natural experiment tells the effect that it can, whatever effect is asked for
    treatment = question.treatment.replace("_", " ").capitalize()
    whom = _WHOM[row.quantity]
    what = f"the win rate {whom}" if question.outcome == "won" else f"the mean {question.outcome.replace('_', ' ')} {whom}"
    unit = {"points": " points", "days": " days"}.get(row.unit, "")
    number = f"{with_sign(row.value)}{unit} ({100 * row.level:.0f} % interval {with_sign(row.low)} to {with_sign(row.high)}, {row.n:,} deals)"
    if row.low <= 0 <= row.high:
        return f"No effect of {treatment} on {what} can be told from noise: the estimate is {number}."
    if grade in {"B", "D"}:
        return f"{treatment} {WORDING[grade]} a difference in {what} of {number}."
    return f"{treatment} {WORDING[grade]} {what} by {number}."
