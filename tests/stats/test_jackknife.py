"""Intervals of functions of sums over groups: against closed forms, at the edges, and by how often they cover."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whywin.stats.cluster import Contrast, cr2
from whywin.stats.jackknife import effective_degrees, jackknife, joint_test, share_interval
from whywin.stats.proportions import wilson


def ratio(sums: np.ndarray) -> np.ndarray:
    """The first sum over the second."""
    return sums[..., 0] / sums[..., 1]


def test_the_mean_of_equal_groups_has_the_spread_of_the_groups_means() -> None:
    """For equal groups the jackknife of a mean is the standard deviation of the groups' means over the root of their number."""
    y, groups = np.random.default_rng(1).normal(size=60), np.repeat(np.arange(6), 10)
    found = jackknife(np.column_stack([y, np.ones(60)]), groups, ratio)
    means = y.reshape(6, 10).mean(axis=1)

    assert found.value == pytest.approx(y.mean())
    assert found.standard_error == pytest.approx(means.std(ddof=1) / np.sqrt(6))
    assert 3 < found.degrees <= 5


def test_it_is_the_usual_form_for_least_squares_of_balanced_groups() -> None:
    """With equal groups and an intercept alone, CR2 and the jackknife are the same number."""
    y, groups = np.random.default_rng(2).normal(size=80), np.repeat(np.arange(8), 10)
    found = jackknife(np.column_stack([y, np.ones(80)]), groups, ratio)

    assert found.standard_error == pytest.approx(cr2(np.ones((80, 1)), y, groups, [1.0]).standard_error)


def test_a_group_that_cannot_be_left_out_leaves_no_interval() -> None:
    """Without the one group that the denominator rests on there is nothing to divide by: the standard error is missing."""
    parts = np.array([[1.0, 0.0], [1.0, 2.0], [0.0, 1.0]])

    assert np.isnan(jackknife(parts, [0, 1, 1], ratio).standard_error)
    assert np.isnan(jackknife(parts[:1], [0], lambda sums: sums[..., 0]).standard_error)


def test_deals_that_add_nothing_do_not_count() -> None:
    """Groups whose deals are all outside the question change neither the spread nor the degrees of freedom."""
    rng = np.random.default_rng(3)
    parts, groups = np.column_stack([rng.random(40) < 0.4, np.ones(40)]).astype(float), np.repeat(np.arange(8), 5)
    more = np.vstack([parts, np.zeros((10, 2))])

    assert jackknife(more, np.r_[groups, np.full(10, 9)], ratio) == jackknife(parts, groups, ratio)


@given(st.lists(st.floats(0.01, 100), min_size=2, max_size=30))
def test_degrees_lie_between_one_and_the_groups_less_one(shares: list[float]) -> None:
    """Unequal groups count as fewer, never as more than there are."""
    assert 1 <= effective_degrees(shares) <= max(len(shares) - 1, 1) + 1e-9


def test_independent_deals_have_wilson_s_interval() -> None:
    """With every deal its own group the interval of a share is Wilson's, but for one deal and Student's t."""
    won = np.r_[np.ones(900), np.zeros(1600)]
    share = jackknife(np.column_stack([won, np.ones(2500)]), np.arange(2500), ratio)

    assert share_interval(share, 2500, 0.95) == pytest.approx([float(end) for end in wilson(900, 2500, 0.95)], abs=1e-4)


def test_a_share_of_nought_rests_on_its_groups() -> None:
    """No win among 400 deals of 4 reps does not say that the rate is below 1 %: only the reps are independent."""
    low, high = share_interval(Contrast(0.0, 0.0, 3.0), 4, 0.95)

    assert low == 0
    assert high > 0.4


def test_one_quantity_is_tested_as_by_student_s_t() -> None:
    """For a single quantity the joint test is its t-test."""
    without = 0.3 + 0.05 * np.random.default_rng(4).normal(size=(12, 1))
    off = without[:, 0] - 0.3
    alone = Contrast(0.3, float(np.sqrt(11 / 12 * (off**2).sum())), 7.5)

    assert joint_test([0.3], without, 7.5)[1] == pytest.approx(alone.p_value)
    assert np.isnan(joint_test([0.3, 0.1], np.hstack([without, without]), 0.9)[1])


def test_eight_unequal_reps_are_covered() -> None:
    """With 8 reps of unequal size and skill the interval of a win rate holds the truth in 95 of 100 tables, within Monte Carlo error."""
    rng, worlds, held = np.random.default_rng(5), 800, 0
    for _ in range(worlds):
        sizes = 1 + rng.geometric(1 / 50, size=8)
        chance = rng.beta(8, 12, size=8)
        groups = np.repeat(np.arange(8), sizes)
        parts = np.column_stack([rng.random(len(groups)) < chance[groups], np.ones(len(groups))])
        low, high = share_interval(jackknife(parts, groups, ratio), 8, 0.95)
        held += low <= 0.4 <= high

    assert held / worlds >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / worlds)
