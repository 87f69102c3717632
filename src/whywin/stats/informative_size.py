"""Whether an effect on the average deal differs from that on the average unit: whether sizes of units tell of effects."""

import numpy as np
from numpy.typing import ArrayLike

from whywin.stats.cluster import Contrast
from whywin.stats.cluster_quantiles import difference_of


def informative_size(total: ArrayLike, size: ArrayLike, treated: ArrayLike) -> Contrast:
    """Return the effect on the average deal less that on the average unit, with a jackknife error by unit.

    The two differ where units with many deals have another effect than those with few; then which of them is asked for matters.
    Source: Kahan, Li, Copas and Harhay (2023), Estimands in cluster-randomized trials, International Journal of Epidemiology 52, 107-118.

    Args:
        total: sum of the outcomes of each unit.
        size: number of deals of each unit, above 0.
        treated: whether each unit is treated; at least three units in each arm.
    """
    total, size, arm = np.asarray(total, dtype=float), np.asarray(size, dtype=float), np.asarray(treated, dtype=bool)
    return difference_of(*(_of_arm(total[group], size[group]) for group in (arm, ~arm)))


def _of_arm(total: np.ndarray, size: np.ndarray) -> Contrast:
    count, rates = len(total), total / size
    value = total.sum() / size.sum() - rates.mean()
    without = (total.sum() - total) / (size.sum() - size) - (rates.sum() - rates) / (count - 1)
    variance = (count - 1) / count * ((without - value) ** 2).sum()
    return Contrast(float(value), float(np.sqrt(variance)), float(count - 1))
