"""Intervals for proportions and for their differences, against the numbers of the papers and by their coverage."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whywin.stats.proportions import newcombe, wilson


@pytest.mark.parametrize(
    ("won", "n", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_gives_newcombes_published_numbers(won: int, n: int, low: float, high: float) -> None:
    """Newcombe (1998), Two-sided confidence intervals for the single proportion, table I, method 3."""
    assert [round(float(end), 4) for end in wilson(won, n, 0.95)] == [low, high]


@pytest.mark.parametrize(
    ("won", "n", "low", "high"),
    [
        ((56, 48), (70, 80), 0.0524, 0.3339),
        ((9, 3), (10, 10), 0.1705, 0.8090),
        ((6, 2), (7, 7), 0.0582, 0.8062),
        ((5, 0), (56, 29), -0.0381, 0.1926),
        ((0, 0), (10, 20), -0.1611, 0.2775),
        ((0, 0), (10, 10), -0.2775, 0.2775),
        ((10, 0), (10, 20), 0.6791, 1.0),
        ((10, 0), (10, 10), 0.6075, 1.0),
    ],
)
def test_newcombe_gives_his_published_numbers(won: tuple, n: tuple, low: float, high: float) -> None:
    """Newcombe (1998), Interval estimation for the difference between independent proportions, table II, method 10."""
    assert [round(float(end), 4) for end in newcombe(won, n, 0.95)] == [low, high]


def exact_coverage(first: tuple[int, float], second: tuple[int, float] | None) -> float:
    """The exact probability that the nominal 95 % interval holds the true value: every outcome weighted by its chance."""
    from scipy.stats import binom

    n1, p1 = first
    k1 = np.arange(n1 + 1)
    if second is None:
        low, high = wilson(k1, n1, 0.95)
        return float(binom.pmf(k1, n1, p1)[(low <= p1) & (p1 <= high)].sum())
    n2, p2 = second
    a, b = np.meshgrid(k1, np.arange(n2 + 1), indexing="ij")
    low, high = newcombe((a, b), (n1, n2), 0.95)
    weight = binom.pmf(a, n1, p1) * binom.pmf(b, n2, p2)
    return float(weight[(low <= p1 - p2) & (p1 - p2 <= high)].sum())


def test_wilson_covers_about_as_often_as_it_says() -> None:
    """Over rates from .1 to .9 the exact coverage of 95 % intervals is .95 on average and never far below it."""
    covered = [exact_coverage((60, rate), None) for rate in np.linspace(0.1, 0.9, 81)]

    assert np.mean(covered) == pytest.approx(0.95, abs=0.005)
    assert min(covered) > 0.92


def test_newcombe_covers_about_as_often_as_it_says() -> None:
    """Over a grid of two rates the exact coverage of 95 % intervals is about .95 and never far below it."""
    rates = np.linspace(0.1, 0.9, 9)
    covered = [exact_coverage((40, one), (55, other)) for one in rates for other in rates]

    assert np.mean(covered) == pytest.approx(0.955, abs=0.01)
    assert min(covered) > 0.93


@given(st.integers(0, 200), st.integers(0, 200), st.integers(0, 200), st.integers(0, 200), st.floats(0.5, 0.999))
def test_intervals_hold_the_observed_value_and_turn_with_the_order(a: int, m: int, b: int, n: int, level: float) -> None:
    """The observed value lies inside, ends stay in range, and exchanging the groups mirrors the interval."""
    won, deals = (min(a, m), min(b, n)), (m, n)
    low, high = newcombe(won, deals, level)
    back_low, back_high = newcombe(won[::-1], deals[::-1], level)

    assert -1 <= low <= high <= 1
    assert (low, high) == (pytest.approx(-back_high), pytest.approx(-back_low))
    if m and n:
        assert low - 1e-12 <= won[0] / m - won[1] / n <= high + 1e-12
    single = wilson(won[0], m, level)
    assert 0 <= single[0] <= single[1] <= 1


def test_nothing_known_is_the_whole_range() -> None:
    """Without trials the interval is all that a proportion, or a difference of two, can be."""
    assert [float(end) for end in wilson(0, 0, 0.95)] == [0.0, 1.0]
    assert [float(end) for end in newcombe((0, 5), (0, 10), 0.95)] == [-1.0, 1.0]
