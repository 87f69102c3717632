"""What is believed of the model before the data."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Family = Literal["half_normal", "half_cauchy", "inverse_gamma"]


@dataclass(frozen=True)
class Priors:
    """What is believed before the data, in logits.

    Attributes:
        centre: where the company's log odds are expected.
        width: standard deviation of the company's log odds.
        spread: scale of the prior of every term's standard deviation.
        family: that prior: half-normal; half-Cauchy; or inverse gamma with this shape and scale on the variance, which is BUGS' old
            default and here to repeat published analyses.
        factors: by term what its scale is of `spread`, where terms differ; none where all have the same.
    """

    centre: float
    width: float
    spread: float
    family: Family = "half_normal"
    factors: tuple[float, ...] = ()

    @property
    def scale(self) -> Floats:
        """The scale of each term's prior, or the one of all of them."""
        return np.asarray(self.spread * np.array(self.factors) if self.factors else self.spread)

    def log_density(self, log_sd: Floats) -> Floats:
        """Return the log prior density of log standard deviations, up to a constant."""
        with np.errstate(over="ignore"):  # far out the density is nought, and its logarithm minus infinity
            match self.family:
                case "half_normal":
                    return log_sd - 0.5 * np.exp(2 * log_sd) / self.scale**2
                case "half_cauchy":
                    return log_sd - np.log1p(np.exp(2 * log_sd) / self.scale**2)
                case "inverse_gamma":
                    return -2 * self.spread * log_sd - self.spread * np.exp(-2 * log_sd)

    def draw(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Floats:
        """Return draws of standard deviations from their prior."""
        match self.family:
            case "half_normal":
                return np.abs(rng.normal(0, self.scale, shape))
            case "half_cauchy":
                return np.abs(self.scale * rng.standard_cauchy(shape))
            case "inverse_gamma":
                return np.sqrt(self.spread / np.maximum(rng.gamma(self.spread, size=shape), np.finfo(float).tiny))

    def log_slope(self, log_sd: Floats) -> Floats:
        """Return the derivative of `log_density`."""
        ratio = np.exp(2 * log_sd) / self.scale**2
        match self.family:
            case "half_normal":
                return 1 - ratio
            case "half_cauchy":
                return 1 - 2 * ratio / (1 + ratio)
            case "inverse_gamma":
                return -2 * self.spread + 2 * self.spread * np.exp(-2 * log_sd)
