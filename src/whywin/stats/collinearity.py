"""How far the columns of a model say the same as one another."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray


def variance_inflation(X: ArrayLike, blocks: Sequence[Sequence[int]]) -> NDArray[np.float64]:
    """Return the generalised variance inflation factor of each column, blocks × 2: the factor, and its root comparable across columns.

    For a column of one regressor the factor is the usual 1/(1 − R²). The second number is the factor to the power of 1/(2 × regressors):
    how many times wider intervals are, along one regressor, than if the column had nothing in common with the others.
    Source: Fox and Monette (1992), Generalized collinearity diagnostics, JASA 87, 178-183.

    Args:
        X: regressors without the intercept, n × p, none of them constant.
        blocks: places of the regressors of each column; together they are all of them.
    """
    R = np.atleast_2d(np.corrcoef(np.asarray(X, dtype=float), rowvar=False))
    whole = np.linalg.slogdet(R)[1]
    found = []
    for block in blocks:
        inside = list(block)
        others = [place for place in range(len(R)) if place not in set(inside)]
        logged = np.linalg.slogdet(R[np.ix_(inside, inside)])[1] + np.linalg.slogdet(R[np.ix_(others, others)])[1] - whole
        factor = max(float(np.exp(logged)), 1.0)
        found.append((factor, factor ** (1 / (2 * len(inside)))))
    return np.array(found)
