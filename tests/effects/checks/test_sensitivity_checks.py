"""E-values, Rosenbaum's bounds and robustness values as checks: about whom they speak, and what they count."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from whywin.effects.checks.e_value import EValue
from whywin.effects.checks.robustness_value import RobustnessValue, columns_of
from whywin.effects.checks.rosenbaum_bounds import RosenbaumBounds, bound_of
from whywin.effects.comparison import compared
from whywin.effects.methods.difference import Difference
from whywin.effects.methods.matching import Matching
from whywin.effects.methods.weighting import Weighting
from whywin.effects.question import Effect
from whywin.evidence import Answered, Check
from whywin.stats.rosenbaum import mcnemar_bound
from whywin.stats.sensitivity import e_value


@pytest.fixture
def checked(answered: Callable) -> Callable[..., tuple[Check, ...]]:
    """Answer by methods, then check, as `study` does."""

    def run(checker: Any, question: Effect, table: pd.DataFrame, *methods: Any) -> tuple[Check, ...]:
        answers = tuple(Answered(type(one).__name__, one, table, answered(one, question, table)) for one in methods)
        return checker.check(question, answers, table, np.random.default_rng(0))

    return run


def test_the_e_value_is_of_the_outcomes_table(
    deals: pd.DataFrame, about: Callable, checked: Callable, answered: Callable
) -> None:
    """The rate with the effect over the rate without it; a note, which decides nothing; 1.00 where the interval covers zero."""
    (check,) = checked(EValue(), about(), deals, Weighting())
    evidence = answered(Weighting(), about(), deals)
    rate, effect = evidence.tables["outcomes"].set_index("treatment")["mean"]["without"], evidence.estimates[0].value
    (unsure,) = checked(EValue(), about(), deals.assign(won=np.random.default_rng(0).permutation(deals["won"])), Weighting())

    assert check.value == pytest.approx(e_value((rate + effect) / rate))
    assert (check.severity, check.passed) == ("note", True)
    assert "1.00 for the interval" in unsure.says


def test_rosenbaums_bounds_are_of_methods_that_match(made: Callable, about: Callable, checked: Callable) -> None:
    """A large effect withstands more than a small one, nothing withstands nothing, and weighting has no pairs."""
    large, small = (
        checked(RosenbaumBounds(), about(), made(800, 1, effect=effect), Matching(), Weighting(), Difference())
        for effect in (0.4, 0.1)
    )
    (none,) = checked(RosenbaumBounds(), about(), made(800, 1, effect=0.0), Matching())

    assert [check.method for check in large] == ["Matching"]
    assert large[0].value > max(small[0].value, 1.5)
    assert (none.value, none.passed) == (1.0, True)
    assert "disjoint matched pairs" in large[0].says


def test_pairs_are_counted_by_which_of_them_won(deals: pd.DataFrame, about: Callable) -> None:
    """Discordant pairs decide, and an effect the other way round is bounded the other way round."""
    comparison = compared(about(), deals)
    treated, controls = np.flatnonzero(comparison.treated)[:40], np.flatnonzero(~comparison.treated)[:40]
    sets = np.full(len(comparison.treated), -1)
    sets[treated], sets[controls] = np.arange(40), np.arange(40)
    own, other = comparison.outcome[treated], comparison.outcome[controls]
    counts = int(((own == 1) & (other == 0)).sum()), int(((own == 0) & (other == 1)).sum())
    bound, raising = bound_of(comparison, sets)
    turned, falling = bound_of(replace(comparison, outcome=1 - comparison.outcome), sets)

    assert raising is not falling
    assert bound(1.5) == pytest.approx(mcnemar_bound(max(counts), min(counts), 1.5))
    assert turned(1.5) == pytest.approx(bound(1.5))


def test_numbers_are_ranked(deals: pd.DataFrame, about: Callable, checked: Callable) -> None:
    """An outcome that is a number goes by Wilcoxon's test; sets of several controls are made where they are asked for."""
    longer = deals.assign(days=np.random.default_rng(0).normal(30, 5, size=len(deals)) + 3 * deals["called"])
    (check,) = checked(RosenbaumBounds(controls=2), about(outcome="days"), longer, Matching())

    assert check.value > 1.3
    assert "disjoint matched sets" in check.says


def test_the_robustness_value_is_measured_by_observed_columns(made: Callable, about: Callable, checked: Callable) -> None:
    """One note about the run, which names the column that could do most; a large effect withstands it and none does not."""
    (large,) = checked(RobustnessValue(), about(estimand="all"), made(1500, 1, effect=0.5), Weighting())
    (none,) = checked(RobustnessValue(), about(estimand="all"), made(1500, 1, effect=0.02), Weighting())

    assert (large.method, large.severity, large.passed) == ("", "note", True)
    assert "as strong as engagement" in large.says
    assert large.value > none.value
    assert not none.passed


def test_levels_of_a_column_are_one_benchmark(deals: pd.DataFrame, about: Callable) -> None:
    """All levels of a label, the logarithm of a number and where it is missing belong to the column."""
    some = deals.assign(amount=deals["amount"].where(deals.index > 5))
    comparison = compared(about(confounders=("engagement", "region", "amount"), logs=("amount",)), some)
    found = {name: int(columns.sum()) for name, columns in columns_of(comparison).items()}

    assert found == {"engagement": 1, "region": 2, "amount": 2}
