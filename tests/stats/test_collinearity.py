"""Generalised variance inflation: the usual factor for single columns, and blind to the choice of reference."""

import numpy as np
import pytest

from whywin.stats.collinearity import variance_inflation


def test_single_columns_have_the_usual_factor() -> None:
    """For columns of one regressor it is statsmodels' variance inflation factor, and its root."""
    from statsmodels.stats.outliers_influence import variance_inflation_factor

    rng = np.random.default_rng(1)
    x = rng.normal(size=(200, 3))
    x[:, 2] += x[:, 0]
    expected = [variance_inflation_factor(np.column_stack([np.ones(200), x]), place + 1) for place in range(3)]
    found = variance_inflation(x, [(0,), (1,), (2,)])

    assert found[:, 0] == pytest.approx(expected)
    assert found[:, 1] == pytest.approx(np.sqrt(expected))


def test_the_reference_level_does_not_matter() -> None:
    """Which level of a column the others are compared with changes neither its factor nor the other columns' (Fox and Monette 1992)."""
    rng = np.random.default_rng(2)
    level = rng.integers(3, size=300)
    number = rng.normal(size=300) + level
    one, other = (np.column_stack([*(level == place for place in kept), number]) for kept in ((1, 2), (0, 1)))

    assert variance_inflation(one, [(0, 1), (2,)]) == pytest.approx(variance_inflation(other, [(0, 1), (2,)]))


def test_columns_with_nothing_in_common_have_a_factor_of_one() -> None:
    """A balanced table has no inflation."""
    x = np.array([[-1.0, -1.0], [-1.0, 1.0], [1.0, -1.0], [1.0, 1.0]])

    assert variance_inflation(x, [(0,), (1,)]) == pytest.approx(np.ones((2, 2)))
