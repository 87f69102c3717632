"""DoWhy's estimators by their DoWhy names: how each is made anew, and why some are not."""

from collections.abc import Mapping
from typing import Any, Final, Literal

import numpy as np

Estimator = Literal[
    "weighting",
    "stratification",
    "matching",
    "doubly_robust",
    "linear_regression",
    "generalized_linear_model",
    "backdoor.propensity_score_weighting",
    "backdoor.propensity_score_stratification",
    "backdoor.propensity_score_matching",
    "backdoor.doubly_robust",
    "backdoor.linear_regression",
    "backdoor.generalized_linear_model",
    "backdoor.distance_matching",
    "backdoor.econml",
    "iv.instrumental_variable",
    "iv.regression_discontinuity",
    "frontdoor.two_stage_regression",
]
REFUSED: Final[Mapping[str, str]] = {
    "distance_matching": "its distance matching cannot keep strata apart, and its bootstrap is invalid; use matching with distance mahalanobis",
    "econml": "its wrapper of EconML ignores whose effect is asked for; use double_ml, doubly_robust, forest or policy",
    "instrumental_variable": "its two-stage least squares has no intercept with two instruments, and no controls; use instrument",
    "regression_discontinuity": "its discontinuity is a ratio of means without a slope or an honest interval; use discontinuity",
    "two_stage_regression": "its front door has no interval that refits both stages; ask by a graph with a back door, or by a trial",
}
ONLY_ALL: Final = frozenset({"doubly_robust", "linear_regression", "generalized_linear_model"})
WITHOUT_WEIGHTS: Final = frozenset({"linear_regression", "generalized_linear_model"})
SMALLEST_STRATUM: Final = 10


def short(estimator: str) -> str:
    """Return an estimator's name without how it is identified: "weighting" for "backdoor.propensity_score_weighting"."""
    return estimator.rpartition(".")[2].removeprefix("propensity_score_")


def faulty(estimator: str, estimand: str) -> list[str]:
    """Return why DoWhy's estimator cannot answer; empty when it can."""
    name = short(estimator)
    if name in REFUSED:
        return [f"{estimator} is not run: {REFUSED[name]}"]
    if name in ONLY_ALL and estimand == "treated":
        says = "tells the effect on all deals whatever is asked for; set estimand to all, or use weighting, stratification or matching"
        return [f"DoWhy's {name} {says}"]
    return []


def made(estimator: str, names: list[str], *, clip: float, binary: bool) -> Any:
    """Return a new estimator of DoWhy's for these covariates of a frame with the columns ``treated`` and ``result``."""
    from dowhy.causal_estimators.doubly_robust_estimator import DoublyRobustEstimator
    from dowhy.causal_estimators.generalized_linear_model_estimator import GeneralizedLinearModelEstimator
    from dowhy.causal_estimators.linear_regression_estimator import LinearRegressionEstimator
    from dowhy.causal_estimators.propensity_score_matching_estimator import PropensityScoreMatchingEstimator
    from dowhy.causal_estimators.propensity_score_stratification_estimator import PropensityScoreStratificationEstimator
    from dowhy.causal_estimators.propensity_score_weighting_estimator import PropensityScoreWeightingEstimator
    from dowhy.causal_identifier import IdentifiedEstimand
    from sklearn.linear_model import LogisticRegression
    from statsmodels.api import families

    target = IdentifiedEstimand(
        None, ["treated"], ["result"], backdoor_variables={"backdoor": names}, default_backdoor_id="backdoor"
    )
    target.set_identifier_method("backdoor")
    score = LogisticRegression(C=np.inf, solver="newton-cholesky", max_iter=200, tol=1e-10)
    scored = {"propensity_score_model": score}
    ends = {"min_ps_score": clip, "max_ps_score": 1 - clip}
    family = families.Binomial() if binary else families.Gaussian()
    made_as = {
        "weighting": lambda: PropensityScoreWeightingEstimator(target, **scored, **ends),
        "stratification": lambda: PropensityScoreStratificationEstimator(target, **scored, clipping_threshold=SMALLEST_STRATUM),
        "matching": lambda: PropensityScoreMatchingEstimator(target, **scored),
        "doubly_robust": lambda: DoublyRobustEstimator(target, **scored, **ends),
        "linear_regression": lambda: LinearRegressionEstimator(target),
        "generalized_linear_model": lambda: GeneralizedLinearModelEstimator(target, glm_family=family, predict_score=True),
    }
    return made_as[short(estimator)]()
