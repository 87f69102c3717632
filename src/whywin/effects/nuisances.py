"""What doubly robust methods must know besides the effect: who is treated, and what outcomes would be, predicted out of sample.

No one model is right everywhere, so several learn side by side on the same folds, and a convex mixture of them is taken that
predicts the deals held out best. Sources: van der Laan, Polley and Hubbard (2007), Super learner, Statistical Applications in
Genetics and Molecular Biology 6; Ahrens, Hansen, Schaffer and Wiemann (2025), Model averaging and double machine learning, Journal
of Applied Econometrics 40, 249-269 (one mixture from all folds, "short-stacking"); Fan and Lv (2008), Sure independence screening,
JRSS B 70, 849-911, and Foster and George (1994), The risk inflation criterion for multiple regression, Annals of Statistics 22,
1947-1975 (which squares and products are taken up).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from whywin.stats.logistic import fitted
from whywin.stats.stacking import folds_of, is_binary, loss, mixture

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Learner = Literal["linear", "quadratic", "boosting"]
Predict = Callable[[Floats], Floats]

LEARNERS: Final[tuple[Learner, ...]] = ("linear", "quadratic", "boosting")
TREATMENT: Final = "treatment"
FEWEST: Final = 20  # rows of a part too small to learn more than its mean from
PRODUCTS: Final = 30  # squares and products that the quadratic learner takes up at most
SHRUNK: Final = 10.0  # inverse variance of the coefficients of squares and products: a third of a logit a standard deviation
CONSTANT: Final = 1e-9  # a product that varies less than this is a column that the model has already
EDGE: Final = 1e-3  # predicted chances are kept this far from 0 and 1
BOOSTING: Final = {"learning_rate": 0.2, "max_leaf_nodes": 4, "min_samples_leaf": 30, "l2_regularization": 1.0, "max_bins": 32}
TREES: Final = (30, 200)  # fewest and most trees; between them one for every hundred rows, which predicts best on made-up deals


@dataclass(frozen=True, eq=False)
class Learned:
    """One nuisance, predicted for every deal by models that never saw it.

    Attributes:
        value: the prediction of each deal, by the mixture.
        by_learner: the prediction of each deal by each learner, n × k.
        shares: the mixture: how much each learner counts, k numbers that add up to 1.
        losses: how badly each learner alone predicts the deals held out, k numbers: mean log loss of a chance, mean squared error of
            a number.
    """

    value: Floats
    by_learner: Floats
    shares: Floats
    losses: Floats


def learned(matrix: Floats, target: Floats, fold: NDArray[np.int64], learners: Sequence[Learner], rows: Bools) -> Learned:
    """Predict a target out of sample for every deal, learning from some of them.

    Args:
        matrix: covariates, one row a deal.
        target: what is predicted: 0 and 1, or a number; looked at only in `rows`.
        fold: the part of each deal; its predictions come from models of the other parts.
        learners: which models learn.
        rows: the deals that are learnt from.
    """
    binary = is_binary(target[rows])
    found = np.empty((len(target), len(learners)))
    with _one_core():
        for part in np.unique(fold):
            inside = fold == part
            taken = rows & ~inside
            for place, learner in enumerate(learners):
                found[inside, place] = _fit(learner, matrix[taken], target[taken], binary=binary)(matrix[inside])
    if binary:
        found = np.clip(found, EDGE, 1 - EDGE)
    shares = mixture(found[rows], target[rows], binary=binary)
    losses = loss(found[rows], target[rows], binary=binary).mean(axis=0)
    return Learned(found @ shares, found, shares, losses)


def nuisances_table(learners: Sequence[Learner], found: Mapping[str, Sequence[Learned]]) -> pd.DataFrame:
    """Return, for each nuisance and learner, its share of the mixture and its loss out of sample, on average over the splits."""
    rows = [
        {
            "nuisance": name,
            "learner": learner,
            "share": float(np.mean([one.shares[place] for one in splits])),
            "loss": float(np.mean([one.losses[place] for one in splits])),
        }
        for name, splits in found.items()
        for place, learner in enumerate(learners)
    ]
    return pd.DataFrame(rows)


def dealt(treated: Bools, clusters: NDArray[np.int64] | None, folds: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Deal out deals, or whole clusters, to the folds; treated deals evenly."""
    return folds_of(treated, folds, rng, clusters)


