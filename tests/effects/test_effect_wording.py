"""How answers about effects are said."""

from collections.abc import Callable

import pytest

from whywin.effects.question import Effect
from whywin.effects.wording import REQUIRED, sentence
from whywin.evidence import Estimate, Evidence


def evidence(low: float, high: float, unit: str = "points", quantity: str = "effect on the treated") -> Evidence:
    """An effect halfway between the ends of its interval."""
    return Evidence((Estimate(quantity, "all", (low + high) / 2, low, high, 0.95, 1234, unit),))


def test_each_grade_has_its_verb(about: Callable[..., Effect]) -> None:
    """Grade C probably changes, grade D is associated with, and no grade of this room says causes."""
    c, d = (sentence(about(), evidence(1.0, 9.0), grade) for grade in ("C", "D"))

    assert (
        c == "Called probably changes the win rate of the treated deals by +5.0 points (95 % interval +1.0 to +9.0, 1,234 deals)."
    )
    assert "is associated with a difference in the win rate" in d
    assert "cause" not in c + d


@pytest.mark.parametrize("grade", ["C", "D"])
def test_noise_is_said_first(about: Callable[..., Effect], grade: str) -> None:
    """When the interval covers zero, the sentence says so before any number, whatever the grade."""
    said = sentence(about(), evidence(-2.0, 6.0), grade)

    assert said.startswith("No effect of Called on the win rate of the treated deals can be told from noise")
    assert "−2.0 to +6.0" in said


def test_other_outcomes_and_estimands_are_named() -> None:
    """A cycle is in days, and the effect on everyone is of all deals."""
    question = Effect("executive_call", ("x",), outcome="cycle_days", estimand="all")
    said = sentence(question, evidence(-9.0, -1.0, "days", "effect on all deals"), "C")

    assert said.startswith("Executive call probably changes the mean cycle days of all deals by −5.0 days")


def test_every_required_check_exists() -> None:
    """Grade C asks for checks that this room has."""
    from whywin import catalogue

    assert {name for names in REQUIRED.values() for name in names} <= set(catalogue.checks("effect"))
