"""The standard deviations explored outside the Laplace approximation, and how far the result can be believed.

Importance points of the log standard deviations are laid about the mode of their marginal posterior, then twice where the lots before
say the mass is; at each point the field is drawn from its Gaussian. Each draw carries the ratio of the exact joint posterior to
what it was drawn from, so that the approximation decides the noise only and not the answer; Pareto smoothing judges by k-hat
whether the ratios can be trusted.

PyMC-extras 0.13 fits such models too (``fit_INLA``: NUTS over the hyperparameters of a marginalised graph); it has neither the
ratios nor the judgement, and differentiates a dense graph, so this is written here.

Sources: Rue, Martino and Chopin (2009), JRSS B 71, 319-392; Owen and Zhou (2000), Safe and effective importance sampling, JASA 95,
135-143; Vehtari, Simpson, Gelman, Yao and Gabry (2024), Pareto smoothed importance sampling, JMLR 25 (72).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.stats import qmc

from whywin.fanning import in_threads
from whywin.stats.split_student import LogHalfStudent, Mixture, SplitStudent
from whywin.winrates.laplace import Field, field_of
from whywin.winrates.pieces import Pieces
from whywin.winrates.priors import Priors

FREEDOM, HEAVY, LOOSE = 6.0, 2.0, 0.4  # degrees of freedom of the proposal; on sides wider than this
SHARP, ROUGH = 1e-9, 1e-4  # Newton decrement at which a mode is found: to climb by, and to draw about
STEP: Final = 0.05  # of a log standard deviation, for the curvature by differences of gradients
WIDEST: Final = 4.0  # prior scales that a log standard deviation's proposal may have
LOWEST, HIGHEST = -12.0, 6.0  # log standard deviations beyond these change nothing
SMALL: Final = 500_000  # coordinates × cells up to which each point's mean is found anew
FIRST: Final = 256  # points about the mode, before the other lots
KERNELS: Final = 64  # narrow parts of a proposal that follows the weights

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Weighted:
    """Weighted draws of the whole model.

    Attributes:
        log_sd: draws × terms.
        x: draws × (1 + coordinates): intercept about its centre, then the coordinates.
        log_weight: smoothed log weights, whose exponentials sum to one.
        khat_marginal: k-hat of the standard deviations' ratios.
        khat_joint: k-hat of the whole draws' ratios: the one that decides.
        effective: effective number of draws.
    """

    log_sd: Floats
    x: Floats
    log_weight: Floats
    khat_marginal: float
    khat_joint: float
    effective: float


@dataclass(frozen=True, eq=False)
class _Point:
    log_sd: Floats
    x: Floats
    factor: Floats
    log_density: float
    gradient: Floats
    moved: Floats
    off: Floats


class _Marginal:
    """The marginal posterior of the log standard deviations, up to a constant."""

    def __init__(self, pieces: Pieces, priors: Priors) -> None:
        self.pieces, self.priors = pieces, priors
        self.field: Field = field_of(pieces, priors.centre)
        self.shares = np.vstack([pieces.share, pieces.pooling])
        self.still = np.concatenate([[priors.width**2], np.zeros(len(pieces.pooling))])
        self.start = np.zeros(len(self.shares))

    def variance(self, log_sd: Floats) -> Floats:
        return np.asarray(self.still + self.shares @ np.exp(2 * np.clip(log_sd, LOWEST, HIGHEST)))

    def at(self, log_sd: Floats, start: Floats, *, tolerance: float, slopes: bool) -> _Point:
        from whywin.winrates.kernels import gradient, mode

        variance = self.variance(log_sd)
        x, factor, marginal, _ = mode(start, variance, tolerance, *self.field.given)
        total = marginal + float(self.priors.log_density(log_sd).sum())
        slope, moved, off = np.zeros(len(log_sd)), np.zeros((len(x), len(log_sd))), np.zeros(len(x))
        if slopes:
            changes = 2 * self.shares * np.exp(2 * log_sd)
            slope, moved, off = gradient(x, factor, variance, changes, *self.field.given)
            slope = slope + self.priors.log_slope(log_sd)
        return _Point(log_sd, x, factor, total, slope, moved, off)


def explore(pieces: Pieces, priors: Priors, points: int, each: int, rng: np.random.Generator) -> Weighted:
    """Return weighted draws: at `points` sets of standard deviations (a power of two), `each` draws of the field.

    The same `rng` gives the same draws, on any number of cores: the linear algebra runs on one thread a point, and points run side by side.
    """
    from threadpoolctl import threadpool_limits

    marginal = _Marginal(pieces, priors)
    with threadpool_limits(limits=1):
        best = _climb(marginal)
        first = _proposal(marginal, best)
        lots = [_lot(marginal, best, first, min(FIRST, points), each, rng)]
        proposals: list[SplitStudent | Mixture] = [first]
        for share in (2, 2) if pieces.terms else ():
            proposals.append(_sharpened(proposals, lots, rng))
            lots.append(_lot(marginal, best, proposals[-1], points // share, each, rng))
    return _weighed(lots, proposals)


@dataclass(frozen=True, eq=False)
class _Lot:
    """Points × terms, their log marginal posterior; points × each × coordinates, and the log joint posterior over the Gaussian."""

    log_sd: Floats
    log_marginal: Floats
    x: Floats
    log_joint: Floats


def _climb(marginal: _Marginal) -> _Point:
    """Find the mode of the marginal posterior."""
    terms = len(marginal.pieces.terms)
    last = marginal.at(
        np.broadcast_to(np.log(marginal.priors.scale / 2), terms).copy(), marginal.start, tolerance=SHARP, slopes=True
    )
    if not terms:
        return last

    def value(log_sd: Floats) -> tuple[float, Floats]:
        nonlocal last
        last = marginal.at(log_sd, last.x, tolerance=SHARP, slopes=True)
        return -last.log_density, -last.gradient

    found = minimize(value, last.log_sd, jac=True, method="L-BFGS-B", bounds=[(LOWEST, HIGHEST)] * terms, options={"maxiter": 60})
    return marginal.at(found.x, last.x, tolerance=SHARP, slopes=True)


def _proposal(marginal: _Marginal, best: _Point) -> SplitStudent:
    """Return a two-piece Student distribution about the mode: its axes are the curvature's, its scales are where the density falls by a half."""
    terms = len(best.log_sd)
    if not terms:
        return _student(np.zeros(0), np.zeros((0, 0)), np.ones(0), np.ones(0))
    ends = [best.log_sd + sign * STEP * np.eye(terms)[k] for k in range(terms) for sign in (1, -1)]
    slopes = [point.gradient for point in _all(marginal, best, ends, tolerance=SHARP, slopes=True)]
    hessian = np.array([(slopes[2 * k] - slopes[2 * k + 1]) / (2 * STEP) for k in range(terms)])
    value, axes = np.linalg.eigh(-(hessian + hessian.T) / 2)
    scale = 1 / np.sqrt(np.maximum(value, 1 / WIDEST**2))
    sides = []
    for sign in (-1, 1):
        width = scale.copy()
        for _ in range(3):
            there = _all(marginal, best, [best.log_sd + sign * width[k] * axes[:, k] for k in range(terms)], tolerance=ROUGH)
            fall = np.array([best.log_density - point.log_density for point in there])
            width = np.clip(width / np.sqrt(np.clip(2 * fall, 0.1, 10)), scale / 10, WIDEST)
        sides.append(width)
    return _student(best.log_sd, axes, sides[0], sides[1])


