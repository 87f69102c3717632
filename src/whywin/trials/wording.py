"""How answers of trials are said, and what their grades require."""

from collections.abc import Mapping
from typing import Final

from whywin.evidence import WORDING, Design, Estimate, Evidence, Grade, with_sign
from whywin.trials.question import Trial

REQUIRED: Final[Mapping[Design, tuple[str, ...]]] = {"randomised": ("unit_of_analysis", "sample_ratio", "few_units")}


def sentence(question: Trial, evidence: Evidence, grade: Grade) -> str:
    """Return the answer in one sentence for each arm other than control, worded as the grade allows."""
    effects = [row for row in evidence.estimates if row.quantity == "effect of assignment"]
    return " ".join(_said(question, row, grade) for row in effects)


def _said(question: Trial, row: Estimate, grade: Grade) -> str:
    arm = row.segment.removeprefix("arm=")
    what = "the win rate" if question.metric == "won" else f"the mean of {question.metric}"
    unit = {"points": " points", "days": " days"}.get(row.unit, "")
    interval = f"{with_sign(row.value)}{unit} ({100 * row.level:.0f} % interval {with_sign(row.low)} to {with_sign(row.high)})"
    if row.low > question.margin or row.high < -question.margin:
        return f"Assignment to {arm} {WORDING[grade]} a change in {what} of {interval}."
    beyond = f" by more than {question.margin:g}{unit}" if question.margin else ""
    if -question.margin <= row.low and row.high <= question.margin and question.margin:
        return f"Assignment to {arm} does not change {what}{beyond}: {interval}."
    return f"The trial does not show that assignment to {arm} changes {what}{beyond}: {interval}, so that chance alone may explain it."
