"""A trial's rule applied to its answer."""

from math import isfinite

from whywin.evidence import Evidence, Grade
from whywin.trials.decision import Decided, Guardrail, decide
from whywin.trials.question import Trial

EFFECT = "effect of assignment"


def decisions(question: Trial, evidence: Evidence, grade: Grade) -> list[Decided]:
    """Return what the rule says of each arm; nothing where none was written.

    A rule is applied to an answer of grade A only, and where a randomisation test stands beside the interval both must agree.
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
        if by_interval and effect.low * effect.high > 0 and _disagrees(evidence, one.arm, 1 - question.level):
            one = Decided(one.arm, "continue", "the randomisation test does not agree with the interval")
        found.append(one)
    return found


def decision_sentences(question: Trial, evidence: Evidence, grade: Grade) -> list[str]:
    """Return the decisions in words, one sentence an arm."""
    words = {"ship": "ship {arm}", "stop": "stop {arm}", "continue": "do not decide on {arm} yet, continue"}
    return [
        f"By the rule written beforehand: {words[one.verdict].format(arm=one.arm)}, since {one.says}."
        for one in decisions(question, evidence, grade)
    ]


def _disagrees(evidence: Evidence, arm: str, alpha: float) -> bool:
    arms = evidence.tables.get("arms")
    if arms is None or "randomization_p" not in arms:
        return False
    p_values = arms.loc[arms["arm"].astype(str) == arm, "randomization_p"].astype(float)
    return any(isfinite(p) and p > alpha for p in p_values)
