"""The difference of two arms, adjusted for what was known of the units before: a regression on one row a unit.

Units weigh by their deals, so that the estimand is the average deal's; errors are CR2's with Satterthwaite degrees of freedom, by
unit or by a cluster of units. Adjusting deal by deal instead would treat a rep's past as many independent facts.
Sources: Deng, Xu, Kohavi and Walker (2013), WSDM; Lin (2013), Agnostic notes on regression adjustments to experimental data, Annals of
Applied Statistics 7, 295-318; Bell and McCaffrey (2002), Survey Methodology 28, 169-181.
"""

import numpy as np
from numpy.typing import ArrayLike

from whywin.stats.cluster import Contrast, robust


def adjusted_contrast(
    total: ArrayLike,
    size: ArrayLike,
    treated: ArrayLike,
    before: ArrayLike,
    *,
    interacted: bool = False,
    clusters: ArrayLike | None = None,
) -> Contrast:
    """Return treated less control, adjusted for covariates of the units.

    Args:
        total: sum of the outcomes of each unit, n.
        size: number of deals of each unit, above 0.
        treated: whether each unit is treated.
        before: covariates of each unit, n or n × k, without missing values.
        interacted: let each arm have slopes of its own (Lin); otherwise they are shared.
        clusters: the cluster of each unit; the unit itself when not given.

    Raises:
        ValueError: there are no more units than coefficients, so that nothing is left for the errors.
    """
    total, size, arm = (np.asarray(array, dtype=float) for array in (total, size, treated))
    known = np.asarray(before, dtype=float).reshape(len(total), -1)
    centred = known - np.average(known, axis=0, weights=size)
    columns = [np.ones(len(total)), arm, *centred.T]
    if interacted:
        columns += [arm * column for column in centred.T]
    X, root = np.column_stack(columns), np.sqrt(size)
    if len(total) <= X.shape[1] or np.linalg.matrix_rank(X * root[:, None]) < X.shape[1]:
        raise ValueError(f"{len(total)} units cannot carry {X.shape[1]} coefficients")
    own = np.arange(len(total)) if clusters is None else np.asarray(clusters)
    return robust(X * root[:, None], total / root, own, np.eye(X.shape[1])[1])
