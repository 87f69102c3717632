"""What must not be adjusted for is refused with its path, and never unsaid when it is adjusted for all the same."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from whywin.config import plan_of
from whywin.effects.bad_controls import bad_controls
from whywin.effects.question import Effect
from whywin.errors import QuestionError
from whywin.studies import study

BASE = (("a", "t"), ("a", "y"), ("t", "y"))
EDGES = [["engagement", "called"], ["engagement", "won"], ["called", "won"], ["called", "meetings"], ["meetings", "won"]]


def reason(name: str, *edges: tuple[str, str], confounders: tuple[str, ...] = (), known_after: tuple[str, ...] = ()) -> str:
    """Why a column must not be adjusted for; empty when it may be."""
    question = Effect("t", confounders or (name,), (*BASE, *edges), "y", known_after=known_after)
    return bad_controls(question, confounders or (name,)).get(name, "")


def test_a_mediator_is_named_with_its_path() -> None:
    """What lies on the way takes away part of the effect."""
    assert reason("m", ("t", "m"), ("m", "y")).startswith("lies on the way from treatment to outcome (t → m → y)")
    assert "(t → m → n → y)" in reason("n", ("t", "m"), ("m", "n"), ("n", "y"))


def test_a_collider_is_named_with_its_path() -> None:
    """What both move makes them look related."""
    assert reason("s", ("t", "s"), ("y", "s")).startswith("is moved by both treatment and outcome (t → s ← y)")


def test_what_either_moves_is_named_with_its_path() -> None:
    """A consequence of the treatment, or of the outcome alone, tells part of the effect itself."""
    assert reason("s", ("t", "s")).startswith("is moved by the treatment (t → s)")
    assert reason("s", ("y", "s")).startswith("is moved by the treatment (t → y → s)")


def test_the_m_is_refused_where_it_opens_a_path() -> None:
    """A collider before treatment opens a path when adjusted for alone, and does no harm beside what closes it again."""
    edges = (("u", "t"), ("u", "m"), ("v", "m"), ("v", "y"))

    assert "on the path t ← u → m ← v → y" in reason("m", *edges, confounders=("a", "m"))
    assert reason("m", *edges, confounders=("a", "m", "v")) == ""


def test_what_is_known_late_needs_no_graph() -> None:
    """A column of known_after, and what is known only when a deal closes, are refused without a graph as well."""
    found = bad_controls(
        Effect("t", ("a", "b", "cycle_days", "closed_quarter"), known_after=("b",)), ("a", "b", "cycle_days", "closed_quarter")
    )

    assert set(found) == {"b", "cycle_days", "closed_quarter"}
    assert "known only when a deal closes" in found["closed_quarter"]


def test_a_good_control_is_none() -> None:
    """A confounder, a cause of the outcome alone, and one of the treatment alone may be adjusted for."""
    assert [reason(name, ("b", "y"), ("z", "t")) for name in "abz"] == ["", "", ""]


@pytest.fixture
def table(made: Callable[..., pd.DataFrame]) -> pd.DataFrame:
    """Confounded deals with meetings that the call moves, and that move the outcome."""
    deals = made(600)
    rng = np.random.default_rng(1)
    outcome = np.where(deals.pop("won") == 1, "Won", "Lost")
    return deals.assign(meetings=deals["called"] + rng.normal(size=600), outcome=outcome)


def asked(**question: object) -> object:
    """A plan that asks by matching."""
    base = {"kind": "effect", "treatment": "called", "outcome": "won"}
    return plan_of(
        {
            "name": "bad controls",
            "question": {**base, **question},
            "deals": {"won": ["Won"], "lost": ["Lost"]},
            "methods": ["matching"],
            "seed": 1,
        }
    )


def test_a_mediator_is_refused(table: pd.DataFrame) -> None:
    """By the graph meetings lie on the way: the question does not fit, and the sentence has the path and the way out."""
    with pytest.raises(QuestionError) as caught:
        study(asked(confounders=["engagement", "meetings"], graph=EDGES), table)

    (fault,) = caught.value.faults
    assert "confounders: 'meetings' lies on the way from treatment to outcome (called → meetings → won)" in fault
    assert fault.endswith("leave it out, or name it under adjust_anyway, and the grade falls to D")


def test_a_modifier_that_the_treatment_moves_is_refused(table: pd.DataFrame) -> None:
    """An effect cannot be split by what the treatment itself has moved."""
    with pytest.raises(QuestionError, match="modifiers: 'meetings' lies on the way"):
        study(asked(graph=EDGES, modifiers=["meetings"]), table)


@pytest.mark.parametrize(
    "question",
    [
        {"confounders": ["engagement", "meetings"], "graph": EDGES, "adjust_anyway": ["meetings"]},
        {"graph": EDGES, "adjust_anyway": ["meetings"]},
        {"confounders": ["engagement"], "known_after": ["meetings"], "adjust_anyway": ["meetings"]},
    ],
)
def test_an_overridden_refusal_costs_the_grade(table: pd.DataFrame, question: dict) -> None:
    """It is adjusted for as asked; a serious check fails, the grade is D, the run is not sound, and the sentence says why."""
    run = study(asked(**question), table)
    check = next(check for check in run.checks if check.name == "bad_controls")
    balance = run.headline.tables["balance"]

    assert "meetings" in set(balance["covariate"])
    assert (check.passed, check.severity, run.grade, run.sound) == (False, "serious", "D", False)
    assert check.says.startswith("Adjusted for all the same, because the question says so under adjust_anyway: meetings")
    assert "is associated with" in run.answer or "can be told from noise" in run.answer


def test_nothing_bad_is_said_too(table: pd.DataFrame) -> None:
    """The check speaks in every run, so that its silence is never taken for a pass."""
    run = study(asked(graph=EDGES), table)

    assert next(check for check in run.checks if check.name == "bad_controls").passed
