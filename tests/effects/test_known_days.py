"""What becomes known only after the moment of treatment is not adjusted for, whether the question says so by name or by age."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from whywin.config import plan_of
from whywin.effects.bad_controls import bad_controls
from whywin.effects.methods.matching import Matching
from whywin.effects.question import Effect
from whywin.errors import QuestionError
from whywin.studies import study

EDGES = (
    ("engagement", "called"), ("engagement", "won"), ("called", "won"), ("demo", "called"), ("demo", "won"), ("region", "won"),
)  # fmt: skip
AT_DAY_14 = Effect("called", ("engagement", "demo"), known_days={"engagement": 0, "demo": 30}, landmark_days=14)


@pytest.fixture
def table(made: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    """Confounded deals with a demonstration's score, and the day of their call: 5 days after creation, or 20 for every second one."""
    deals = made(600)
    deals["closed"] = deals["created"] + pd.Timedelta(days=60)
    deals["demo"] = np.random.default_rng(1).normal(size=600)
    days = pd.to_timedelta(np.where(np.arange(600) % 2, 5, 20), unit="D")
    return deals.assign(called_at=(deals["created"] + days).where(deals["called"] == 1))


def test_known_by_the_landmark_is_early_enough() -> None:
    """At the landmark itself a column is known; a day later it is not, and the reason has both ages in it."""
    asked = Effect("called", ("demo",), known_days={"demo": 14}, landmark_days=14)

    assert bad_controls(asked, ("demo",)) == {}
    (reason,) = bad_controls(replace(asked, known_days={"demo": 15}), ("demo",)).values()
    assert reason == "is known only at an age of 15 days, and treatment is decided at 14"


def test_a_confounder_known_after_the_landmark_is_refused(table: pd.DataFrame) -> None:
    """The fault names the column, its age and the way out; under adjust_anyway there is none."""
    (fault,) = AT_DAY_14.faults(table)

    assert fault.startswith("confounders: 'demo' is known only at an age of 30 days, and treatment is decided at 14")
    assert fault.endswith("leave it out, or name it under adjust_anyway, and the grade falls to D")
    assert replace(AT_DAY_14, adjust_anyway=("demo",)).faults(table) == []


def test_a_node_known_after_the_landmark_is_not_adjusted_for(table: pd.DataFrame, answered: Callable) -> None:
    """By a graph the column is left out of what is adjusted for, as one of known_after is."""
    asked = Effect("called", graph=EDGES, known_days={"demo": 30}, landmark_days=14)
    adjusted = set(answered(Matching(), asked, table).tables["balance"]["covariate"])

    assert asked.faults(table) == []
    assert "demo" in asked.late
    assert "engagement" in adjusted
    assert "demo" not in adjusted
    assert "demo" in set(answered(Matching(), replace(asked, known_days={"demo": 14}), table).tables["balance"]["covariate"])


def test_what_treated_deals_did_not_know_is_refused(table: pd.DataFrame) -> None:
    """With times of treatment a column must be known when the earliest deal is treated, in calendar days; the fault counts the others."""
    asked = Effect("called", ("engagement", "demo"), treated_at="called_at", known_days={"demo": 20})
    treated = table[table["called"] == 1]
    early = int((treated["called_at"] - treated["created"] < pd.Timedelta(days=20)).sum())
    (fault,) = asked.faults(table)

    assert f"is known only at an age of 20 days, and {early} of {len(treated)} treated deals were treated before that" in fault
    assert replace(asked, known_days={"demo": 5}).faults(table) == []
    assert replace(asked, adjust_anyway=("demo",)).faults(table) == []


def test_by_a_graph_what_treated_deals_did_not_know_is_refused_too(table: pd.DataFrame) -> None:
    """The node is refused, and no more once it is named under known_after."""
    asked = Effect("called", graph=EDGES, treated_at="called_at", known_days={"demo": 20})
    (fault,) = asked.faults(table)

    assert fault.startswith("graph: 'demo' is known only at an age of 20 days")
    assert replace(asked, known_after=("demo",)).faults(table) == []


def test_modifiers_must_be_known_too(table: pd.DataFrame) -> None:
    """An effect is not split by what is known only after the treatment."""
    asked = replace(AT_DAY_14, confounders=("engagement",), modifiers=("demo",))

    assert [fault.split(":")[0] for fault in asked.faults(table)] == ["modifiers"]


def test_nothing_is_known_late_that_may_be_exact() -> None:
    """Matching exactly on a column is adjusting for it."""
    assert "known only after the treatment" in Matching(exact=("demo",)).faults(AT_DAY_14)[0]


@pytest.mark.parametrize(
    ("known", "says"),
    [
        ({"demo": -1.0}, "must become known at an age of 0 days or more, got -1"),
        ({"demo": float("nan")}, "must become known at an age of 0 days or more, got nan"),
        ({"won": 3.0}, "is the treatment or the outcome itself"),
        ({"demos": 3.0}, "known_days: the deals have no column 'demos'; did you mean 'demo'?"),
    ],
)
def test_ages_that_cannot_be(table: pd.DataFrame, known: dict[str, float], says: str) -> None:
    """An age before creation, the outcome's own, and that of no column are refused with the value."""
    assert any(says in fault for fault in replace(AT_DAY_14, confounders=("engagement",), known_days=known).faults(table))


def test_an_age_without_a_time_of_treatment_says_nothing(table: pd.DataFrame) -> None:
    """Without landmark_days or treated_at nobody can tell whether 3 days are late; what is known at creation always is early enough."""
    asked = Effect("called", ("engagement", "demo"), known_days={"demo": 3})

    assert "set landmark_days or treated_at" in asked.faults(table)[0]
    assert replace(asked, known_days={"demo": 0}).faults(table) == []


def test_the_override_costs_the_grade_and_a_config_says_it(table: pd.DataFrame) -> None:
    """From a plan: refused as a question; adjusted for all the same the check fails by name, and the grade is D."""
    deals = table.assign(outcome=np.where(table.pop("won") == 1, "Won", "Lost"))

    def run(**more: object) -> object:
        question = {
            "kind": "effect",
            "treatment": "called",
            "treated_at": "called_at",
            "confounders": ["engagement", "demo"],
            "known_days": {"demo": 20},
        }
        plan = {"name": "known", "question": {**question, **more}, "deals": {"won": ["Won"], "lost": ["Lost"]}, "seed": 1}
        return study(plan_of({**plan, "methods": ["matching"], "checks": ["bad_controls"]}), deals)

    with pytest.raises(QuestionError, match="'demo' is known only at an age of 20 days"):
        run()
    found = run(adjust_anyway=["demo"])
    check = next(check for check in found.checks if check.name == "bad_controls")

    assert (check.passed, check.severity, found.grade) == (False, "serious", "D")
    assert "demo is known only at an age of 20 days" in check.says
