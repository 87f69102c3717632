"""Deals that end as won or as lost, whichever comes first, while some have not ended yet: competing risks in whole days of age.

A deal's age is counted in whole days since it was created; a deal that closes on the day of its creation closes at age 0. A deal
that is still open has been seen up to and including the age that it has on the last day of the table, and is censored there.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Incidence:
    """Cumulative shares by age; at every age the three add up to one.

    Attributes:
        day: ages in days at which a deal closed, ascending.
        won: share of all deals won by the end of that day.
        lost: share of all deals lost by the end of that day.
        open: share still open after it.
    """

    day: Integers
    won: Floats
    lost: Floats
    open: Floats


@dataclass(frozen=True, eq=False)
class LifeTable:
    """What was seen of deals in each band of ages.

    Attributes:
        exposed: days that deals spent at risk in the band, each deal's day of closing included.
        won: deals won in the band.
        lost: deals lost in the band.
    """

    exposed: Integers
    won: Integers
    lost: Integers


def aalen_johansen(days: ArrayLike, won: ArrayLike) -> Incidence:
    """Return the Aalen-Johansen estimate of the shares won and lost by age.

    Args:
        days: the last age in days at which each deal was seen: at its closing, or while still open.
        won: 1 for won, 0 for lost, missing (nan) for still open.

    Source: Aalen and Johansen (1978), An empirical transition matrix for non-homogeneous Markov chains based on censored
    observations, Scandinavian Journal of Statistics 5, 141-150.
    """
    seen, outcome = np.asarray(days, dtype=np.int64), np.asarray(won, dtype=float)
    closed = ~np.isnan(outcome)
    day, place = np.unique(seen[closed], return_inverse=True)
    wins = np.bincount(place, outcome[closed], len(day))
    losses = np.bincount(place, 1 - outcome[closed], len(day))
    at_risk = len(seen) - np.searchsorted(np.sort(seen), day, side="left")
    after = np.cumprod(1 - (wins + losses) / at_risk)
    before = np.concatenate([[1.0], after])[: len(day)]
    return Incidence(day, np.cumsum(before * wins / at_risk), np.cumsum(before * losses / at_risk), after)


def shares_by(incidence: Incidence, days: ArrayLike) -> tuple[Floats, Floats]:
    """Return the shares won and lost by the end of any ages: those of the last age at which a deal closed."""
    place = np.searchsorted(incidence.day, np.asarray(days), side="right")
    return np.concatenate([[0.0], incidence.won])[place], np.concatenate([[0.0], incidence.lost])[place]


def life_table(days: ArrayLike, won: ArrayLike, last: ArrayLike) -> LifeTable:
    """Return days at risk and closings by band of ages; deals that close after the last band are open as far as it can see.

    Args:
        days: as in `aalen_johansen`.
        won: as in `aalen_johansen`.
        last: the last day of each band, ascending; the first band starts on day 0, the others after the one before.
    """
    seen, outcome, ends = np.asarray(days, dtype=np.int64), np.asarray(won, dtype=float), np.asarray(last, dtype=np.int64)
    starts = first_days(ends)
    exposed = np.array(
        [np.clip(np.minimum(seen, end) - start + 1, 0, None).sum() for start, end in zip(starts, ends, strict=True)]
    )
    decided = ~np.isnan(outcome) & (seen <= ends[-1])
    band, result = np.searchsorted(ends, seen[decided]), outcome[decided]
    wins = np.bincount(band, result, len(ends)).astype(np.int64)
    return LifeTable(exposed.astype(np.int64), wins, np.bincount(band, minlength=len(ends)).astype(np.int64) - wins)


def first_days(last: Integers) -> Integers:
    """Return the first day of each band of ages from their last days."""
    return np.concatenate([[0], last[:-1] + 1]).astype(np.int64)


def cumulative(hazard: Floats, won_share: Floats, last: Integers, days: ArrayLike) -> tuple[Floats, Floats]:
    """Return the chances that a new deal is won, and that it is lost, by the end of each of these ages.

    Args:
        hazard: ... × bands: the chance that an open deal closes on a day of the band.
        won_share: ... × bands: the chance that a deal that closes in the band is won.
        last: the last day of each band, ascending.
        days: ages; those beyond the last band count as its end.

    Returns:
        Two arrays, ... × ages.
    """
    width = last - first_days(last) + 1
    closing = -np.expm1(width * np.log1p(-hazard))
    still_open = np.cumprod(1 - closing, axis=-1)
    start = _before(still_open, 1.0)
    won = _before(np.cumsum(start * closing * won_share, axis=-1), 0.0)
    lost = _before(np.cumsum(start * closing * (1 - won_share), axis=-1), 0.0)
    age = np.minimum(np.asarray(days, dtype=np.int64), last[-1])
    band = np.searchsorted(last, age)
    part = start[..., band] * -np.expm1((age - first_days(last)[band] + 1) * np.log1p(-hazard[..., band]))
    share = won_share[..., band]
    return won[..., band] + part * share, lost[..., band] + part * (1 - share)


def still_to_come(hazard: Floats, won_share: Floats, last: Integers, days: ArrayLike) -> tuple[Floats, Floats]:
    """Return the chances that a deal that is open at the end of each of these ages is won, and that it is lost, by the last band.

    Arguments and shapes are those of `cumulative`; an age at or beyond the last band has no chance left of either.
    """
    width = last - first_days(last) + 1
    closing = -np.expm1(width * np.log1p(-hazard))
    won, lost = np.zeros((*hazard.shape[:-1], len(last) + 1)), np.zeros((*hazard.shape[:-1], len(last) + 1))
    for band in reversed(range(len(last))):
        now = closing[..., band]
        won[..., band] = now * won_share[..., band] + (1 - now) * won[..., band + 1]
        lost[..., band] = now * (1 - won_share[..., band]) + (1 - now) * lost[..., band + 1]
    age = np.minimum(np.asarray(days, dtype=np.int64), last[-1])
    band = np.minimum(np.searchsorted(last, age + 1), len(last) - 1)
    part = -np.expm1((last[band] - age) * np.log1p(-hazard[..., band]))
    share, onward = won_share[..., band], (1 - part) * (age < last[-1])
    return part * share + onward * won[..., band + 1], part * (1 - share) + onward * lost[..., band + 1]


def _before(running: Floats, first: float) -> Floats:
    """Return a running quantity as it stood when each band began."""
    return np.concatenate([np.full((*running.shape[:-1], 1), first), running[..., :-1]], axis=-1)
