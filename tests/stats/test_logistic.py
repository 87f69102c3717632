"""Logistic regression with a ridge: against two libraries, and a penalty that knows when there is nothing."""

import numpy as np
import pytest
from scipy.special import expit

from whywin.stats.logistic import chosen_ridge, fitted


@pytest.fixture(scope="module")
def table() -> tuple[np.ndarray, np.ndarray]:
    """500 rows of two numbers and a flag."""
    rng = np.random.default_rng(1)
    x = np.column_stack([np.ones(500), rng.normal(size=(500, 2)), rng.random(500) < 0.3])
    return x, (rng.random(500) < expit(x @ [-0.4, 0.8, -0.5, 0.6])).astype(float)


def test_without_a_penalty_it_is_statsmodels(table: tuple[np.ndarray, np.ndarray]) -> None:
    """Coefficients and log-likelihood are those of maximum likelihood."""
    from statsmodels.api import Logit

    expected, found = Logit(table[1], table[0]).fit(disp=0), fitted(*table, penalty=0.0)

    assert found.coefficients == pytest.approx(expected.params, abs=1e-6)
    assert found.likelihood == pytest.approx(expected.llf, abs=1e-9)


def test_with_a_penalty_it_is_scikit_learn(table: tuple[np.ndarray, np.ndarray]) -> None:
    """A ridge of 20 is scikit-learn's C of 1/20, the intercept left free."""
    from sklearn.linear_model import LogisticRegression

    expected = LogisticRegression(C=1 / 20, tol=1e-10, max_iter=1000).fit(table[0][:, 1:], table[1])
    found = fitted(*table, penalty=20.0).coefficients

    assert found == pytest.approx(np.r_[expected.intercept_, expected.coef_[0]], abs=1e-5)


def test_levels_that_are_always_won_stay_finite() -> None:
    """Separation has no maximum likelihood; the guard gives a chance close to one and not a number that is none."""
    x = np.column_stack([np.ones(40), np.repeat([0.0, 1.0], 20)])
    y = np.r_[np.tile([0.0, 1.0], 10), np.ones(20)]
    found = fitted(x, y).coefficients

    assert np.isfinite(found).all()
    assert 0.99 < expit(found.sum()) < 1


def test_the_penalty_is_large_where_there_is_nothing_and_small_where_there_is(table: tuple[np.ndarray, np.ndarray]) -> None:
    """Chosen on held-out groups: the more the regressors predict, the smaller the penalty; the same stream gives the same fit."""
    x, y = table
    groups, noise = np.arange(500) % 25, (np.random.default_rng(3).random(500) < 0.4).astype(float)
    real, penalty = chosen_ridge(x, y, groups, np.random.default_rng(4))
    _, of_noise = chosen_ridge(x, noise, groups, np.random.default_rng(4))
    again, _ = chosen_ridge(x, y, groups, np.random.default_rng(4))

    assert penalty <= 100
    assert of_noise >= 10 * penalty
    assert (again.coefficients == real.coefficients).all()
