"""What share of the deals to come will be won, by a fitted model and on the mix of the latest deals."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from whywin.errors import ClaimError
from whywin.winrates.model import FittedModel
from whywin.winrates.question import WinRates


@dataclass(frozen=True)
class Forecast:
    """Where the observed win rate of deals to come will lie, in percent.

    Attributes:
        value: its expectation.
        low: lower end of the predictive interval.
        high: upper end.
        deals: how many deals are expected.
    """

    value: float
    low: float
    high: float
    deals: int


def forecast(
    question: WinRates,
    model: FittedModel,
    table: pd.DataFrame,
    segment: str,
    after: pd.Timestamp,
    due: pd.Timestamp,
    level: float,
    rng: np.random.Generator,
) -> Forecast:
    """Return where the win rate of a segment's deals that close after one day and up to another will lie.

    They are taken to be as many, and of the same mix, as those that closed in the equally long window before; each is moved on by
    that length, so that the walk over periods goes on and is the less sure. The interval holds the posterior's doubt, the walk's
    further steps, and the noise of as many won and lost deals (binomial, over a mix that is drawn anew).

    Args:
        question: names the time column; the walk over its periods is what tells how far a win rate drifts.
        model: was fitted to the deals.
        table: those deals, open ones among them, under standard names.
        segment: "all", or "column=level" of one of the question's dimensions.
        after: the last day that the deals know.
        due: the last day of the window.
        level: probability that the rate lies within the interval.
        rng: of the draws.

    Raises:
        ClaimError: the question has no time, the segment is unknown, or none of its deals closed in the window before.
    """
    if question.period is None:
        raise ClaimError(
            "question.time: missing; how far a win rate drifts is told by a walk over periods: add time: closed or created"
        )
    length = due - after
    closed = table[table["won"].notna() & (table["closed"] > after - length) & (table["closed"] <= after)]
    moved = closed.assign(created=closed["created"] + length, closed=closed["closed"] + length)
    inside = belongs(moved, segment)
    count = int(inside.sum())
    if not count:
        raise ClaimError(
            f"{segment}: none of its deals closed in the {length.days} days before, so that none can be expected; name another segment"
        )
    share = model.mean_rates(moved[inside], rng)
    seen = rng.binomial(count, np.clip(share, 0, 1)) / count
    low, high = np.quantile(seen, [(1 - level) / 2, (1 + level) / 2])
    return Forecast(100 * float(share.mean()), 100 * float(low), 100 * float(high), count)


def belongs(table: pd.DataFrame, segment: str) -> pd.Series:
    """Return which deals are in a segment: "all", or "column=level".

    Raises:
        ClaimError: the deals have no such column, or no deal has the level.
    """
    if segment == "all":
        return pd.Series(data=True, index=table.index)
    column, _, label = segment.partition("=")
    if column not in table:
        raise ClaimError(f'segment: {segment!r} is not "all" or "column=level" of a column of the deals')
    return table[column].astype("string").fillna("(missing)") == label
