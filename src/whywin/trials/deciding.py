"""A trial's rule applied to its answer."""

from math import isfinite

from whywin.evidence import Evidence, Grade
from whywin.trials.decision import Decided, Guardrail, decide
from whywin.trials.question import Trial

EFFECT = "effect of assignment"
# An interval that leaves nought out is contradicted by a test whose p-value is over twice the error rate. A test at the error rate itself
# would leave 2 errors in 100 of 8 reps, whose 70 assignments know p-values in steps of .03 only, and half the power (experiments/few_reps.py)
CONTRADICTS = 2.0


def decisions(question: Trial, evidence: Evidence, grade: Grade) -> list[Decided]:
    """Return what the rule says of each arm; nothing where none was written.

    A rule is applied to an answer of grade A only, and where a randomisation test stands beside the interval it must not contradict it.
    """
    if not question.decision.written:
        return []
    found = []
    for effect in (row for row in evidence.estimates if row.quantity == EFFECT):
        guardrails = tuple(
            Guardrail(row, metric.margin, metric.better)
            for metric in question.measured
            if metric.role == "guardrail"
            for row in evidence.estimates
            if (row.quantity, row.segment) == (f"{EFFECT} on {metric.name}", effect.segment)
        )
        one = decide(question.decision, effect, question.margin, guardrails, better=question.primary.better, trusted=grade == "A")
        by_interval = one.verdict != "continue" and "guardrail" not in one.says
        if by_interval and effect.low * effect.high > 0 and _contradicted(evidence, one.arm, question.level):
            one = Decided(one.arm, "continue", "the randomisation test contradicts the interval")
        found.append(one)
    return found


def decision_sentences(question: Trial, evidence: Evidence, grade: Grade) -> list[str]:
    """Return the decisions in words, one sentence an arm."""
    words = {"ship": "ship {arm}", "stop": "stop {arm}", "continue": "do not decide on {arm} yet, continue"}
    return [
        f"By the rule written beforehand: {words[one.verdict].format(arm=one.arm)}, since {one.says}."
        for one in decisions(question, evidence, grade)
    ]


def contradicted(p_value: float, level: float) -> bool:
    """Return whether the randomisation test beside an interval of this level withdraws the effect that the interval shows."""
    return isfinite(p_value) and p_value > CONTRADICTS * (1 - level)


def _contradicted(evidence: Evidence, arm: str, level: float) -> bool:
    arms = evidence.tables.get("arms")
    if arms is None or "randomization_p" not in arms:
        return False
    p_values = arms.loc[arms["arm"].astype(str) == arm, "randomization_p"].astype(float)
    return any(contradicted(p, level) for p in p_values)
