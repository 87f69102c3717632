"""Which segments differ from the company, how far they were drawn in, and how much each dimension varies."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from whywin.evidence import Estimate
from whywin.winrates.question import WinRates

Floats = NDArray[np.float64]
SEGMENT_COLUMNS: Final = (
    "dimension", "level", "deals", "raw", "pooled", "low", "high", "drawn_in", "p_below", "p_above", "different",
)  # fmt: skip
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(31)


def compared(question: WinRates, cells: pd.DataFrame, estimates: Sequence[Estimate], draws: Floats, sure: float) -> pd.DataFrame:
    """Return one row a level: its raw and pooled rate in percent, and how sure it is that it lies off the company's.

    ``drawn_in`` is how far the raw rate was pulled to the company's, 0 (not at all) to 1 (wholly); ``p_below`` and ``p_above`` are
    the probabilities that the level lies below or above the company by more than the question's margin; a level is ``different``
    when one of them is above `sure`.
    """
    company, whole = estimates[0], draws[:, 0]
    raw_company = 100 * float(cells["won"].sum() / cells["deals"].sum())
    rows = []
    for number, estimate in enumerate(estimates):
        if estimate.quantity != company.quantity or estimate.segment == "all":
            continue
        dimension, _, level = estimate.segment.partition("=")
        inside = cells[cells[dimension] == level]
        raw = 100 * float(inside["won"].sum() / inside["deals"].sum())
        off = 100 * (draws[:, number] - whole)
        below, above = float((off < -question.margin).mean()), float((off > question.margin).mean())
        rows.append((
            dimension, level, estimate.n, raw, estimate.value, estimate.low, estimate.high,
            _drawn_in(raw - raw_company, estimate.value - company.value), below, above, max(below, above) > sure,
        ))  # fmt: skip
    return pd.DataFrame(rows, columns=list(SEGMENT_COLUMNS))


def _drawn_in(raw: float, pooled: float) -> float:
    return float(np.clip(1 - pooled / raw, 0, 1)) if raw else 0.0


def variation(question: WinRates, tree: Any) -> pd.DataFrame:
    """Return one row a term: the standard deviation between its levels in points, with its interval.

    It is that of the rates of all levels that there might be, at the company's log odds: sd of expit(intercept + sd z) with z
    standard normal, by Gauss-Hermite quadrature with 31 nodes.
    """
    posterior = tree.posterior
    intercept = posterior["intercept"].to_numpy().reshape(-1)
    rows = []
    for term in posterior["term"].to_numpy():
        sd = posterior["sd"].sel(term=term).to_numpy().reshape(-1)
        points = 100 * between_levels(intercept, sd)
        low, middle, high = np.quantile(points, [(1 - question.level) / 2, 0.5, (1 + question.level) / 2])
        rows.append((str(term), float(middle), float(low), float(high), question.level))
    return pd.DataFrame(rows, columns=["term", "between_sd", "low", "high", "level"])


def between_levels(intercept: Floats, sd: Floats) -> Floats:
    """Return the standard deviation, in shares, of the rates of levels whose log odds are normal with this mean and deviation."""
    rates = expit(intercept[:, None] + sd[:, None] * _NODES)
    weights = _WEIGHTS / _WEIGHTS.sum()
    mean = rates @ weights
    return np.asarray(np.sqrt(np.maximum((rates - mean[:, None]) ** 2 @ weights, 0.0)))
