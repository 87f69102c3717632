"""Jumps of a mean at a threshold: local polynomials on either side, with robust bias-corrected inference.

Sources: Calonico, Cattaneo and Titiunik (2014), Robust nonparametric confidence intervals for regression-discontinuity designs,
Econometrica 82, 2295-2326; Calonico, Cattaneo and Farrell (2020), Optimal bandwidth choice for robust bias-corrected inference in
regression discontinuity designs, Econometrics Journal 23, 192-210 (the bandwidths, with regularisation); Calonico, Cattaneo, Farrell
and Titiunik (2019), Regression discontinuity designs using covariates, Review of Economics and Statistics 101, 442-451 (clusters).
Kernel: triangular. Variance: nearest neighbours, or clusters' sums. Line for the estimate, parabola for its bias.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Clusters = NDArray[np.int64] | None
NEIGHBOURS: Final = 3
SCORES: Final = 10  # different scores that every width takes in on each side, though noise-free outcomes would ask for none
PILOT: Final = 2.576  # the pilot bandwidth's constant for a triangular kernel


@dataclass(frozen=True)
class Widths:
    """How far from the threshold is looked: for the estimate, and for its bias; in units of the score."""

    estimate: float
    bias: float


@dataclass(frozen=True)
class Jump:
    """A jump at the threshold, from below to above.

    Attributes:
        value: the jump by the lines alone.
        corrected: the jump less its estimated bias: the centre of the robust interval.
        error: standard error of `value`.
        robust: standard error of `corrected`, which counts the noise of the bias too.
        widths: how far was looked.
        below: observations below the threshold that count.
        above: observations above the threshold that count.
        mean_below: the mean just below the threshold, by the line.
        clusters: how many clusters count; 0 where there are none.
    """

    value: float
    corrected: float
    error: float
    robust: float
    widths: Widths
    below: int
    above: int
    mean_below: float
    clusters: int = 0


@dataclass(frozen=True, eq=False)
class _Side:
    """The observations on one side, sorted by their distance from the threshold (negative below it)."""

    x: Array
    y: Array
    clusters: Clusters
    noise: Array | None = None

    def within(self, width: float) -> tuple["_Side", Array]:
        """Return the observations nearer than a width, and their kernel weights."""
        weight = 1 - np.abs(self.x) / width
        near = weight > 0
        clusters = None if self.clusters is None else self.clusters[near]
        noise = None if self.noise is None else self.noise[near]
        return _Side(self.x[near], self.y[near], clusters, noise), weight[near] / width


def jump(
    score: ArrayLike,
    outcome: ArrayLike,
    threshold: float,
    clusters: Clusters = None,
    widths: Widths | None = None,
    noise: Array | None = None,
) -> Jump:
    """Return the jump of an outcome's mean where a score reaches the threshold.

    Args:
        score: what decides, n.
        outcome: what may jump, n.
        threshold: observations at or above it are on the upper side.
        clusters: codes of groups that are not independent, n.
        widths: how far to look; those that make the squared error of the estimate least when not given.
        noise: the standard deviation of each outcome where it is known, n; it is told from neighbours or clusters when not given.
    """
    sides = _sides(score, outcome, threshold, clusters, noise)
    chosen = widths or _widths(sides)
    lower, upper = (_ends(side, chosen) for side in sides)
    return Jump(
        upper[0] - lower[0], upper[1] - lower[1], float(np.sqrt(upper[2] + lower[2])), float(np.sqrt(upper[3] + lower[3])), chosen,
        len(sides[0].within(chosen.estimate)[0].x), len(sides[1].within(chosen.estimate)[0].x), lower[0], _counted(sides, chosen),
    )  # fmt: skip


def ratio(
    score: ArrayLike,
    outcome: ArrayLike,
    treated: ArrayLike,
    threshold: float,
    clusters: Clusters = None,
    widths: Widths | None = None,
) -> tuple[Jump, Jump]:
    """Return the effect on those whom the threshold moves, the outcome's jump over the treatment's, and the treatment's jump.

    The standard errors are those of the ratio by its linearisation; they do not hold where the treatment's jump may be zero.
    """
    of_outcome = jump(score, outcome, threshold, clusters, widths)
    of_treatment = jump(score, treated, threshold, clusters, of_outcome.widths)
    value, corrected = of_outcome.value / of_treatment.value, of_outcome.corrected / of_treatment.corrected
    outcome, treated = np.asarray(outcome, dtype=float), np.asarray(treated, dtype=float)
    plain = jump(score, (outcome - value * treated) / of_treatment.value, threshold, clusters, of_outcome.widths)
    robust = jump(score, (outcome - corrected * treated) / of_treatment.corrected, threshold, clusters, of_outcome.widths)
    return replace(of_outcome, value=value, corrected=corrected, error=plain.error, robust=robust.robust), of_treatment


def enough(score: ArrayLike, threshold: float, fewest: int) -> bool:
    """Whether so many different scores are on each side that lines and parabolas can be laid through them."""
    values = np.unique(np.asarray(score, dtype=float))
    return bool(min((values < threshold).sum(), (values >= threshold).sum()) >= fewest)


def _sides(
    score: ArrayLike, outcome: ArrayLike, threshold: float, clusters: Clusters, noise: Array | None
) -> tuple[_Side, _Side]:
    x, y = np.asarray(score, dtype=float) - threshold, np.asarray(outcome, dtype=float)
    order = np.argsort(x, kind="stable")
    x, y, codes = x[order], y[order], None if clusters is None else clusters[order]
    first = int(np.searchsorted(x, 0.0))
    parts = (slice(None, first), slice(first, None))
    known = None if noise is None else noise[order]
    below, above = (
        _Side(x[part], y[part], None if codes is None else codes[part], None if known is None else known[part]) for part in parts
    )
    return below, above


def _counted(sides: tuple[_Side, _Side], widths: Widths) -> int:
    codes = [side.within(widths.estimate)[0].clusters for side in sides]
    return 0 if codes[0] is None or codes[1] is None else len(np.unique(np.concatenate([codes[0], codes[1]])))


def _widths(sides: tuple[_Side, _Side]) -> Widths:
    """Return the bandwidths of least mean squared error, common to both sides: for the third derivative, the second, and the jump."""
    x = np.concatenate([side.x for side in sides])
    middle = float(np.subtract(*np.percentile(x, [75, 25]))) / 1.349
    spread = min(float(x.std(ddof=1)), middle) if middle > 0 else float(x.std(ddof=1))
    most = float(np.abs(x).max())
    pilot = min(PILOT * spread * len(np.unique(x)) ** -0.2, most)
    pilot = max(pilot, *(_reach(side, SCORES) for side in sides))
    far = tuple(float(np.abs(side.x).max()) for side in sides)
    third = min(_least(sides, 3, 3, pilot, far, regular=False), most)
    least = max(_reach(side, SCORES) for side in sides)
    bias = max(min(_least(sides, 2, 2, pilot, (third, third), regular=True), most), least)
    return Widths(max(min(_least(sides, 1, 0, pilot, (bias, bias), regular=True), most), least), bias)


def _reach(side: _Side, count: int) -> float:
    """Return the width within which there are that many different scores: fewer carry no polynomial."""
    values = np.unique(np.abs(side.x))
    return float(values[min(count, len(values)) - 1]) * (1 + 1e-9)


def _least(
    sides: tuple[_Side, _Side], degree: int, derivative: int, pilot: float, far: tuple[float, ...], *, regular: bool
) -> float:
    """Return the width that balances squared bias and variance of a difference of derivatives at the threshold."""
    parts = [
        _balance(side, degree, derivative, pilot, max(end, _reach(side, SCORES))) for side, end in zip(sides, far, strict=True)
    ]
    variance, bias, noise = (np.array(part) for part in zip(*parts, strict=True))
    squared = (bias[1] - bias[0]) ** 2 + (noise.sum() if regular else 0.0)
    return float((variance.sum() / max(squared, 1e-300)) ** (1 / (2 * degree + 3)))


def _balance(side: _Side, degree: int, derivative: int, pilot: float, far: float) -> tuple[float, float, float]:
    """Return what a width's variance, bias and the bias's own noise are made of, for a derivative by a polynomial of a degree."""
    near, weight = side.within(pilot)
    X = _powers(near.x, degree)
    inverse = _inverse(X, weight)
    variance = inverse @ _meat(X * weight[:, None], _noise(near, X, weight, inverse), near.clusters) @ inverse
    constant = pilot**derivative * float((inverse @ ((X * weight[:, None]).T @ (near.x / pilot) ** (degree + 1)))[derivative])
    wide, heavy = side.within(far)
    higher = _powers(wide.x, degree + 1)
    other = _inverse(higher, heavy)
    slope = float((other @ (higher.T @ (heavy * wide.y)))[degree + 1])
    unsure = other @ _meat(higher * heavy[:, None], _noise(wide, higher, heavy, other), wide.clusters) @ other
    times = 2 * (degree + 1 - derivative)
    return (
        (2 * derivative + 1) * pilot ** (2 * derivative + 1) * float(variance[derivative, derivative]),
        float(np.sqrt(times)) * constant * slope,
        times * 3 * constant**2 * float(unsure[degree + 1, degree + 1]),
    )


def _ends(side: _Side, widths: Widths) -> tuple[float, float, float, float]:
    """Return the mean at the threshold by a line, the same less its bias, and the variances of both."""
    near, _ = side.within(max(widths.estimate, widths.bias))
    light = np.clip(1 - np.abs(near.x) / widths.estimate, 0, None) / widths.estimate
    heavy = np.clip(1 - np.abs(near.x) / widths.bias, 0, None) / widths.bias
    line, parabola = _powers(near.x, 1), _powers(near.x, 2)
    inverse, other = _inverse(line, light), _inverse(parabola, heavy)
    curved = widths.estimate**2 * ((line * light[:, None]).T @ (near.x / widths.estimate) ** 2)
    rows = line * light[:, None]
    mended = rows - np.outer(parabola * heavy[:, None] @ other[:, 2], curved)
    plain, robust = inverse[0] @ rows.T, inverse[0] @ mended.T
    noise = _noise(near, line, light, inverse)
    further = noise if near.clusters is None else _noise(near, parabola, heavy, other)
    first = _meat(plain[:, None], noise, near.clusters, taken=2)
    second = _meat(robust[:, None], further, near.clusters, taken=3)
    return float(plain @ near.y), float(robust @ near.y), float(first[0, 0]), float(second[0, 0])


def _powers(x: Array, degree: int) -> Array:
    return np.vander(x, degree + 1, increasing=True)


def _inverse(X: Array, weight: Array) -> Array:
    """Return the inverse of X'WX, its columns scaled first, since powers of a wide score differ by many orders."""
    scale = np.sqrt(np.maximum((X**2 * weight[:, None]).sum(axis=0), 1e-300))
    return np.asarray(
        np.linalg.pinv((X * weight[:, None]).T @ X / np.outer(scale, scale), hermitian=True) / np.outer(scale, scale)
    )


