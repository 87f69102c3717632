"""Group sequential bounds: what they use up, where they agree with one another, and what they promise."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm

from whywin.stats.cluster import arm_contrast
from whywin.stats.cluster_looks import cluster_looks, information, usable
from whywin.stats.group_sequential import (
    EXTREME,
    SPENDINGS,
    bounds,
    classical_bounds,
    conditional_power,
    crossing,
    drift_for,
    futility_bounds,
    spent,
)

PARAMETER = {"hwang_shih_decani": -4.0, "kim_demets": 3.0}
SHARES = st.lists(st.floats(0.02, 0.98), min_size=0, max_size=6, unique=True).map(lambda some: np.array([*sorted(some), 1.0]))


@given(SHARES, st.sampled_from(SPENDINGS), st.floats(0.005, 0.2))
@settings(max_examples=25, deadline=None)
def test_bounds_use_up_what_may_be_spent(shares: np.ndarray, spending: str, alpha: float) -> None:
    """Whatever the spacing of the looks, the chance of a first crossing at each is the increment of the spending function."""
    shares = shares[np.append(np.diff(shares) > 1e-3, [True])]
    cumulative = spent(spending, alpha, shares, PARAMETER.get(spending, 0.0))
    upper = bounds(shares, cumulative)
    up, down = crossing(shares, -upper, upper)

    inside = upper < EXTREME
    assert up[inside] == pytest.approx(np.diff(cumulative, prepend=0)[inside], rel=1e-8, abs=1e-13)
    assert up == pytest.approx(down, abs=1e-13)
    assert cumulative[-1] == pytest.approx(alpha)


@pytest.mark.parametrize(
    ("spending", "parameter", "alpha", "shares", "expected"),
    [
        ("hwang_shih_decani", 0.0, 0.03, [0.2, 0.4, 1.0], [2.5121443, 2.4228747, 2.0280392]),
        ("hwang_shih_decani", -1.0, 0.07, [0.2, 0.4, 1.0], [2.364813, 2.1928805, 1.5660474]),
        ("kim_demets", 2.2, 0.03, [0.3, 0.7, 1.0], [2.8594012, 2.2435708, 1.9735737]),
        ("pocock", 0.0, 0.13, [0.35, 0.7, 1.0], [1.5446617, 1.4828682, 1.4620058]),
        ("pocock", 0.0, 0.025, [0.4, 0.7], [2.223875, 2.3050796]),
        ("obrien_fleming", 0.0, 0.13, [0.4, 0.75, 0.85, 1.0], [2.1280732, 1.4368565, 1.422873, 1.2970881]),
    ],
)
def test_bounds_at_unequal_looks_are_rpact_s(
    spending: str, parameter: float, alpha: float, shares: list[float], expected: list[float]
) -> None:
    """All four spending functions, one-sided; a last look short of the full information spends only its part.

    The figures stand in rpact's own tests (rpact-com/rpact, tests/testthat/test-f_design_group_sequential.R).
    """
    assert bounds(shares, spent(spending, alpha, shares, parameter), sides=1) == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize(
    ("alphas", "betas", "shares", "power", "lower", "factor", "rejected"),
    [
        (
            ("hwang_shih_decani", 0.07, -1.0), ("hwang_shih_decani", 0.14, -2.0), [0.2, 0.4, 1.0],
            0.86, [-1.1063623, -0.35992439], 1.0869177, [0.12038953, 0.20856311, 0.53104735],
        ),
        (
            ("kim_demets", 0.03, 2.2), ("kim_demets", 0.34, 3.2), [0.3, 0.7, 1.0],
            0.66, [-1.1558435, 0.72836893], 1.0555891, [0.058336437, 0.33990957, 0.261754],
        ),
        (
            ("obrien_fleming", 0.13, 0.0), ("kim_demets", 0.41, 2.5), [0.4, 0.75, 0.85, 1.0],
            0.59, [-0.82676531, 0.3743303, 0.65077266], None, [0.1110095, 0.31998733, 0.07226522, 0.08673795],
        ),
    ],
)  # fmt: skip
def test_futility_bounds_are_rpact_s(
    alphas: tuple,
    betas: tuple,
    shares: list[float],
    power: float,
    lower: list[float],
    factor: float | None,
    rejected: list[float],
) -> None:
    """Bounds that are not binding, the inflation of the information, and the chances of stopping, from the same tests of rpact."""
    upper = bounds(shares, spent(alphas[0], alphas[1], shares, alphas[2]), sides=1)
    found, drift = futility_bounds(shares, upper, spent(betas[0], betas[1], shares, betas[2]))

    assert found[:-1] == pytest.approx(lower, abs=1e-6)
    assert crossing(shares, found, upper, drift)[0] == pytest.approx(rejected, abs=1e-6)
    if factor:
        assert (drift / (norm.isf(alphas[1]) + norm.ppf(power))) ** 2 == pytest.approx(factor, abs=1e-6)


def test_spending_functions_at_their_corners() -> None:
    """All is spent at the end and beyond; a gamma of zero and a power of one spend evenly."""
    t = np.array([0.25, 0.5, 1.0, 1.2])
    for spending in SPENDINGS:
        assert spent(spending, 0.025, t, PARAMETER.get(spending, 0.0))[2:] == pytest.approx([0.025, 0.025])
    assert spent("hwang_shih_decani", 0.04, t, 0.0) == pytest.approx([0.01, 0.02, 0.04, 0.04])
    assert spent("kim_demets", 0.04, t, 1.0) == pytest.approx([0.01, 0.02, 0.04, 0.04])


def test_crossing_is_the_multivariate_normal_s() -> None:
    """At unequal looks with a drift, the chance of never crossing is that of a correlated normal vector."""
    t, upper = np.array([0.2, 0.5, 1.0]), np.array([2.6, 2.2, 2.0])
    lower, drift = np.array([-1.0, -0.2, 0.6]), 1.7
    covariance = np.sqrt(np.minimum.outer(t, t) / np.maximum.outer(t, t))
    stays = multivariate_normal.cdf(upper, drift * np.sqrt(t), covariance, lower_limit=lower, abseps=1e-9, maxpts=10**6)

    up, down = crossing(t, lower, upper, drift)

    assert 1 - up.sum() - down.sum() == pytest.approx(stays, abs=1e-6)


def test_one_look_is_the_usual_test() -> None:
    """With one look all bounds are the normal quantile, and the drift for a power is that of a fixed design."""
    for found in (bounds([1.0], [0.025]), classical_bounds([1.0], 0.05, power=0.5), classical_bounds([1.0], 0.05, power=0.0)):
        assert found == pytest.approx([norm.isf(0.025)], abs=1e-10)
    assert drift_for([1.0], [-np.inf], [norm.isf(0.025)], 0.9) == pytest.approx(norm.isf(0.025) + norm.isf(0.1), abs=1e-9)


def test_a_look_that_may_spend_nothing_is_never_crossed() -> None:
    """A bound at no error rate is out of reach, and the next look is as if there had been none."""
    assert bounds([0.001, 1.0], [0.0, 0.025]) == pytest.approx([EXTREME, norm.isf(0.025)], abs=1e-9)


def test_futility_bounds_miss_as_often_as_they_may() -> None:
    """Under the drift that they return the effect is missed with chance 20 %, and the upper bounds are as without them."""
    t = np.array([0.3, 0.6, 1.0])
    upper = bounds(t, spent("obrien_fleming", 0.025, t), sides=1)
    lower, drift = futility_bounds(t, upper, spent("pocock", 0.2, t))
    up, down = crossing(t, lower, upper, drift)

    assert down == pytest.approx(np.diff(spent("pocock", 0.2, t), prepend=0), abs=1e-8)
    assert up.sum() == pytest.approx(0.8, abs=1e-8)
    assert lower[-1] == pytest.approx(upper[-1], abs=1e-8)


def test_conditional_power_with_one_look_left_is_the_closed_form() -> None:
    """Given z now, the chance of ending above a bound is a normal tail; given nothing, it is the plain power."""
    z, now, drift, last = 1.4, 0.4, 2.1, 2.0
    expected = norm.sf((last - z * np.sqrt(now) - drift * (1 - now)) / np.sqrt(1 - now))
    up, down = conditional_power(z, now, [1.0], [-np.inf], [last], drift)
    t, upper = np.array([0.5, 1.0]), np.array([2.8, 2.0])
    almost = conditional_power(0.0, 1e-12, t, -upper, upper, drift)

    assert (up, down) == pytest.approx((expected, 0.0), abs=1e-12)
    assert almost == pytest.approx([side.sum() for side in crossing(t, -upper, upper, drift)], abs=1e-5)


def growing(seed: int, looks: int = 4, units: int = 10) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return won deals and deals by look and unit, and which units are treated."""
    rng = np.random.default_rng(seed)
    new = rng.integers(1, 9, size=(looks, units))
    won = rng.binomial(new, rng.beta(4, 6, size=units))
    return np.cumsum(won, axis=0), np.cumsum(new, axis=0), rng.permutation(units) < units // 2


