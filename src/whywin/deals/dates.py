"""Dates as a CRM writes them: one column is written one way."""

from typing import Final

import pandas as pd

from whywin.errors import DataError

NAMED: Final = ("%Y/%m/%d", "%d %b %Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y", "%d-%b-%Y", "%d-%b-%y")  # no day can be a month
NUMBERED: Final = ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%m.%d.%Y", "%d-%m-%Y", "%m-%d-%Y", "%d/%m/%y", "%m/%d/%y")
TIMES: Final = ("", " %H:%M", " %H:%M:%S", " %I:%M %p")


def dates(values: pd.Series, name: str) -> pd.Series:
    """Return a column as dates without a time zone (those with one as UTC); what is no date is missing.

    Text is read as ISO 8601 or with the month's name; dates of numbers alone are read in the one order that reads most of
    the column: the order of day and month is never mixed in a column.

    Raises:
        DataError: both orders read the column equally well and give different days, such as 03/04/2024 throughout.
    """
    if pd.api.types.is_datetime64_any_dtype(values):
        return _naive(values)
    if pd.api.types.is_numeric_dtype(values):  # a number is no date, even though pandas would read it as nanoseconds
        return pd.Series(pd.NaT, index=values.index, dtype="datetime64[us]")
    texts = values.astype("string").str.strip()
    texts = texts.mask(texts == "")
    read = _naive(pd.to_datetime(texts, errors="coerce", format="ISO8601", utc=True))
    for form in _able(texts[read.isna()], NAMED):
        read = read.fillna(_naive(pd.to_datetime(texts.where(read.isna()), errors="coerce", format=form)))
    left = texts.where(read.isna())
    readings = [_naive(pd.to_datetime(left, errors="coerce", format=form)) for form in _able(left, NUMBERED)]
    return read.fillna(_best(readings, left, name)) if readings else read


def _able(texts: pd.Series, days: tuple[str, ...]) -> list[str]:
    """Return the formats that read anything of a sample."""
    sample = texts.dropna().head(200)
    forms = [day + time for day in days for time in TIMES] if len(sample) else []
    return [form for form in forms if pd.to_datetime(sample, errors="coerce", format=form).notna().any()]


def _best(readings: list[pd.Series], texts: pd.Series, name: str) -> pd.Series:
    counts = [int(reading.notna().sum()) for reading in readings]
    best = [reading for reading, count in zip(readings, counts, strict=True) if count == max(counts)]
    for other in best[1:]:
        differ = best[0].notna() & other.notna() & (best[0] != other)
        if differ.any():
            example = texts[differ].iloc[0]
            raise DataError(
                f"{name}: {example!r} can be read day first or month first, and so can the whole column: write 2024-03-31"
            )
    return best[0]


def _naive(values: pd.Series) -> pd.Series:
    known = values.dt.tz_convert("UTC").dt.tz_localize(None) if values.dt.tz is not None else values
    return known.astype("datetime64[us]")
