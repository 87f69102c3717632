"""Tests of many trials at once against the same tests one by one."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whywin.stats.cluster import arm_contrast, cr2
from whywin.stats.many_trials import adjusted_tests, arm_tests


@given(st.integers(2, 8), st.integers(2, 8), st.integers(0, 2**32 - 1))
@settings(max_examples=30, deadline=None)
def test_rows_are_arm_contrasts(treated: int, control: int, seed: int) -> None:
    """Each row has the value, error and degrees of freedom of `arm_contrast` of that trial."""
    rng = np.random.default_rng(seed)
    arm = np.arange(treated + control) < treated
    size = rng.integers(1, 60, (3, len(arm)))
    total = rng.binomial(size, 0.4)
    found = arm_tests(total, size, arm)

    for row in range(3):
        one = arm_contrast(total[row], size[row], arm.astype(int), [-1.0, 1.0])
        assert (found.value[row], found.error[row]) == pytest.approx((one.value, one.standard_error), abs=1e-10)
        assert found.degrees[row] == pytest.approx(one.degrees, rel=1e-8)


def test_rows_with_a_covariate_are_cr2() -> None:
    """With a covariate each row is weighted least squares with CR2, cluster by cluster."""
    rng = np.random.default_rng(4)
    size, arm, before = rng.integers(1, 50, (2, 14)), np.arange(14) < 6, rng.normal(size=14)
    total = rng.binomial(size, 0.5)
    found = adjusted_tests(total, size, arm, before)

    for row in range(2):
        root = np.sqrt(size[row])
        matrix = root[:, None] * np.column_stack([np.ones(14), arm, before])
        one = cr2(matrix, root * total[row] / size[row], np.arange(14), [0.0, 1.0, 0.0])
        assert found.value[row] == pytest.approx(one.value, abs=1e-10)
        assert found.error[row] == pytest.approx(one.standard_error, abs=1e-10)
        assert found.degrees[row] == pytest.approx(one.degrees, rel=1e-8)


def test_a_unit_without_deals_counts_for_nothing() -> None:
    """A trial with an empty unit is the trial without it."""
    total, size, arm = np.array([3.0, 5, 2, 8, 0]), np.array([9.0, 11, 6, 15, 0]), np.array([True, True, False, False, False])
    with_it, without = arm_tests(total, size, arm), arm_tests(total[:4], size[:4], arm[:4])

    assert with_it.error == pytest.approx(without.error)
    assert with_it.degrees == pytest.approx(without.degrees)


def test_an_arm_of_one_unit_has_no_test() -> None:
    """One unit tells nothing of its arm's noise: the interval holds everything, and nothing is found."""
    found = arm_tests(np.array([3.0, 5, 2]), np.array([9.0, 11, 6]), np.array([True, False, False]))

    assert np.isnan(found.value[0])
    assert found.covers(0.9, 0.95)[0]
    assert found.z()[0] == 0


def test_z_has_the_p_value_of_t() -> None:
    """The normal-scale statistic exceeds its quantile exactly when the interval leaves nought out."""
    rng = np.random.default_rng(6)
    size = rng.integers(5, 60, (400, 10))
    total = rng.binomial(size, rng.beta(4, 6, (400, 10)))
    found = arm_tests(total, size, np.arange(10) < 5)

    assert ((np.abs(found.z()) > 1.959963984540054) == ~found.covers(0.0, 0.95)).all()
