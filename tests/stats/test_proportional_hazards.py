"""Cox's regression: published coefficients, statsmodels', and who is at risk."""

import numpy as np
import pytest

from whywin.stats.proportional_hazards import RIDGE, proportional_hazards

TREATED = [6, 6, 6, 6.5, 7, 9.5, 10, 10.5, 11.5, 13, 16, 17.5, 19.5, 20.5, 22, 23, 25.5, 32.5, 32.5, 34.5, 35.5]  # .5 is censored
PLACEBO = [1, 1, 2, 2, 3, 4, 4, 5, 5, 8, 8, 8, 8, 11, 11, 12, 12, 15, 17, 22, 23]


def _one_group(count: int) -> np.ndarray:
    return np.zeros(count, dtype=np.int64)


def test_the_coefficient_of_the_leukaemia_trial_is_the_published_one() -> None:
    """Freireich et al. (1963), with Efron's ties: 1.572 (Venables and Ripley, Modern applied statistics with S, gehan)."""
    age = np.array([*TREATED, *PLACEBO], dtype=float)
    placebo = np.repeat([0.0, 1.0], [len(TREATED), len(PLACEBO)])
    found = proportional_hazards(placebo[:, None], age, age % 1 == 0, _one_group(len(age)))

    assert found.coefficients[0] / placebo.std() == pytest.approx(1.572, abs=0.0005)


def test_with_strata_and_many_ties_it_is_what_statsmodels_finds() -> None:
    """Each stratum has a baseline of its own, and events of one age are tied as Efron ties them."""
    from statsmodels.duration.hazard_regression import PHReg

    rng = np.random.default_rng(1)
    x, strata = rng.normal(size=(600, 3)), rng.integers(0, 3, 600)
    happens = np.ceil(10 * rng.exponential(size=600) / np.exp(x @ [0.7, -0.4, 0.0] + 0.4 * strata))
    leaves = np.ceil(rng.exponential(12, size=600))
    event, age = happens < leaves, np.minimum(happens, leaves)
    found = proportional_hazards(x, age, event, strata)
    theirs = PHReg(np.where(event, age, age - 0.5), x, event, strata=strata, ties="efron").fit()

    assert found.coefficients / x.std(axis=0) == pytest.approx(theirs.params, abs=1e-7)


def test_who_leaves_at_the_age_of_an_event_is_not_at_risk_of_it() -> None:
    """The baseline divides by those who lived beyond the age, and by the one to whom it happened."""
    age, event = np.array([3.0, 3.0, 5.0, 9.0]), np.array([True, False, True, False])
    baseline = proportional_hazards(np.zeros((4, 1)), age, event, _one_group(4)).baselines[0]

    assert baseline.until(np.array([2.9, 3.0, 5.0, 99.0])) == pytest.approx([0, 1 / 3, 1 / 3 + 1 / 2, 1 / 3 + 1 / 2])


def test_covariates_that_order_the_events_perfectly_need_a_ridge() -> None:
    """A partial likelihood without a top is penalised, and the fit says so."""
    x = np.arange(20.0)
    found = proportional_hazards(x[:, None], 20 - x, np.ones(20, dtype=bool), _one_group(20))

    assert (found.ridge, bool(np.isfinite(found.linear).all())) == (RIDGE, True)
    assert found.coefficients[0] > 0


def test_without_an_event_there_is_no_hazard() -> None:
    """A stratum in which nobody is treated has an empty baseline and moves no coefficient."""
    rng = np.random.default_rng(2)
    x, age, event = rng.normal(size=(80, 1)), rng.exponential(size=80), rng.uniform(size=80) < 0.5
    strata = np.repeat([0, 1], [60, 20])
    event[60:] = False
    found = proportional_hazards(x, age, event, strata)

    assert found.baselines[1].until(np.array([5.0])) == pytest.approx([0.0])
    assert len(found.baselines[1].ages) == 0
