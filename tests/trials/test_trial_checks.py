"""What would undo the answer of a trial."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chisquare

import whywin as ww
from whywin.evidence import Check
from whywin.stats.streams import stream
from whywin.trials.checks.deals_per_unit import DealsPerUnit
from whywin.trials.checks.few_units import FewUnits
from whywin.trials.checks.sample_ratio import SampleRatio
from whywin.trials.methods.deals_as_units import DealsAsUnits
from whywin.trials.methods.fixed import Fixed
from whywin.trials.question import Trial

QUESTION = Trial(arm="arm", control="control", unit="rep")


def cells(control: list[int], alert: list[int], share: float = 0.4) -> pd.DataFrame:
    """Return counts of reps with these numbers of deals."""
    rows = [("control", f"c{i}", n, round(share * n)) for i, n in enumerate(control)]
    rows += [("alert", f"a{i}", n, round(share * n)) for i, n in enumerate(alert)]
    return pd.DataFrame(rows, columns=["arm", "rep", "deals", "won"])


def checked(checker: object, sample: pd.DataFrame, question: Trial = QUESTION) -> Check:
    """Return the one check of the run."""
    (found,) = checker.check(question, (), sample, stream(0, "check"))
    return found


def deals(sample: pd.DataFrame) -> pd.DataFrame:
    """Return one row a deal of the counts."""
    rows = [
        {"arm": row.arm, "rep": row.rep, "outcome": "won" if i < row.won else "lost"}
        for row in sample.itertuples()
        for i in range(row.deals)
    ]
    return pd.DataFrame(rows)


def test_deals_as_units_fails_where_reps_were_randomised() -> None:
    """The sentence says how many deals were taken for units, and how wide the interval is against the right one."""
    sample = cells([40, 60, 55], [50, 45, 70]).assign(won=[10, 40, 20, 30, 5, 50])
    plan = ww.Plan("t", QUESTION, {"fixed": Fixed(), "deals_as_units": DealsAsUnits()})

    run = ww.study(plan, deals(sample))
    (found,) = [check for check in run.evidence["deals_as_units"].checks if check.name == "unit_of_analysis"]

    assert not found.passed
    assert "320 deals" in found.says
    assert found.value < 1
    assert run.grades == {"fixed": run.grades["fixed"], "deals_as_units": "D"}
    assert all(check.passed for check in run.evidence["fixed"].checks)


def test_deals_as_units_is_right_where_each_unit_has_one_deal() -> None:
    """Customers that are randomised one by one are independent."""
    sample = cells([1] * 30, [1] * 30).assign(won=[0, 1] * 30)

    run = ww.study(ww.Plan("t", QUESTION, {"deals_as_units": DealsAsUnits()}), deals(sample))

    assert run.sound
    assert run.grade == "A"


def test_few_reps_cannot_decide() -> None:
    """With three reps against three no re-assignment gives p below .10: the check fails and the grade falls."""
    found = checked(FewUnits(), cells([10] * 3, [12] * 3))

    assert not found.passed
    assert "0.1" in found.says


def test_many_reps_can_decide() -> None:
    """Twenty reps of similar size are enough."""
    assert checked(FewUnits(), cells([10] * 10, [12] * 10)).passed


def test_a_lopsided_assignment_is_caught() -> None:
    """Reps in the ratio of 30 to 6 do not come of an even assignment."""
    found = checked(SampleRatio(), cells([5] * 30, [5] * 6))

    assert not found.passed
    assert "30" in found.says
    assert "18.0" in found.says


def test_planned_shares_are_respected() -> None:
    """The same ratio is right when it was planned."""
    question = Trial("arm", "control", "rep", shares=(("control", 5 / 6), ("alert", 1 / 6)))

    assert checked(SampleRatio(), cells([5] * 30, [5] * 6), question).passed


def test_three_arms_are_tested_as_by_chi_square() -> None:
    """Draws from the planned multinomial agree with the chi-square distribution where that holds."""
    sample = pd.concat(
        [cells([3] * 60, [3] * 40), pd.DataFrame({"arm": "call", "rep": [f"x{i}" for i in range(50)], "deals": 3, "won": 1})]
    )

    assert checked(SampleRatio(), sample).value == pytest.approx(chisquare([60, 40, 50]).pvalue, abs=0.02)


def test_an_arm_with_many_more_deals_per_rep_is_noted() -> None:
    """An alert that makes reps open twice as many deals changes which deals are compared; that is a note."""
    found = checked(DealsPerUnit(), cells([10, 12, 11, 9, 13, 10], [30, 28, 33, 27, 31, 29]))

    assert not found.passed
    assert found.severity == "note"
    assert not found.undoes


def test_the_number_of_deals_raises_no_false_alarm() -> None:
    """Where arms are drawn at random the p-value is uniform: it is below .05 in about 5 of 100 trials."""
    rng = np.random.default_rng(8)
    p = [checked(DealsPerUnit(draws=1000), cells(list(a[:8]), list(a[8:]))).value for a in rng.integers(1, 80, size=(300, 16))]

    assert np.mean(np.array(p) < 0.05) == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / 300))
