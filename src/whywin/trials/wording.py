"""How answers of trials are said, and what their grades require."""

from collections.abc import Mapping
from dataclasses import asdict
from math import isfinite
from typing import Final

import pandas as pd

from whywin.evidence import WORDING, Design, Estimate, Evidence, Grade, with_sign
from whywin.trials.deciding import contradicted, decision_sentences, decisions
from whywin.trials.question import Trial
from whywin.trials.units import scale_of

REQUIRED: Final[Mapping[Design, tuple[str, ...]]] = {"randomised": ("unit_of_analysis", "sample_ratio", "few_units")}


def sentence(question: Trial, evidence: Evidence, grade: Grade) -> str:
    """Return the answer in one sentence for each arm other than control, worded as the grade allows."""
    effects = [row for row in evidence.estimates if row.quantity == "effect of assignment"]
    tested = _tested(evidence)
    said = [_said(question, row, grade, tested.get(row.segment.removeprefix("arm="))) for row in effects]
    return " ".join([*said, *decision_sentences(question, evidence, grade)])


def tables(question: Trial, evidence: Evidence, grade: Grade) -> dict[str, pd.DataFrame]:
    """Return the table ``decision`` where a rule was written beforehand."""
    found = decisions(question, evidence, grade)
    return {"decision": pd.DataFrame([asdict(one) for one in found]).rename(columns={"says": "because"})} if found else {}


def _tested(evidence: Evidence) -> dict[str, float]:
    """Return the co-primary randomisation test's p-value by arm, where there is one."""
    arms = evidence.tables.get("arms")
    if arms is None or "randomization_p" not in arms:
        return {}
    return {str(arm): float(p) for arm, p in zip(arms["arm"], arms["randomization_p"], strict=True) if isfinite(p)}


def _said(question: Trial, row: Estimate, grade: Grade, tested: float | None) -> str:
    arm, what = row.segment.removeprefix("arm="), _what(question)
    unit = {"points": " points", "days": " days"}.get(row.unit, "")
    test = "" if tested is None else f"; randomisation test p = {tested:.2g}"
    interval = (
        f"{with_sign(row.value)}{unit} ({100 * row.level:.0f} % interval {with_sign(row.low)} to {with_sign(row.high)}{test})"
    )
    outside = row.low > question.margin or row.high < -question.margin
    confirmed = tested is None or not contradicted(tested, row.level)
    if outside and confirmed:
        return f"Assignment to {arm} {WORDING[grade]} a change in {what} of {interval}."
    beyond = f" by more than {question.margin:g}{unit}" if question.margin else ""
    if -question.margin <= row.low and row.high <= question.margin and question.margin:
        return f"Assignment to {arm} does not change {what}{beyond}: {interval}."
    why = "so that chance alone may explain it"
    if outside:
        why = "and with so few or so unequal units the randomisation test contradicts the interval"
    elif row.low > 0 or row.high < 0:
        why = "so that the change may be smaller than that"
    return f"The trial does not show that assignment to {arm} changes {what}{beyond}: {interval}, {why}."


def _what(question: Trial) -> str:
    return f"the {scale_of(question)[3]}"
