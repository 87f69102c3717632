"""Tests by drawing anew, for every null value at once, and the intervals that they give when they are inverted.

In the wild cluster bootstrap and in studentised randomisation inference the statistic of a draw is a line in the null value
over the root of a parabola in it. So the draws are made once, and a p-value at any other null costs one pass over them.
Source for intervals by inversion: Roodman, MacKinnon, Nielsen and Webb (2019), Fast and wild: bootstrap inference in Stata
using boottest, Stata Journal 19, 4-60.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
TIE = 1e-9  # statistics that differ by less, relatively, are the same number reached by another road
_REACHES = np.concatenate([[0.0], np.logspace(-3, 4, 141)])  # in standard errors, how far an interval's end is looked for
_CHUNK = 4_000_000


@dataclass(frozen=True, eq=False)
class Redrawn:
    """An estimate and what its statistic is, under any null value, in draws of which the observed one is one.

    Attributes:
        estimate: the observed contrast.
        variance: its estimated variance; the observed statistic of a null b is (estimate - b) / sqrt(variance).
        line: the numerator of each draw's statistic, offset and slope in the null value, draws × 2.
        square: the squared denominator, offset, slope and curvature in the null value, draws × 3.
        complete: whether these are all draws that there are, so that p-values are exact.
    """

    estimate: float
    variance: float
    line: Array
    square: Array
    complete: bool

    @property
    def draws(self) -> int:
        """The number of draws, the observed one included."""
        return len(self.line)

    def p_value(self, null: float = 0.0) -> float:
        """Return the two-sided p-value of a null value: the share of draws whose statistic is at least as far from zero."""
        return float(self.p_values([null])[0])

    def p_values(self, nulls: ArrayLike) -> Array:
        """Return the two-sided p-value of each null value."""
        nulls = np.asarray(nulls, dtype=float)
        counts = np.zeros(len(nulls))
        rows = max(1, _CHUNK // max(1, len(nulls)))
        for start in range(0, self.draws, rows):
            line, square = self.line[start : start + rows], self.square[start : start + rows]
            drawn = (line[:, :1] + line[:, 1:] * nulls) ** 2 * self.variance
            spread = np.maximum(square[:, :1] + square[:, 1:2] * nulls + square[:, 2:] * nulls**2, 0.0)
            counts += (drawn >= (self.estimate - nulls) ** 2 * spread * (1 - TIE)).sum(axis=0)
        return counts / self.draws

    def p_greater(self) -> float:
        """Return the one-sided p-value of no effect against a positive one.

        Not for an enumerated wild bootstrap, which leaves out the draws that are another's mirror image.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            drawn = np.nan_to_num(self.line[:, 0] / np.sqrt(np.maximum(self.square[:, 0], 0.0)))
            seen = np.nan_to_num(self.estimate / np.sqrt(self.variance))
        return float((drawn >= seen - TIE * abs(seen)).mean())

    def interval(self, level: float) -> tuple[float, float]:
        """Return the ends of the null values that the test does not reject at 1 - level; infinite where it never rejects.

        Where these values have gaps, the interval spans them.
        """
        return self._end(-1.0, 1 - level), self._end(1.0, 1 - level)

    def _end(self, sign: float, alpha: float) -> float:
        unit = np.sqrt(self.variance) or abs(self.estimate) or 1.0
        reaches = unit * _REACHES
        kept = np.flatnonzero(self.p_values(self.estimate + sign * reaches) > alpha + 1e-12)
        if not len(kept) or kept[-1] == len(reaches) - 1:
            return sign * np.inf if len(kept) else self.estimate
        inner, outer = reaches[kept[-1]], reaches[kept[-1] + 1]
        for _ in range(45):
            middle = (inner + outer) / 2
            if self.p_value(self.estimate + sign * middle) > alpha + 1e-12:
                inner = middle
            else:
                outer = middle
        return float(self.estimate + sign * outer)