def _sharpened(proposals: list[SplitStudent | Mixture], lots: list[_Lot], rng: np.random.Generator) -> Mixture:
    """Return a proposal made of where the weights of all lots so far lie: one broad part about their middle, and narrow ones.

    The broad part has a scale for each side of each direction; a second one reaches to where a deviation is nothing; the narrow ones
    stand about points drawn by their weights, so that they follow a posterior that is bent, as where either of two standard
    deviations may be nothing, but not both.
    Source: Cornuet, Marin, Mira and Robert (2012), Adaptive multiple importance sampling, Scand. J. Statistics 39, 798-812.
    """
    log_sd = np.concatenate([lot.log_sd for lot in lots])
    log_weight = np.concatenate([lot.log_marginal for lot in lots]) - _all_proposals(proposals, lots, log_sd)
    weight = np.exp(log_weight - log_weight.max())
    cap = np.sort(weight)[-5:].mean()  # no single point may rule the fit
    weight = np.minimum(weight, cap) / np.minimum(weight, cap).sum()
    mean = weight @ log_sd
    off = log_sd - mean
    covariance = (off * weight[:, None]).T @ off
    shrunk = 0.8 * covariance + 0.2 * np.diag(np.diag(covariance))
    value, axes = np.linalg.eigh(shrunk)
    along = off @ axes
    sides = []
    for side in (along < 0, along >= 0):
        mass = (weight[:, None] * side).sum(axis=0)
        sides.append(np.sqrt((weight[:, None] * side * along**2).sum(axis=0) / np.maximum(mass, 1e-6)))
    below, above = (np.clip(side, 1e-3, WIDEST) for side in sides)
    count = len(mean)
    narrow = (4 / (count + 2)) ** (1 / (count + 4)) * KERNELS ** (-1 / (count + 4)) * np.clip(np.sqrt(value), 1e-3, WIDEST)
    centres = log_sd[
        np.searchsorted(np.cumsum(weight), (rng.random() + np.arange(KERNELS)) / KERNELS * weight.sum() * (1 - 1e-12))
    ]
    freedom = np.full(count, FREEDOM)
    kernels = [SplitStudent(centre, axes, narrow, narrow, freedom, freedom) for centre in centres]
    parts: list[SplitStudent | LogHalfStudent] = [_student(mean, axes, below, above), _reaching(log_sd, weight), *kernels]
    return Mixture(parts, np.array([0.3, 0.3, *([0.4 / KERNELS] * KERNELS)]))


