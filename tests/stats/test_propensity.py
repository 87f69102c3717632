"""The propensity model: the likelihood's top, collinear columns, and separation."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from whywin.stats.propensity import propensity, standardised


def made(seed: int = 0, count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Covariates and a treatment that depends on them."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(count, 4)) * [1.0, 30.0, 0.2, 1.0] + [0.0, 500.0, 3.0, 0.0]
    return matrix, rng.uniform(size=count) < 1 / (1 + np.exp(-(matrix[:, 0] + (matrix[:, 1] - 500) / 30)))


def test_it_is_the_maximum_likelihood_fit() -> None:
    """Linear predictor and standard errors agree with statsmodels' logistic regression."""
    import statsmodels.api as sm

    matrix, treated = made()
    found = propensity(matrix, treated)
    reference = sm.Logit(treated.astype(float), sm.add_constant(matrix)).fit(disp=0, tol=1e-12)

    assert found.linear == pytest.approx(reference.fittedvalues, abs=1e-7)
    spread = matrix.std(axis=0)
    assert np.sqrt(np.diag(found.covariance))[1:] / spread == pytest.approx(reference.bse[1:], rel=1e-5)
    assert found.ridge == 0.0


def test_the_top_is_found_where_plain_steps_lead_nowhere(shared: Path) -> None:
    """Dehejia's and Wahba's logit of the income panel: from side to side over the top by Newton's whole steps, found all the same."""
    import statsmodels.api as sm

    table = pd.read_csv(shared / "data/benchmarks/lalonde/camerondata_nswproject.csv")
    names = ["age", "agesq", "educ", "educsq", "marr", "nodegree", "black", "hisp"]
    names += ["re74", "re74sq", "re75", "re75sq", "u74", "u75", "u74black"]
    matrix, treated = table[names].to_numpy(dtype=float), table["treat"].to_numpy() == 1
    plain = (matrix - matrix.mean(axis=0)) / matrix.std(axis=0)

    found = propensity(matrix, treated)
    reference = sm.Logit(treated.astype(float), sm.add_constant(plain)).fit(disp=0, tol=1e-12)

    assert found.ridge == 0.0
    assert found.linear == pytest.approx(reference.fittedvalues, abs=1e-6)


def test_columns_that_follow_from_others_change_nothing() -> None:
    """A copy, a sum and a constant column leave every propensity as it was."""
    matrix, treated = made(1)
    more = np.column_stack([matrix, matrix[:, 0], matrix[:, 1] + matrix[:, 2], np.full(len(matrix), 7.0)])

    assert propensity(more, treated).chance == pytest.approx(propensity(matrix, treated).chance, abs=1e-8)


def test_without_covariates_everyone_has_the_share() -> None:
    """The propensity of nothing known is the share of the treated."""
    _, treated = made(2)

    assert propensity(np.empty((len(treated), 0)), treated).chance == pytest.approx(np.full(len(treated), treated.mean()))


@pytest.mark.parametrize("column", ["all", "one side"])
def test_separation_takes_a_ridge_and_says_so(column: str) -> None:
    """Where a covariate tells treated from untreated for certain, the fit stays finite by a stated penalty."""
    matrix, treated = made(3)
    telling = treated.astype(float) if column == "all" else (treated & (matrix[:, 0] > 0.5)).astype(float)

    found = propensity(np.column_stack([matrix, telling]), treated)

    assert found.ridge == 1.0
    assert np.isfinite(found.linear).all()
    assert 0 < found.chance.min() < found.chance.max() < 1


def test_standardised_columns_have_mean_zero_and_deviation_one() -> None:
    """The first column is one, constant columns are zero."""
    matrix, _ = made(4)
    columns = standardised(np.column_stack([matrix, np.full(len(matrix), 0.1)]))

    assert (columns[:, 0] == 1).all()
    assert columns[:, 1:5].mean(axis=0) == pytest.approx(np.zeros(4), abs=1e-10)
    assert columns[:, 1:5].std(axis=0) == pytest.approx(np.ones(4))
    assert (columns[:, 5] == 0).all()
