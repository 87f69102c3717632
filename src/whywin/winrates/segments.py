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
    "rank", "rank_low", "rank_high",
)  # fmt: skip
SLIGHT: Final = 2.0  # points between levels below which a dimension hardly matters
_NODES, _WEIGHTS = np.polynomial.hermite_e.hermegauss(31)


def compared(question: WinRates, cells: pd.DataFrame, estimates: Sequence[Estimate], draws: Floats, sure: float) -> pd.DataFrame:
    """Return one row a level: its raw and pooled rate in percent, and how sure it is that it lies off the company's.

    ``rank`` counts from the highest rate of the dimension's levels, with its interval; ``drawn_in`` is how far the raw rate was
    pulled to the company's, 0 (not at all) to 1 (wholly); ``p_below`` and ``p_above`` are the probabilities that the level lies
    below or above the company by more than the question's margin; a level is ``different`` when one of them is above `sure`.
    """
    company, whole = estimates[0], draws[:, 0]
    raw_company = 100 * float(cells["won"].sum() / cells["deals"].sum())
    own = [
        (number, *estimate.segment.partition("=")[::2], estimate)
        for number, estimate in enumerate(estimates)
        if estimate.quantity == company.quantity and estimate.segment != "all"
    ]
    ranks = _ranks(draws, [(number, dimension) for number, dimension, _, _ in own], question.level)
    rows = []
    for number, dimension, level, estimate in own:
        inside = cells[cells[dimension] == level]
        raw = 100 * float(inside["won"].sum() / inside["deals"].sum())
        off = 100 * (draws[:, number] - whole)
        below, above = float((off < -question.margin).mean()), float((off > question.margin).mean())
        rows.append((
            dimension, level, estimate.n, raw, estimate.value, estimate.low, estimate.high,
            _drawn_in(raw - raw_company, estimate.value - company.value), below, above, max(below, above) > sure, *ranks[number],
        ))  # fmt: skip
    return pd.DataFrame(rows, columns=list(SEGMENT_COLUMNS))


def _ranks(draws: Floats, own: Sequence[tuple[int, str]], level: float) -> dict[int, tuple[int, int, int]]:
    """Return by column of the draws its rank among those of the same dimension: the median and the interval."""
    found: dict[int, tuple[int, int, int]] = {}
    for dimension in dict.fromkeys(name for _, name in own):
        numbers = [number for number, name in own if name == dimension]
        rank = 1 + np.argsort(np.argsort(-draws[:, numbers], axis=1), axis=1)
        ends = np.quantile(rank, [0.5, (1 - level) / 2, (1 + level) / 2], axis=0, method="inverted_cdf").T
        found |= {number: (int(a), int(b), int(c)) for number, (a, b, c) in zip(numbers, ends, strict=True)}
    return found


def _drawn_in(raw: float, pooled: float) -> float:
    return float(np.clip(1 - pooled / raw, 0, 1)) if raw else 0.0


def variation(question: WinRates, tree: Any) -> pd.DataFrame:
    """Return one row a term: the standard deviation between its levels in points, and its share of the variation, with intervals.

    The share is that of its variance in the sum of all terms' (log odds). The deviation is that of the rates of all levels that
    there might be, at the company's log odds: sd of expit(intercept + sd z) with z standard normal, by Gauss-Hermite quadrature with
    31 nodes.
    """
    posterior = tree.posterior
    intercept = posterior["intercept"].to_numpy().reshape(-1)
    variances = posterior["sd"].to_numpy().reshape(len(intercept), -1) ** 2
    shares = variances / variances.sum(axis=1, keepdims=True)
    ends = [(1 - question.level) / 2, 0.5, (1 + question.level) / 2]
    rows = []
    for number, term in enumerate(posterior["term"].to_numpy()):
        low, middle, high = np.quantile(100 * between_levels(intercept, np.sqrt(variances[:, number])), ends)
        least, share, most = np.quantile(shares[:, number], ends)
        rows.append((str(term), float(middle), float(low), float(high), question.level, float(share), float(least), float(most)))
    return pd.DataFrame(rows, columns=["term", "between_sd", "low", "high", "level", "share", "share_low", "share_high"])


def between_levels(intercept: Floats, sd: Floats) -> Floats:
    """Return the standard deviation, in shares, of the rates of levels whose log odds are normal with this mean and deviation."""
    rates = expit(intercept[:, None] + sd[:, None] * _NODES)
    weights = _WEIGHTS / _WEIGHTS.sum()
    mean = rates @ weights
    return np.asarray(np.sqrt(np.maximum((rates - mean[:, None]) ** 2 @ weights, 0.0)))


def components(table: pd.DataFrame) -> str:
    """Return in a sentence which terms carry the variation between segments, and which none to speak of."""
    if table.empty:
        return "There is nothing whose levels could differ."
    ordered = table.sort_values("share", ascending=False)
    first, small = ordered.iloc[0], ordered[ordered["high"] < SLIGHT]["term"].tolist()
    interval = f"{100 * first['share_low']:.0f} to {100 * first['share_high']:.0f} %"
    says = f"{first['term']} explains {100 * first['share']:.0f} % ({interval}) of the variation between segments, "
    says += f"{first['between_sd']:.1f} points ({first['low']:.1f} to {first['high']:.1f}) between its levels"
    return f"{says}; {', '.join(small)} less than {SLIGHT:g} points." if small else f"{says}."
