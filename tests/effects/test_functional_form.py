"""The check on the straight line in logits: silent where it holds, loud where it does not, and only about who rests on it."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from whywin.effects.checks.functional_form import FunctionalForm
from whywin.effects.methods.difference import Difference
from whywin.effects.methods.doubly_robust import DoublyRobust
from whywin.effects.methods.matching import Matching
from whywin.effects.methods.weighting import Weighting
from whywin.effects.question import Effect
from whywin.errors import ConfigError
from whywin.evidence import Answered, Check


def world(seed: int, bend: float, count: int = 2000) -> pd.DataFrame:
    """Deals whose treatment is straight in logits in two columns, or bends with one and with the product of both."""
    rng = np.random.default_rng(seed)
    first, second = rng.normal(size=(2, count))
    liking = -0.5 + 0.6 * first + 0.4 * second + bend * (first**2 - 1 + first * second)
    called = rng.uniform(size=count) < 1 / (1 + np.exp(-liking))
    rep = np.array([f"R{number}" for number in np.arange(count) % 40])
    won = rng.integers(0, 2, size=count).astype(float)
    return pd.DataFrame({"called": called.astype(int), "won": won, "first": first, "second": second, "rep": rep})


@pytest.fixture
def checked(answered: Callable) -> Callable[..., tuple[Check, ...]]:
    """Answer by methods, then check, as `study` does."""

    def run(table: pd.DataFrame, question: Effect, *methods: Any, **settings: object) -> tuple[Check, ...]:
        sample = methods[0].need(question).sample(table)
        answers = tuple(Answered(type(one).__name__, one, sample, answered(one, question, table)) for one in methods)
        return FunctionalForm(**settings).check(question, answers, sample, np.random.default_rng(0))

    return run


@pytest.mark.parametrize("cluster", [None, "rep"])
def test_it_is_silent_on_a_straight_line_and_speaks_on_a_bend(checked: Callable, cluster: str | None) -> None:
    """In ten worlds of each kind it never fails the straight ones and always the bent ones, with clusters and without."""
    question = Effect("called", ("first", "second"), cluster=cluster)
    straight = [checked(world(seed, 0.0), question, Weighting())[0].passed for seed in range(10)]
    bent = [checked(world(seed, 0.4), question, Weighting())[0].passed for seed in range(10)]

    assert straight == [True] * 10
    assert bent == [False] * 10


def test_it_judges_only_who_rests_on_the_line(checked: Callable) -> None:
    """Matching and weighting are judged; a flexible method and a plain difference are not; a doubly robust one of lines alone is."""
    question = Effect("called", ("first", "second"))
    flexible = DoublyRobust(splits=1, learners=("linear", "quadratic"))
    found = checked(world(1, 0.4), question, Matching(), Weighting(), flexible, Difference())
    (lines,) = checked(world(1, 0.4), question, DoublyRobust(splits=1, learners=("linear",)))

    assert [(check.method, check.severity, check.passed) for check in found] == [
        ("Matching", "serious", False),
        ("Weighting", "serious", False),
    ]
    assert "misses" in found[0].says
    assert not lines.passed
    assert checked(world(1, 0.4), question, flexible) == ()


def test_a_small_bend_in_many_deals_is_tolerated(checked: Callable) -> None:
    """A bend that is certain but small passes by the share; with no share allowed it fails."""
    question, table = Effect("called", ("first", "second")), world(2, 0.07, 20_000)
    (tolerant,), (strict,) = (checked(table, question, Weighting(), share=share) for share in (0.05, 0.0))

    assert (tolerant.passed, strict.passed) == (True, False)
    assert 0 < tolerant.value < 0.05


def test_nothing_to_adjust_for_is_straight(checked: Callable) -> None:
    """Where the graph asks for no adjustment there is nothing to bend."""
    (check,) = checked(world(3, 0.4), Effect("called", graph=(("called", "won"),)), Weighting())

    assert check.passed
    assert check.value == 0.0


def test_settings_of_functional_form_keep_their_rules() -> None:
    """A share of one, a level of nothing and one fold are refused at once."""
    with pytest.raises(ConfigError) as caught:
        FunctionalForm(share=1.0, level=0.0, folds=1)

    assert len(caught.value.faults) == 3
