"""Shares of deals won and lost by an age, and mean days open up to it, of deals that come in clusters and may still be open.

Each cluster is left out in turn, which gives its pseudo-value, so that no model of how deals of a cluster hang together is needed; without
censoring the errors are CR2's. Sources: Aalen and Johansen (1978), Scandinavian Journal of Statistics 5, 141-150; Andersen,
Klein and Rosthøj (2003), Generalised linear models for correlated pseudo-observations, Biometrika 90, 15-27, for pseudo-values;
Royston and Parmar (2013), Restricted mean survival time, BMC Medical Research Methodology 13, 152, for the mean.
"""

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from whywin.stats.cluster import Contrast, arm_contrast

Array = NDArray[np.float64]
Outcome = Literal["won", "lost", "open"]


def incidence_of(days: ArrayLike, won: ArrayLike, clusters: ArrayLike, horizon: int, outcome: Outcome) -> Contrast:
    """Return the share won or lost by the end of an age, or the mean days open up to it, with its error by cluster.

    Args:
        days: the last age in whole days at which each deal was seen: at its closing, or while still open.
        won: 1 for won, 0 for lost, missing (nan) for still open.
        clusters: the cluster of each deal; at least two.
        horizon: the age, in days, that some deal must have been seen at.
        outcome: what is wanted.
    """
    seen, ended = np.minimum(np.asarray(days, dtype=np.int64), horizon + 1), np.asarray(won, dtype=float)
    ended = np.where(seen > horizon, np.nan, ended)
    index = np.unique(np.asarray(clusters), return_inverse=True)[1]
    count, width = int(index.max()) + 1, horizon + 2
    place = index * width + seen
    closed = ~np.isnan(ended)
    wins = np.bincount(place[closed], ended[closed], count * width).reshape(count, width)
    losses = np.bincount(place[closed], 1 - ended[closed], count * width).reshape(count, width)
    there = np.bincount(place, minlength=count * width).reshape(count, width)
    at_risk = np.cumsum(there[:, ::-1], axis=1)[:, ::-1].astype(float)
    parts = np.stack([wins, losses, at_risk])
    whole = parts.sum(axis=1, keepdims=True)
    value = float(_estimate(whole, horizon, outcome)[0])
    without = _estimate(whole - parts, horizon, outcome)
    deals = there.sum(axis=1).astype(float)
    # of a mean, sqrt(1 - n/N) makes of the jackknife's parts those of CR2, which keep their error rate with few clusters of unequal size
    scores = (without - value) * np.sqrt(1 - deals / deals.sum())
    degrees = arm_contrast(np.zeros(count), deals, np.zeros(count, dtype=np.int64), [1.0]).degrees
    return Contrast(value, float(np.sqrt((scores**2).sum())), degrees)


def _estimate(parts: Array, horizon: int, outcome: Outcome) -> Array:
    """Return the estimate of each row of wins, losses and deals at risk by day."""
    wins, losses, at_risk = (part[:, : horizon + 1] for part in parts)
    safe = np.where(at_risk > 0, at_risk, 1.0)
    still_open = np.cumprod(1 - (wins + losses) / safe, axis=1)
    before = np.concatenate([np.ones((len(wins), 1)), still_open[:, :-1]], axis=1)
    if outcome == "open":
        return np.asarray(still_open[:, :horizon].sum(axis=1))
    return np.asarray((before * (wins if outcome == "won" else losses) / safe).sum(axis=1))
