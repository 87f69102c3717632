"""Effects in several groups, drawn together as far as they do not differ by more than chance."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
NODES = 201


@dataclass(frozen=True, eq=False)
class Pooled:
    """Partially pooled effects with their posterior standard deviations, and the standard deviation between groups."""

    value: Array
    sd: Array
    mean: float
    between: float


def partially_pooled(values: ArrayLike, errors: ArrayLike) -> Pooled:
    """Return groups' effects under a normal population of effects, with all that is not known of it averaged over.

    The population's mean and standard deviation have flat priors (the latter from nought, for three groups or more; for two it has a
    half-normal one with the scale of the errors), and are integrated out on a grid.
    Source: Gelman et al. (2013), Bayesian Data Analysis, 3rd edition, section 5.4.

    Args:
        values: effect in each group.
        errors: its standard error, above 0.
    """
    y, s = np.asarray(values, dtype=float), np.asarray(errors, dtype=float)
    typical = float(np.sqrt(1 / np.mean(1 / s**2)))
    reach = 4 * (float(y.std()) + typical)
    grid = np.linspace(0, reach, NODES)
    precision = 1 / (s**2 + grid[:, None] ** 2)
    whole = precision.sum(axis=1)
    centre = (precision * y).sum(axis=1) / whole
    density = (
        -0.5 * np.log(whole) + 0.5 * np.log(precision).sum(axis=1) - 0.5 * (precision * (y - centre[:, None]) ** 2).sum(axis=1)
    )
    if len(y) < 3:
        density = density - 0.5 * (grid / typical) ** 2
    weight = np.exp(density - density.max())
    weight /= weight.sum()
    kept = 1 / (1 + (s / np.maximum(grid[:, None], 1e-12)) ** 2)  # share of a group's own effect
    means = kept * y + (1 - kept) * centre[:, None]
    variances = kept * s**2 + (1 - kept) ** 2 / whole[:, None]
    value = weight @ means
    sd = np.sqrt(weight @ (variances + means**2) - value**2)
    return Pooled(value, sd, float(weight @ centre), float(weight @ grid))
