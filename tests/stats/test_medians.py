"""Medians and their difference, with ties and with groups."""

import numpy as np
import pytest
from scipy.stats import binom

from whywin.stats.medians import median, median_gap


def test_independent_values_have_the_interval_of_the_order_statistics() -> None:
    """With every deal its own group the ends are within two places of the exact binomial ones."""
    x = np.arange(1.0, 402.0)
    found = median(x, np.arange(401), 0.95)
    exact = binom.ppf([0.025, 0.975], 401, 0.5)

    assert found.value == 201
    assert [found.low, found.high] == pytest.approx(exact, abs=2)


def test_ties_make_the_interval_wider_never_empty() -> None:
    """Where most deals take the same number of days, the median is that number and lies within its interval."""
    x = np.r_[np.full(60, 30.0), np.full(20, 10.0), np.full(20, 50.0)]
    found = median(x, np.arange(100), 0.95)

    assert found.low <= found.value == 30 <= found.high


def test_one_group_says_no_more_than_the_range() -> None:
    """Of one rep's deals nothing is known of how reps differ."""
    found = median([3.0, 5.0, 9.0], [0, 0, 0], 0.95)

    assert (found.low, found.value, found.high) == (3, 5, 9)


def test_the_gap_turns_its_sign_when_the_sides_change_places() -> None:
    """Lost less won is won less lost with the sign turned, interval included."""
    rng = np.random.default_rng(1)
    x, y, groups = rng.exponential(40, 200), rng.exponential(30, 200), np.repeat(np.arange(20), 10)
    one, other = median_gap(x, groups, y, groups, 0.95), median_gap(y, groups, x, groups, 0.95)

    assert one.value == pytest.approx(np.median(x) - np.median(y))
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


@pytest.mark.parametrize("speed", [0.0, 0.4])
def test_the_gap_covers_with_few_reps(speed: float) -> None:
    """With 10 reps the interval holds the true gap in 95 of 100 tables or more, whether or not reps differ in speed."""
    rng, worlds, held = np.random.default_rng(2), 400, 0
    for _ in range(worlds):
        pace = np.exp(speed * rng.normal(size=10))
        groups = [np.repeat(np.arange(10), rng.integers(10, 60, size=10)) for _ in range(2)]
        lost, won = (30 * pace[one] * np.exp(0.5 * rng.normal(size=len(one))) for one in groups)
        found = median_gap(lost, groups[0], won, groups[1], 0.95)
        held += found.low <= 0 <= found.high

    assert held / worlds >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / worlds)