def _reaching(log_sd: Floats, weight: Floats) -> LogHalfStudent:
    """Return the part of the proposal that reaches to where standard deviations are nothing: those that may be are loose."""
    mean = weight @ log_sd
    scale = np.sqrt(weight @ (log_sd - mean) ** 2)
    loose = scale > LOOSE
    size = np.sqrt(weight @ np.exp(2 * np.minimum(log_sd, HIGHEST)))  # a point far out weighs nothing, and must not overflow
    return LogHalfStudent(loose, mean, np.where(loose, size, np.maximum(scale, 1e-3)), FREEDOM)


def _all_proposals(proposals: list[SplitStudent | Mixture], lots: list[_Lot], log_sd: Floats) -> Floats:
    """Return the log density of the mixture that all lots together were drawn from."""
    share = np.log([len(lot.log_sd) / sum(len(one.log_sd) for one in lots) for lot in lots])
    return np.asarray(np.logaddexp.reduce([s + one.log_density(log_sd) for s, one in zip(share, proposals, strict=True)]))


def _student(centre: Floats, axes: Floats, below: Floats, above: Floats) -> SplitStudent:
    """Return the proposal, whose sides are turned so that the logarithms of standard deviations fall along the negative ones.

    A standard deviation that may be nothing has a left tail in its logarithm that falls like an exponential: where the side is wide,
    a proposal with fewer degrees of freedom reaches there.
    """
    turn = axes.sum(axis=0) < 0
    low, high = np.where(turn, above, below), np.where(turn, below, above)
    return SplitStudent(
        centre, np.where(turn, -axes, axes), low, high, np.where(low > LOOSE, HEAVY, FREEDOM), np.full(len(centre), FREEDOM)
    )