def _noise(side: _Side, X: Array, weight: Array, inverse: Array) -> Array:
    """Return residuals: against the nearest neighbours, or against the fit where clusters are to be summed."""
    if side.noise is not None:
        return side.noise
    if side.clusters is None:
        return against_neighbours(side.x, side.y)
    return side.y - X @ (inverse @ (X.T @ (weight * side.y)))


def _meat(rows: Array, noise: Array, clusters: Clusters, taken: int | None = None) -> Array:
    scores = rows * noise[:, None]
    if clusters is None:
        return scores.T @ scores
    _, codes = np.unique(clusters[np.abs(rows).sum(axis=1) > 0], return_inverse=True)
    scores = scores[np.abs(rows).sum(axis=1) > 0]
    groups, n, k = int(codes.max()) + 1, len(codes), taken or int(rows.shape[1])
    sums = np.column_stack([np.bincount(codes, column, minlength=groups) for column in scores.T])
    factor = (n - 1) / max(n - k, 1) * groups / max(groups - 1, 1)
    return np.asarray(factor * sums.T @ sums)


def against_neighbours(x: Array, y: Array) -> Array:
    """Return each observation's distance from the mean of those with the nearest scores, scaled to its own standard deviation.

    All that share a score are taken together; where the scores left and right are equally near, both are.
    """
    values, codes, counts = np.unique(x, return_inverse=True, return_counts=True)
    sums = np.bincount(codes, y)
    many, total = counts.copy(), sums.copy()
    enough_of = min(NEIGHBOURS, len(x) - 1)
    for step in _steps(values, counts, enough_of):
        for place in step:
            picked = place >= 0
            many[picked] += counts[place[picked]]
            total[picked] += sums[place[picked]]
    others = np.maximum(many[codes] - 1.0, 1.0)
    mean = (total[codes] - y) / others
    return np.asarray(np.sqrt(others / (others + 1)) * (y - mean))


def _steps(values: Array, counts: NDArray[np.int64], wanted: int) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Yield, step by step, the places that each score takes in next to its left and right; -1 for none."""
    here = np.arange(len(values))
    low, high, many = here.copy(), here.copy(), counts - 1
    last = len(values) - 1
    while (short := many < wanted).any():
        gap_left = np.where(low > 0, values - values[np.maximum(low - 1, 0)], np.inf)
        gap_right = np.where(high < last, values[np.minimum(high + 1, last)] - values, np.inf)
        left = np.where(short & (gap_left <= gap_right) & (low > 0), low - 1, -1)
        right = np.where(short & (gap_right <= gap_left) & (high < last), high + 1, -1)
        if (left < 0).all() and (right < 0).all():
            return
        many = many + np.where(left >= 0, counts[left], 0) + np.where(right >= 0, counts[right], 0)
        low, high = low - (left >= 0), high + (right >= 0)
        yield left, right
