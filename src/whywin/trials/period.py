"""Which deals belong to a trial, which came before it, and what of them was known on a day."""

from typing import Any

import pandas as pd


def dates_of(question: Any) -> tuple[str, ...]:
    """Return the columns that it takes to tell which deals belong to the trial."""
    if question.as_of is not None:
        return ("created", "closed", "won")
    return ("created",) if question.start is not None else ()


def as_known(question: Any, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the deals as they stood at the end of the day `as_of`: later ones are left out, those closed later are open."""
    if question.as_of is None or "created" not in rows:
        return rows
    end = pd.Timestamp(question.as_of) + pd.Timedelta(days=1)
    rows = rows[rows["created"] < end]
    later = rows["closed"] >= end
    if not later.any():
        return rows
    return rows.assign(won=rows["won"].astype("float64").mask(later), closed=rows["closed"].mask(later))


def of_trial(question: Any, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the deals of the trial itself, as they stood on its day; those in no arm are left out where the question says so."""
    known = as_known(question, rows)
    if question.start is not None and "created" in known:
        known = known[known["created"] >= pd.Timestamp(question.start)]
    if question.unassigned == "refuse":
        return known
    needed = [name for name in (question.arm, question.unit, question.independent) if name in known]
    known = known.dropna(subset=needed)
    labels = known[question.arm] if question.arm in known else pd.Series(dtype="string")
    if (
        pd.api.types.is_float_dtype(labels) and (labels % 1 == 0).all()
    ):  # whole numbers that were floats because some were missing
        return known.assign(**{question.arm: labels.astype("int64").astype("string")})
    return known


def of_pre_period(question: Any, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the deals that were created and closed before the trial: one that closed in it may have been changed by it."""
    if question.start is None:
        return rows.iloc[:0]
    start = pd.Timestamp(question.start)
    return rows[(rows["created"] < start) & (rows["closed"] < start)]


def last_day(question: Any, rows: pd.DataFrame) -> pd.Timestamp:
    """Return the day up to which deals were seen: `as_of`, or the latest date of the deals."""
    if question.as_of is not None:
        return pd.Timestamp(question.as_of)
    return max(rows["created"].max(), rows["closed"].max()).normalize()


def as_number(values: pd.Series) -> pd.Series:
    """Return a column as numbers where it is one or says true and false; as it is otherwise."""
    if pd.api.types.is_numeric_dtype(values):
        return values.astype("float64")
    texts = values.astype("string").str.strip().str.casefold()
    if values.notna().any() and texts.dropna().isin(["true", "false"]).all():
        return texts.map({"true": 1.0, "false": 0.0}).astype("float64")
    return values