def _all(marginal: _Marginal, best: _Point, where: list[Floats], *, tolerance: float, slopes: bool = False) -> list[_Point]:
    return _side_by_side(lambda log_sd: marginal.at(log_sd, _guess(best, log_sd), tolerance=tolerance, slopes=slopes), where)


def _guess(best: _Point, log_sd: Floats) -> Floats:
    away = log_sd - best.log_sd
    return np.asarray(best.x + best.moved @ (away * np.minimum(1, 0.5 / np.maximum(np.abs(away), 1e-9))))


def _lot(
    marginal: _Marginal, best: _Point, proposal: SplitStudent | Mixture, points: int, each: int, rng: np.random.Generator
) -> _Lot:
    from whywin.winrates.kernels import ratios, shift

    terms, size = len(best.log_sd), len(best.x)
    exact, at_best = size * len(marginal.pieces.deals) <= SMALL, marginal.variance(best.log_sd)
    if terms:
        uniform = qmc.Sobol(proposal.uniforms, rng=rng).random(points)
        log_sd = proposal.points(np.clip(uniform, 1e-9, 1 - 1e-9))
    else:
        log_sd = np.zeros((points, 0))
    seeds = rng.integers(2**63, size=points)

    def draw(number: int) -> tuple[float, Floats, Floats]:
        point = marginal.at(log_sd[number], _guess(best, log_sd[number]), tolerance=ROUGH, slopes=False)
        normal = np.random.default_rng(int(seeds[number])).standard_normal((each, size))
        variance = marginal.variance(point.log_sd)
        # Far from the mode a coordinate may vary much less than there; then so does its mean.
        off = shift(point.x, point.factor, *marginal.field.given) if exact else best.off * np.minimum(1, variance / at_best)
        x, ratio = ratios(point.x, point.factor, variance, normal, off, *marginal.field.given)
        return point.log_density, x, ratio + float(marginal.priors.log_density(point.log_sd).sum())

    found = _side_by_side(draw, list(range(points)))
    return _Lot(
        log_sd, np.array([one[0] for one in found]), np.array([one[1] for one in found]), np.array([one[2] for one in found])
    )


def _weighed(lots: list[_Lot], proposals: list[SplitStudent | Mixture]) -> Weighted:
    from arviz_stats.base import array_stats

    log_sd = np.concatenate([lot.log_sd for lot in lots])
    mixture = _all_proposals(proposals, lots, log_sd)
    joint = np.concatenate([lot.log_joint for lot in lots])
    each = joint.shape[1]
    ratio = (joint - mixture[:, None]).reshape(-1)
    # It takes log likelihoods, the negative of log ratios; draws at one point have ratios much alike, and count as one.
    log_weight, khat = array_stats.psislw(-ratio, r_eff=1 / each)
    outside = mixture - np.concatenate([lot.log_marginal for lot in lots])
    khat_marginal = array_stats.psislw(outside)[1] if log_sd.shape[1] else 0.0  # nothing to explore: all ratios are the same
    weight = np.exp(log_weight)
    return Weighted(
        np.repeat(log_sd, each, axis=0),
        np.concatenate([lot.x for lot in lots]).reshape(len(ratio), -1),
        log_weight,
        float(khat_marginal),
        float(khat),
        float(1 / np.sum(weight**2)),
    )


def _side_by_side[T, R](work: Callable[[T], R], things: list[T]) -> list[R]:
    return in_threads(work, [(thing,) for thing in things])


def resampled(weighted: Weighted, draws: int, rng: np.random.Generator) -> Any:
    """Return the numbers of `draws` draws of equal weight: systematic resampling, in random order."""
    edges = np.cumsum(np.exp(weighted.log_weight))
    ticks = (rng.random() + np.arange(draws)) / draws * edges[-1]
    return rng.permutation(np.minimum(np.searchsorted(edges, ticks), len(edges) - 1))
