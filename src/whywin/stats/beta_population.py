"""The exact posterior of the beta distribution that groups' rates come from, by quadrature, and of each group's rate."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline
from scipy.special import betainc, betaln, expit, log_expit, logit, ndtri

from whywin.stats.beta_binomial import INFINITE, REACH, Counts, counts_of, given_spread, log_density

Floats = NDArray[np.float64]
Quantity = Literal["alpha", "beta", "mean", "precision", "between_sd"]
CUT: Final = 35.0  # log densities so far below the highest are nothing (6e-16)
WIDEST: Final = 400.0  # 1 / sqrt(precision) from which the search starts
PASSES, ROUGH = 8, 33  # of the search for where the posterior lies, and its nodes
ACROSS, ALONG, FINER = 33, 65, 4  # nodes over the mean and over the precision; how much finer for quantiles


@dataclass(frozen=True, eq=False)
class Grid:
    """Weighted points of a posterior: rows by precision, columns by mean.

    Attributes:
        mean: rows × columns, the population's mean.
        precision: rows × 1, alpha + beta.
        weight: rows × columns, summing to one.
    """

    mean: Floats
    precision: Floats
    weight: Floats

    def values(self, name: Quantity) -> Floats:
        """Return one quantity at every point."""
        match name:
            case "mean":
                return self.mean
            case "precision":
                return self.precision + 0 * self.mean
            case "alpha":
                return self.mean * self.precision
            case "beta":
                return (1 - self.mean) * self.precision
            case "between_sd":
                return np.asarray(np.sqrt(self.mean * (1 - self.mean) / (self.precision + 1)))


@dataclass(frozen=True, eq=False)
class Population:
    """The posterior of the beta distribution that groups' rates come from.

    Attributes:
        grid: the points that integrals are taken over.
        fine: the same interpolated, for quantiles.
        bounded: whether the precision had to be held at one or more, since every group ended wholly one way or the other, which
            makes the posterior improper.
    """

    grid: Grid
    fine: Grid
    bounded: bool

    def moments(self, name: Quantity, tail: float = 0.0) -> tuple[float, float]:
        """Return posterior mean and standard deviation of a quantity.

        Those of alpha, beta and the precision are infinite: the density falls as precision ** (-3/2) when the likelihood has become
        flat. Leaving out points of less than `tail` of the heaviest weight gives the numbers that grids with an end give.
        """
        values, weight = self.grid.values(name), self.grid.weight
        weight = np.where(weight >= tail * weight.max(), weight, 0.0)
        middle = float(np.sum(weight * values) / weight.sum())
        return middle, float(np.sqrt(np.sum(weight * (values - middle) ** 2) / weight.sum()))

    def quantiles(self, name: Quantity, levels: ArrayLike) -> Floats:
        """Return posterior quantiles of a quantity; an infinite one is written as 1e24."""
        values, weight = self.fine.values(name), self.fine.weight
        if name in {"precision", "between_sd"}:  # these run along the rows, the others along the columns
            values, weight = values.T, weight.T
        values, weight = (values[:, ::-1], weight[:, ::-1]) if name in {"beta", "precision"} else (values, weight)
        heavy = weight.sum(axis=1) > 1e-8 * weight.sum(axis=1).max()
        values, weight = np.maximum.accumulate(np.log(np.maximum(values[heavy], 1e-300)), axis=1), weight[heavy]
        below = np.cumsum(weight, axis=1) - 0.5 * weight
        there = weight > 1e-12 * weight.max()
        at = np.linspace(values[there].min(), values[there].max(), 1000)
        for _ in range(2):  # a second time where the mass is
            share = np.sum([np.interp(at, own, cumulative) for own, cumulative in zip(values, below, strict=True)], axis=0)
            ends = np.searchsorted(share, [1e-4, 1 - 1e-4])
            last, at = at, np.linspace(at[max(ends[0] - 1, 0)], at[min(ends[1], len(at) - 1)], 1000)
        return np.asarray(np.exp(np.interp(np.asarray(levels, dtype=float), share, last)))

    def rates(self, trials: ArrayLike, successes: ArrayLike) -> tuple[Floats, Floats]:
        """Return posterior mean and standard deviation of groups' rates; a group without trials is a new one."""
        weight, middle, square = self._by_row(trials, successes)
        mean = weight @ middle
        return mean, np.sqrt(np.maximum(weight @ square - mean**2, 0.0))

    def rate_quantiles(self, trials: ArrayLike, successes: ArrayLike, levels: ArrayLike) -> Floats:
        """Return groups × levels, posterior quantiles of groups' rates.

        Given the precision, a rate's distribution over the population's mean is taken to be the beta distribution of the same mean
        and variance, which it is where groups are alike; over the precision the mixture is exact.
        """
        pairs, back = np.unique(np.column_stack([trials, successes]).astype(float), axis=0, return_inverse=True)
        weight, middle, square = self._by_row(pairs[:, 0], pairs[:, 1])
        worth = np.maximum(middle * (1 - middle) / np.maximum(square - middle**2, 1e-300) - 1, 1e-6)
        there = weight > 1e-7 * weight.max()
        shares, first, second = weight[there] / weight[there].sum(), (middle * worth)[there], ((1 - middle) * worth)[there]
        found = [_mixture_quantile(shares, first, second, float(level)) for level in np.ravel(np.asarray(levels))]
        return np.column_stack(found)[back.reshape(-1)]

    def _by_row(self, trials: ArrayLike, successes: ArrayLike) -> tuple[Floats, Floats, Floats]:
        """Return rows' weights, and rows × groups the first and second moments of the rates."""
        n, y = np.atleast_1d(np.asarray(trials, dtype=float)), np.atleast_1d(np.asarray(successes, dtype=float))
        weight, s = self.grid.weight.sum(axis=1), self.grid.precision
        share = self.grid.weight / np.where(weight > 0, weight, 1)[:, None]
        mean, spread = (share * self.grid.mean).sum(axis=1)[:, None], (share * self.grid.mean**2).sum(axis=1)[:, None]
        total = s + n
        first = (s / total) * mean + y / total
        # E[(s m + y) (s m + y + 1)] / (total (total + 1)), divided first so that infinite precisions stay finite.
        own = (s / total) ** 2 * spread + 2 * (s / total) * mean * (y / total) + (y / total) ** 2
        return weight, first, np.asarray((own + first / total) / (1 + 1 / total))


