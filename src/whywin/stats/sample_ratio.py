"""Whether the arms have the shares of the units that were planned: once, or at every look.

Source of the sequential test: Lindon and Malek (2022), Anytime-valid inference for multinomial count data, NeurIPS 35.
"""

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln
from scipy.stats import chi2


def chi_square(counts: ArrayLike, shares: ArrayLike) -> tuple[float, float]:
    """Return Pearson's statistic of the counts against planned shares, and its p-value for one look at large counts.

    Args:
        counts: units in each arm.
        shares: planned shares, in any unit.
    """
    counts, planned = np.asarray(counts, dtype=float), _normed(shares)
    expected = planned * counts.sum()
    statistic = float(((counts - expected) ** 2 / expected).sum())
    return statistic, float(chi2.sf(statistic, len(counts) - 1))


def sequential_p_values(batches: ArrayLike, shares: ArrayLike, *, concentration: float = 10_000.0) -> NDArray[np.float64]:
    """Return after each batch a p-value that may be looked at every time: any of them is below a in at most a of all trials.

    The planned shares are set against a Dirichlet mixture around them. The larger the concentration, the smaller the
    departures that it looks for: with few units a large one finds nothing, since all it expects are tiny departures.

    Args:
        batches: units that each batch adds to each arm, batches × arms.
        shares: planned shares, in any unit.
        concentration: of the Dirichlet mixture.
    """
    planned = _normed(shares)
    prior = concentration * planned
    seen = np.cumsum(np.asarray(batches, dtype=float), axis=0)
    total = seen.sum(axis=1)
    log_mixture = gammaln(concentration) - gammaln(concentration + total) + (gammaln(prior + seen) - gammaln(prior)).sum(axis=1)
    log_odds = log_mixture - seen @ np.log(planned)
    return np.minimum.accumulate(np.minimum(1.0, np.exp(-log_odds)))


def _normed(shares: ArrayLike) -> NDArray[np.float64]:
    shares = np.asarray(shares, dtype=float)
    return np.asarray(shares / shares.sum())
