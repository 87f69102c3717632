"""Suspicious patterns in a deal table: nothing is removed for them, but a reader should know.

Each is a check of severity "note". Those that test a share use an exact binomial test with a level of .001 and ask besides
for a size that matters, so that a clean table of any size seldom raises one.
"""

from collections.abc import Iterator
from itertools import combinations
from typing import Final

import numpy as np
import pandas as pd
from scipy.stats import binomtest, fisher_exact

from whywin.evidence import Check

LEVEL: Final = 0.001
PILE_UP: Final = 2.0  # times the share that is expected
HEAPING: Final = 5.0
CYCLE_SHARE: Final = 0.01
STAGE_SHARE: Final = 0.05
TWIN_SHARE: Final = 0.001
QUARTER_POINTS: Final = 5.0
QUARTER_DAYS: Final = 7
MOST_LABELS: Final = 200
CLOSING_WORDS: Final = {"won": "won", "lost": "lost", "loss": "lost", "closed": "", "close": ""}


def patterns(table: pd.DataFrame, twins: int) -> tuple[Check, ...]:
    """Return every pattern that the table's columns allow to look for; `twins` is the number of rows alike apart from the id."""
    return tuple(_found(table, twins))


def _found(table: pd.DataFrame, twins: int) -> Iterator[Check]:
    has = set(table.columns)
    closed = table[table["won"].notna()]
    if "closed" in has and closed["closed"].notna().any():
        yield _closing_day(closed["closed"].dropna())
        yield from _quarter_end(closed.dropna(subset=["closed"]))
    if {"created", "closed", "cycle_days"} <= has and closed["cycle_days"].notna().any():
        yield _cycle(closed)
    if "stage" in has and len(closed):
        yield _stage(closed)
    if "amount" in has and (table["amount"] >= 1000).any():  # noqa: PLR2004 - smaller amounts have no digits to heap
        yield _heaping(table["amount"])
    share = twins / len(table)
    yield _note(
        "duplicates", share <= TWIN_SHARE, f"{twins:,} rows ({100 * share:.2f} %) are alike apart from the deal's id.", share
    )
    yield _labels(table)


def _note(name: str, passed: bool, says: str, value: float) -> Check:
    return Check(name, bool(passed), "note", says, float(value))


def _closing_day(days: pd.Series) -> Check:
    counts = days.dt.day.value_counts()
    expected = 1 / 30.4
    share = counts.iloc[0] / len(days)
    p = min(1.0, 31 * binomtest(int(counts.iloc[0]), len(days), expected, alternative="greater").pvalue)
    says = (
        f"{100 * share:.1f} % of the closings fall on day {counts.index[0]} of a month, where {100 * expected:.1f} % is expected."
    )
    return _note("closing_day_pile_up", p >= LEVEL or share < PILE_UP * expected, says, share)


def _quarter_end(closed: pd.DataFrame) -> Iterator[Check]:
    ends = closed["closed"].dt.to_period("Q").dt.end_time.dt.normalize()
    late = (ends - closed["closed"].dt.normalize()).dt.days < QUARTER_DAYS
    expected = _share_of_quarter_ends(closed["closed"])
    share = float(late.mean())
    p = binomtest(int(late.sum()), len(closed), min(expected, 1.0), alternative="greater").pvalue
    says = f"{100 * share:.1f} % of the closings fall in the last {QUARTER_DAYS} days of a quarter, where {100 * expected:.1f} % is expected."
    yield _note("quarter_end_volume", p >= LEVEL or share < PILE_UP * expected, says, share)
    if late.any() and not late.all():
        won = closed["won"]
        table = [[int(won[late].sum()), int((1 - won[late]).sum())], [int(won[~late].sum()), int((1 - won[~late]).sum())]]
        gap = 100 * float(won[late].mean() - won[~late].mean())
        says = f"Deals closed in the last {QUARTER_DAYS} days of a quarter were won {gap:+.1f} points more often than the others."
        yield _note("quarter_end_win_rate", fisher_exact(table).pvalue >= LEVEL or abs(gap) < QUARTER_POINTS, says, gap)