def test_the_last_of_one_look_is_the_fixed_analysis() -> None:
    """With one look, bound and interval are those of CR2 with Satterthwaite degrees of freedom."""
    won, size, treated = growing(1)
    (look,) = cluster_looks(won[-1], won[-1], size[-1], treated, [1.0], [0.025])
    fixed = arm_contrast(won[-1], size[-1], treated, [-1.0, 1.0])

    assert look.interval == pytest.approx(fixed.interval(0.95), abs=1e-10)
    assert look.crossed == (fixed.p_value <= 0.05)


@given(st.integers(0, 10**6))
@settings(max_examples=20, deadline=None)
def test_a_look_stops_the_trial_exactly_when_its_interval_leaves_zero_out(seed: int) -> None:
    """The repeated confidence interval and the bound say the same, and each look's interval is wider than the usual one."""
    won, size, treated = growing(seed)
    shares = np.array([0.25, 0.5, 0.75, 1.0])
    for look in cluster_looks(won, won, size, treated, shares, spent("pocock", 0.025, shares)):
        low, high = look.interval
        usual = look.effect.interval(0.95)

        assert look.crossed == (low > 0 or high < 0)
        assert low < usual[0] < usual[1] < high


def test_information_is_counted_in_clusters() -> None:
    """Deals that are alike within units tell less: with correlation 1 only units count, with 0 only deals do."""
    size, treated = np.array([[5, 5, 5, 5], [50, 50, 50, 50]]), np.array([True, True, False, False])

    assert information(size, treated, 0.0) == pytest.approx([5.0, 50.0])
    assert information(size, treated, 1.0) == pytest.approx([1.0, 1.0])
    assert information(size, treated, 0.05)[1] < 5 * information(size, treated, 0.05)[0]


def test_looks_without_two_units_in_an_arm_cannot_be_used() -> None:
    """An error needs two units in each arm that have a deal."""
    size = [[1, 0, 3, 2], [1, 1, 3, 0], [1, 1, 3, 2]]

    assert usable(size, [True, True, False, False]).tolist() == [False, False, True]
