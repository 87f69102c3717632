"""What tests by drawing anew say of a trial's arms."""

from math import isinf

import pandas as pd

from whywin.errors import QuestionError
from whywin.evidence import Estimate, Evidence
from whywin.stats.redrawn import Redrawn
from whywin.trials.question import Trial
from whywin.trials.units import Pair, scale_of


def evidence_of(question: Trial, pairs: list[Pair], tests: list[Redrawn], method: str) -> Evidence:
    """Return the effects with their intervals, and the table ``redrawn`` of the tests.

    Raises:
        QuestionError: an interval has no ends, for each arm of which this is so.
    """
    scale, _, unit, _ = scale_of(question)
    estimates, rows, faults = [], [], []
    for pair, test in zip(pairs, tests, strict=True):
        low, high = (scale * end for end in test.interval(question.level))
        if isinf(low) or isinf(high):
            faults.append(_no_ends(question, pair, test, method))
            continue
        value = scale * test.estimate
        estimates.append(Estimate("effect of assignment", f"arm={pair.arm}", value, low, high, question.level, pair.deals, unit))
        rows.append({"arm": pair.arm, "p_value": test.p_value(), "draws": test.draws, "all_draws": test.complete})
    if faults:
        raise QuestionError(faults)
    return Evidence(tuple(estimates), tables={"redrawn": pd.DataFrame(rows)})


def _no_ends(question: Trial, pair: Pair, test: Redrawn, method: str) -> str:
    treated, control = int(pair.treated.sum()), int((~pair.treated).sum())
    return (
        f"{method}: with {treated} {question.unit}s in {pair.arm} and {control} in {question.control} its {test.draws:,} draws "
        f"cannot rule out even the largest effects at level {question.level:g}, so that an interval has no ends; use fixed, a lower "
        f"level, or more {question.unit}s of more equal numbers of deals"
    )
