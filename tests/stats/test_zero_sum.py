"""Bases of vectors that sum to zero, and the moment estimator of the variance between groups."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whywin.stats.zero_sum import between_variance, crossed, zero_sum_basis


@given(st.integers(1, 40))
def test_the_basis_is_orthonormal_and_sums_to_zero(levels: int) -> None:
    """Coordinates of unit variance give the covariance of deviations from the mean: the identity minus 1 / levels."""
    basis = zero_sum_basis(levels).toarray()

    assert basis.shape == (levels, levels - 1)
    assert basis.T @ basis == pytest.approx(np.eye(levels - 1), abs=1e-12)
    assert basis @ basis.T == pytest.approx(np.eye(levels) - 1 / levels, abs=1e-12)


@given(st.integers(2, 9), st.integers(2, 9))
def test_a_crossed_basis_sums_to_zero_over_rows_and_over_columns(first: int, second: int) -> None:
    """Every table in it has empty margins, and it has as many coordinates as an interaction has degrees of freedom."""
    basis = crossed(zero_sum_basis(first), zero_sum_basis(second)).toarray()
    tables = basis.T.reshape(-1, first, second)

    assert basis.shape[1] == (first - 1) * (second - 1)
    assert np.abs(tables.sum(axis=1)).max() < 1e-12
    assert np.abs(tables.sum(axis=2)).max() < 1e-12


def test_the_basis_stays_sparse() -> None:
    """A row has about log2(levels) entries, so that ten thousand levels are no burden."""
    assert zero_sum_basis(10_000).nnz < 15 * 10_000


def test_moments_find_the_variance_that_was_put_in() -> None:
    """Over many tables the estimate is right on average, and without differences it is about nothing."""
    rng = np.random.default_rng(3)
    noise = rng.uniform(0.5, 2.0, 30)
    found = [between_variance(rng.normal(0, np.sqrt(4 + noise)), noise) for _ in range(400)]
    nothing = [between_variance(rng.normal(0, np.sqrt(noise)), noise) for _ in range(400)]

    assert np.mean(found) == pytest.approx(4.0, abs=4 * np.std(found) / 20)
    assert np.mean(nothing) < 0.3
    assert min(nothing) == 0
    assert between_variance([1.0], [1.0]) == 0