def _fit(learner: Learner, matrix: Floats, target: Floats, *, binary: bool) -> Predict:
    if len(target) < FEWEST or matrix.shape[1] == 0 or (target == target[0]).all():
        mean = float(target.mean()) if len(target) else 0.5
        return lambda rows: np.full(len(rows), mean)
    if learner == "boosting":
        return _boosted(matrix, target, binary=binary)
    scaled = _scaling(matrix)
    columns = scaled(matrix)
    if learner == "linear":
        beta = _coefficients(columns, target, np.full(columns.shape[1], 1e-3), binary=binary)
        return lambda rows: _mean(scaled(rows) @ beta, binary=binary)
    return _quadratic(scaled, columns, target, binary=binary)


def _scaling(matrix: Floats) -> Predict:
    """Return what puts a one before the covariates in standard deviations of these deals."""
    centre, spread = matrix.mean(axis=0), matrix.std(axis=0)
    constant = spread <= 1e-12 * np.maximum(np.abs(centre), 1e-300)
    factor = np.where(constant, 0.0, 1 / np.where(constant, 1.0, spread))
    return lambda rows: np.column_stack([np.ones(len(rows)), (rows - centre) * factor])


def _mean(linear: Floats, *, binary: bool) -> Floats:
    return np.asarray(expit(linear)) if binary else linear


def _coefficients(columns: Floats, target: Floats, penalty: Floats, *, binary: bool) -> Floats:
    if binary:
        return fitted(columns, target, penalty).coefficients
    ridge = np.diag(np.r_[0.0, penalty[1:]] + 1e-9 * len(target))
    return np.asarray(np.linalg.solve(columns.T @ columns + ridge, columns.T @ target))


def _quadratic(scaled: Predict, columns: Floats, target: Floats, *, binary: bool) -> Predict:
    """Add the squares and products that move most with what the linear model leaves, their coefficients drawn to zero."""
    beta = _coefficients(columns, target, np.full(columns.shape[1], 1e-3), binary=binary)
    rest = target - _mean(columns @ beta, binary=binary)
    first, second = _worth_trying(columns, rest)
    more = columns[:, first] * columns[:, second]
    centre, spread = more.mean(axis=0), more.std(axis=0)
    spread = np.where(spread > CONSTANT, spread, np.inf)

    def wide(rows: Floats) -> Floats:
        base = scaled(rows)
        return np.column_stack([base, (base[:, first] * base[:, second] - centre) / spread])

    penalty = np.r_[np.full(columns.shape[1], 1e-3), np.full(len(first), SHRUNK)]
    coefficients = _coefficients(np.column_stack([columns, (more - centre) / spread]), target, penalty, binary=binary)
    return lambda rows: _mean(wide(rows) @ coefficients, binary=binary)


def _worth_trying(columns: Floats, rest: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return the pairs of columns whose products score against what the linear model leaves as noise would not: √(2 log number)."""
    first, second = np.triu_indices(columns.shape[1] - 1)
    first, second = first + 1, second + 1
    squares = columns**2
    score = (columns * rest[:, None]).T @ columns - columns.T @ columns * rest.mean()
    noise = (squares * (rest**2)[:, None]).T @ squares
    size = np.abs(score[first, second]) / np.sqrt(np.maximum(noise[first, second], 1e-300))
    notable = int((size > np.sqrt(2 * np.log(len(size)))).sum())
    kept = np.sort(np.argsort(-size, kind="stable")[: min(PRODUCTS, notable)])
    return first[kept], second[kept]


def _boosted(matrix: Floats, target: Floats, *, binary: bool) -> Predict:
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    trees = int(np.clip(len(target) // 100, *TREES))
    owner = HistGradientBoostingClassifier if binary else HistGradientBoostingRegressor
    model = owner(max_iter=trees, early_stopping=False, random_state=0, **BOOSTING).fit(matrix, target)
    return lambda rows: np.asarray(model.predict_proba(rows)[:, 1] if binary else model.predict(rows))


def _one_core() -> Any:
    """Keep fits on one core each: for small ones threads cost more than they bring, and sums would depend on their number."""
    import sklearn.utils._openmp_helpers  # noqa: F401 - only what is loaded can be limited
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)
