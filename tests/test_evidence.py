"""Evidence: grades follow from the design and the checks, and nothing else."""

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whywin.evidence import WORDING, Check, Estimate, Evidence, grade

RATE = Estimate("win rate", "all", 45.0, 44.0, 46.0, 0.95, 100, "percent")


def check(name: str = "balance", *, passed: bool = True, severity: str = "serious") -> Check:
    """A check that passed or failed."""
    return Check(name, passed, severity, "A sentence.", 0.0)


def test_a_description_is_always_grade_e() -> None:
    """A description makes no causal claim, so that no check can raise or lower it."""
    assert grade("description", [check(passed=False)], ["placebo"]) == "E"


@pytest.mark.parametrize(("design", "expected"), [("randomised", "A"), ("natural", "B"), ("adjusted", "C"), ("unadjusted", "D")])
def test_each_design_has_its_grade_when_every_check_passed(design: str, expected: str) -> None:
    """The design sets the highest grade that evidence can have."""
    assert grade(design, [check()], ["balance"]) == expected


@pytest.mark.parametrize("severity", ["fatal", "serious"])
def test_a_failed_check_leaves_an_association(severity: str) -> None:
    """A fatal or serious failure takes the causal wording away, whatever the design."""
    assert grade("randomised", [check(passed=False, severity=severity)], []) == "D"


def test_a_required_check_that_did_not_run_counts_as_failed() -> None:
    """Evidence cannot rise by leaving a check out."""
    assert grade("adjusted", [check("balance")], ["balance", "placebo"]) == "D"


def test_a_note_changes_no_grade() -> None:
    """What is merely worth knowing does not lower the grade."""
    assert grade("adjusted", [check(passed=False, severity="note")], []) == "C"


@given(st.sampled_from(["randomised", "natural", "adjusted", "unadjusted"]), st.lists(st.booleans(), max_size=5))
def test_one_more_failure_never_raises_the_grade(design: str, outcomes: list[bool]) -> None:
    """Grades fall monotonically with failures."""
    checks = [check(f"c{i}", passed=passed) for i, passed in enumerate(outcomes)]

    assert grade(design, [*checks, check("last", passed=False)], []) >= grade(design, checks, [])


def test_only_grade_a_may_say_causes() -> None:
    """The word is reserved for a sound randomised trial."""
    assert [name for name, words in WORDING.items() if words == "causes"] == ["A"]


def test_an_estimate_is_found_by_quantity_and_segment() -> None:
    """`of` returns the one row, and an unknown one names what there is."""
    evidence = Evidence((RATE,))

    assert evidence.of("win rate") is RATE
    with pytest.raises(KeyError, match="win rate"):
        evidence.of("win rate", "region=North")


def test_signed_evidence_carries_its_method_everywhere() -> None:
    """Every estimate and check of an answer names the method that gave it."""
    signed = Evidence((RATE,), (check(),)).signed("observed")

    assert {row.method for row in (*signed.estimates, *signed.checks)} == {"observed"}


def test_evidence_is_a_table_and_a_notebook_cell() -> None:
    """`to_frame` has one row an estimate, and the notebook's HTML escapes what came from data."""
    hostile = Evidence((Estimate("win rate", "industry=<script>", 1.0, 0.0, 2.0, 0.95, 3, "percent"),))

    assert list(hostile.to_frame()["segment"]) == ["industry=<script>"]
    assert isinstance(hostile.to_frame(), pd.DataFrame)
    assert "<script>" not in hostile._repr_html_()