def _share_of_quarter_ends(days: pd.Series) -> float:
    """Return the share of last days of a quarter among the days from the first closing to the last."""
    span = pd.date_range(days.min().normalize(), days.max().normalize(), freq="D")
    ends = span.to_period("Q").end_time.normalize()
    return float(np.mean((ends - span).days < QUARTER_DAYS))


def _cycle(closed: pd.DataFrame) -> Check:
    gap = (closed["closed"] - closed["created"]).dt.days - closed["cycle_days"]
    share = float((gap.dropna().abs() > 1).mean()) if gap.notna().any() else 0.0
    says = (
        f"The CRM's cycle length differs from closed minus created by more than a day in {100 * share:.1f} % of the closed deals."
    )
    return _note("cycle_mismatch", share <= CYCLE_SHARE, says, share)


def _stage(closed: pd.DataFrame) -> Check:
    stage = closed["stage"].astype("string").str.lower()
    meaning = pd.Series(pd.NA, index=stage.index, dtype="string")
    for word, outcome in CLOSING_WORDS.items():
        meaning = meaning.mask(stage.str.contains(rf"\b{word}\b", na=False) & meaning.isna(), outcome)
    if not meaning.notna().any():
        return _note(
            "stage_against_outcome",
            passed=True,
            says="No stage is named like an outcome, so that none contradicts it.",
            value=0.0,
        )
    contradicts = meaning.isna() | (meaning.ne("") & meaning.ne(closed["outcome"].astype("string")))
    share = float(contradicts.fillna(value=True).mean())
    says = f"{100 * share:.1f} % of the closed deals stand in a stage that is not the one of their outcome."
    return _note("stage_against_outcome", share <= STAGE_SHARE, says, share)


def _heaping(amounts: pd.Series) -> Check:
    large = amounts[amounts >= 1000].round().to_numpy()  # noqa: PLR2004 - as in `_found`
    share = float(np.mean(large % 100 == 0))
    p = binomtest(int(np.sum(large % 100 == 0)), len(large), 0.01, alternative="greater").pvalue
    says = f"{100 * share:.1f} % of the amounts from 1,000 up are whole hundreds, where 1.0 % is expected of amounts that were counted."
    return _note("digit_heaping", p >= LEVEL or share < HEAPING * 0.01, says, share)


def _labels(table: pd.DataFrame) -> Check:
    pairs = []
    for name in table.columns:
        if name in {"deal_id", "outcome"} or not (table[name].dtype == object or pd.api.types.is_string_dtype(table[name])):
            continue
        labels = table[name].dropna().astype(str).unique()
        if len(labels) <= MOST_LABELS:
            pairs += [f"{name}: {a!r} and {b!r}" for a, b in combinations(sorted(labels), 2) if _look_alike(a, b)]
    listed = "; ".join(pairs[:3]) + (f" and {len(pairs) - 3} more" if len(pairs) > 3 else "")  # noqa: PLR2004 - three examples
    says = (
        f"Labels that may be one label spelled two ways: {listed}."
        if pairs
        else "No two labels of a column look like one label spelled two ways."
    )
    return _note("label_variants", not pairs, says, len(pairs))


def _look_alike(first: str, second: str) -> bool:
    """Whether two labels differ only in case, spaces or punctuation, or by one letter left out of a long word."""
    one, two = ("".join(c for c in label.casefold() if c.isalnum()) for label in (first, second))
    if one == two:
        return True
    short, long = sorted((one, two), key=len)
    if len(long) - len(short) != 1 or len(short) < 6:  # noqa: PLR2004 - shorter words differ by a letter for good reason
        return False
    at = next((i for i, letter in enumerate(short) if letter != long[i]), len(short))
    return long[at].isalpha() and short[at:] == long[at + 1 :] and at < len(short)
