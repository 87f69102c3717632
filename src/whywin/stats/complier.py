"""The effect of a treatment that not all who were assigned to it got, with assignment as the instrument.

Sources: Angrist, Imbens and Rubin (1996), Identification of causal effects using instrumental variables, JASA 91, 444-455; Anderson and
Rubin (1949), Annals of Mathematical Statistics 20, 46-63, for the interval; Staiger and Stock (1997), Econometrica 65, 557-586, for
the strength of the instrument.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import t as student

from whywin.stats.cluster import Contrast, arm_scores


@dataclass(frozen=True)
class Complier:
    """Assignment's effects on outcome and on treatment, and their ratio: two-stage least squares with one binary instrument.

    Attributes:
        outcome: effect of assignment on the outcome.
        treatment: effect of assignment on the share that is treated.
        covariance: of the two.
    """

    outcome: Contrast
    treatment: Contrast
    covariance: float

    @property
    def value(self) -> float:
        """The effect of treatment on the deals that get it because they are assigned to it."""
        return self.outcome.value / self.treatment.value

    @property
    def standard_error(self) -> float:
        """By the delta method: the cluster-robust error of two-stage least squares."""
        residual = self.outcome.standard_error**2 - 2 * self.value * self.covariance
        return float(np.sqrt(max(residual + (self.value * self.treatment.standard_error) ** 2, 0.0)) / abs(self.treatment.value))

    @property
    def strength(self) -> float:
        """The first stage's F statistic, robust to clusters; weak below 10."""
        error = self.treatment.standard_error
        return float((self.treatment.value / error) ** 2) if error > 0 else np.inf

    def interval(self, level: float) -> tuple[float, float]:
        """Return Anderson and Rubin's interval, which holds however weak the instrument is; infinite ends where it is too weak.

        An effect b is kept where outcome − b · treatment has no effect of assignment: a quadratic in b.
        """
        t = float(student.ppf(0.5 + level / 2, self.outcome.degrees))
        first, second = self.treatment, self.outcome
        a = first.value**2 - (t * first.standard_error) ** 2
        b = -2 * (first.value * second.value - t**2 * self.covariance)
        c = second.value**2 - (t * second.standard_error) ** 2
        if a <= 0:
            return -np.inf, np.inf
        root = np.sqrt(max(b**2 - 4 * a * c, 0.0))
        return (-b - root) / (2 * a), (-b + root) / (2 * a)


def complier(
    total: ArrayLike, taken: ArrayLike, size: ArrayLike, treated: ArrayLike, clusters: ArrayLike | None = None
) -> Complier:
    """Return assignment's effects on the outcome and on being treated, from one row a unit.

    Args:
        total: sum of the outcomes of each unit.
        taken: number of deals of each unit that were treated.
        size: number of deals of each unit, above 0.
        treated: whether each unit was assigned to treatment.
        clusters: the cluster of each unit; the unit itself when not given.
    """
    arm = np.asarray(treated, dtype=np.int64)
    found = [arm_scores(sums, size, arm, [-1.0, 1.0], clusters) for sums in (total, taken)]
    both = [Contrast(value, float(np.sqrt((scores**2).sum())), degrees) for value, scores, degrees in found]
    return Complier(both[0], both[1], float(found[0][1] @ found[1][1]))
