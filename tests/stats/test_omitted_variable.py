"""What a left-out variable can do to a coefficient, against leaving one out."""

import numpy as np
import pytest
import statsmodels.api as sm

from whywin.stats.omitted_variable import Coefficient, Strength, adjusted, as_strong_as, coefficient, robustness_value


@pytest.fixture(scope="module")
def world() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Outcome, treatment and three covariates of which the last moves both."""
    rng = np.random.default_rng(0)
    covariates = rng.normal(size=(900, 3))
    treated = (rng.uniform(size=900) < 1 / (1 + np.exp(-covariates @ [0.3, 0.0, 0.6]))).astype(float)
    return 0.4 * treated + covariates @ [0.2, 0.5, 0.7] + rng.normal(size=900), treated, covariates


def test_the_coefficient_is_least_squares(world: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """Value, classical error and degrees of freedom are those of the regression; a column that follows from others changes nothing."""
    outcome, treated, covariates = world
    usual = sm.OLS(outcome, np.column_stack([treated, np.ones(900), covariates])).fit()
    found = coefficient(outcome, treated, covariates)
    doubled = coefficient(outcome, treated, np.column_stack([covariates, covariates[:, :1] - covariates[:, 1:2]]))

    assert (found.value, found.error, found.freedom) == pytest.approx((usual.params[0], usual.bse[0], usual.df_resid))
    assert (doubled.value, doubled.freedom) == pytest.approx((found.value, found.freedom))


def test_the_bias_of_a_variable_of_known_strength_is_exact(world: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """Leaving the last covariate out, and adjusting for what it really explains, gives value and error of the full regression."""
    outcome, treated, covariates = world
    short, full = coefficient(outcome, treated, covariates[:, :2]), coefficient(outcome, treated, covariates)

    def explained(target: np.ndarray, given: np.ndarray) -> float:
        before, after = (
            sm.OLS(target, sm.add_constant(columns)).fit().ssr for columns in (given, np.column_stack([given, covariates[:, 2]]))
        )
        return 1 - after / before

    truth = Strength(explained(treated, covariates[:, :2]), explained(outcome, np.column_stack([covariates[:, :2], treated])))
    mended = adjusted(short, truth)

    assert (mended.value, mended.error) == pytest.approx((full.value, full.error))


def test_the_robustness_value_is_where_the_effect_vanishes() -> None:
    """A confounder that explains just that share of both leaves nothing, and one of the value with a level leaves t at its edge."""
    found = Coefficient(0.3, 0.06, 500)
    value = robustness_value(found.t, found.freedom)
    noise = robustness_value(found.t, found.freedom, level=0.05)
    left = adjusted(found, Strength(noise, noise))

    assert adjusted(found, Strength(value, value)).value == pytest.approx(0.0, abs=1e-9)
    assert left.t == pytest.approx(1.9647, abs=0.002)
    assert robustness_value(1.0, 500, level=0.05) == 0.0


def test_a_benchmark_as_strong_as_a_copy_bounds_the_copy(world: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """The bound for something once as strong as a column explains of the treatment what the column does, and grows with the times."""
    outcome, treated, covariates = world
    measure = np.array([False, False, True])
    once, twice = (as_strong_as(outcome, treated, covariates, measure, times) for times in (1.0, 2.0))

    assert once is not None
    assert twice is not None
    assert twice.of_treatment == pytest.approx(2 * once.of_treatment)
    assert twice.of_outcome > once.of_outcome
    assert as_strong_as(outcome, treated, covariates, measure, 50.0) is None