def population(trials: ArrayLike, successes: ArrayLike) -> Population:
    """Return the exact posterior under the prior p(alpha, beta) proportional to (alpha + beta) ** (-5/2).

    That prior is flat in the mean and in w = 1 / sqrt(precision). Points are laid by Gauss and Legendre's rule over arsinh(w / c), and
    by the trapezoidal rule over the arsinh of the log odds of the mean, which has no edges there; both converge faster than any
    power of the number of points. The grid centres and sizes itself.
    Sources: Gelman et al. (2013), Bayesian Data Analysis, 3rd edition, section 5.3; Trefethen and Weideman (2014), The
    exponentially convergent trapezoidal rule, SIAM Review 56, 385-458.
    """
    counts = counts_of(trials, successes)
    if counts.total <= 0:
        msg = "the population has no posterior without trials"
        raise ValueError(msg)
    most = WIDEST if counts.mixed else 1.0
    scale, low, high = _support(counts, most)
    node, share = np.polynomial.legendre.leggauss(ALONG)
    x, t = (low + high) / 2 + (high - low) / 2 * node, np.linspace(-REACH, REACH, ACROSS)
    spread = scale * np.sinh(x)
    centre, width, _ = given_spread(counts, spread)
    u = centre[:, None] + width[:, None] * np.sinh(t)
    log_weight = (
        log_density(counts, u, spread[:, None]) + np.log(width)[:, None] + np.log(np.cosh(t)) + np.log(np.cosh(x))[:, None]
    )
    finer_x, finer_t = np.linspace(low, high, FINER * ALONG + 1), np.linspace(-REACH, REACH, FINER * (ACROSS - 1) + 1)
    finer_u = CubicSpline(x, centre)(finer_x)[:, None] + np.exp(CubicSpline(x, np.log(width))(finer_x))[:, None] * np.sinh(
        finer_t
    )
    smooth = CubicSpline(t, CubicSpline(x, np.maximum(log_weight, log_weight.max() - 4 * CUT))(finer_x), axis=1)(finer_t)
    fine = _grid(finer_u, scale * np.sinh(finer_x), smooth, np.concatenate([[0.5], np.ones(FINER * ALONG - 1), [0.5]]))
    return Population(_grid(u, spread, log_weight, share), fine, bounded=not counts.mixed)


def _support(counts: Counts, most: float) -> tuple[float, float, float]:
    """Return the scale c of w, and the ends of arsinh(w / c) between which the posterior lies."""
    spread = np.concatenate([[0.0], np.geomspace(0.1 / np.sqrt(counts.total), most, 2 * ROUGH)])
    _, _, density = given_spread(counts, spread)
    there = np.flatnonzero(density > density.max() - 2)
    scale = float(spread[max(there[-1], 1)])
    x = np.arcsinh(spread / scale)
    for _ in range(PASSES):
        weighted = density + np.log(np.cosh(x))
        there = np.flatnonzero(weighted > weighted.max() - CUT)
        low, high = x[max(there[0] - 1, 0)], x[min(there[-1] + 1, len(x) - 1)]
        if len(there) > 0.7 * len(x):
            break
        x = np.linspace(low, high, ROUGH)
        _, _, density = given_spread(counts, scale * np.sinh(x))
    return scale, float(low), float(high)


def _grid(u: Floats, spread: Floats, log_weight: Floats, share: Floats) -> Grid:
    """Return points with weights that sum to one; `share` is that of each row in the rule of quadrature."""
    weight = np.exp(log_weight - log_weight.max()) * share[:, None]
    return Grid(expit(u), (1 / np.maximum(spread, INFINITE**-0.5) ** 2)[:, None], weight / weight.sum())


def _mixture_quantile(weight: Floats, first: Floats, second: Floats, level: float) -> Floats:
    """Return for each column the quantile of a mixture of beta distributions, by Newton's method in logits."""
    total = first + second
    mean, square = weight @ (first / total), weight @ (first * (first + 1) / (total * (total + 1)))
    slack = np.sqrt(1 / np.maximum(weight @ first, 1e-9) + 1 / np.maximum(weight @ second, 1e-9))
    inside = np.clip(mean, 1e-12, 1 - 1e-12)
    wide = np.sqrt(np.maximum(square - mean**2, 0.0)) / (inside * (1 - inside))
    at = logit(inside) + ndtri(level) * np.minimum(wide, 3 * slack)
    constant = betaln(first, second)
    for _ in range(30):
        share = np.clip(weight @ betainc(first, second, expit(at)), 1e-15, 1 - 1e-15)
        density = weight @ np.exp(first * log_expit(at) + second * log_expit(-at) - constant)
        step = (logit(share) - logit(level)) * share * (1 - share) / np.maximum(density, 1e-300)
        at = at - np.clip(step, -3 * slack, 3 * slack)
        if np.max(np.abs(step)) < 1e-6:
            break
    return np.asarray(expit(at))
