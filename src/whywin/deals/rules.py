"""The rules that each row of a deal table must keep, held by pandera."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from whywin.deals.contract import Contract
from whywin.deals.dates import dates
from whywin.errors import DataError

Keeps = Callable[[pd.Series], pd.Series]


@dataclass(frozen=True, eq=False)
class Typed:
    """A table under standard names, as it came and as it was understood; both indexed by the row in the source."""

    raw: pd.DataFrame
    table: pd.DataFrame


@dataclass(frozen=True)
class Rule:
    """One thing that must hold of a column in every row.

    Attributes:
        column: the standard column.
        says: the rule, as the end of the sentence "<column>: …".
        dimension: the dimension of data quality that it belongs to.
        keeps: from the column's typed values to True where the rule holds.
    """

    column: str
    says: str
    dimension: str
    keeps: Keeps


def typed(raw: pd.DataFrame, contract: Contract) -> Typed:
    """Return a table with its standard columns understood: dates as dates, numbers as numbers, labels as outcomes.

    Raises:
        DataError: dates can be read day first or month first, and nothing in their column tells which.
    """
    table = raw.copy()
    if "deal_id" not in table:
        table.insert(0, "deal_id", "row " + (table.index + 1).astype("string"))
    for name in ("deal_id", "rep", "stage"):
        if name in table:
            table[name] = text(table[name])
    faults: list[str] = []
    for name in ("created", "closed"):
        if name in table:
            try:
                table[name] = dates(table[name], name)
            except DataError as error:
                faults += error.faults
    if faults:
        raise DataError(faults)
    for name in ("amount", "cycle_days"):
        if name in table:
            table[name] = pd.to_numeric(table[name], errors="coerce").astype("float64").replace([np.inf, -np.inf], np.nan)
    labels = text(raw["outcome"])
    meanings = {label.strip(): name for name in ("won", "lost", "open") for label in getattr(contract, name)}
    table["outcome"] = labels.map(meanings).astype("string").mask(labels.isna(), "open")
    table["won"] = table["outcome"].map({"won": 1.0, "lost": 0.0}).astype("float64")
    return Typed(raw, table)


def text(values: pd.Series) -> pd.Series:
    """Return labels without spaces around them, blank ones as missing; 1.0 is the label 1."""
    if pd.api.types.is_float_dtype(values) and (values.dropna() % 1 == 0).all():
        values = values.astype("Int64")
    texts = values.astype("string").str.strip()
    return texts.mask(texts == "")


def _given(values: pd.Series) -> pd.Series:
    """Whether a cell holds anything but blanks."""
    if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
        return values.notna()
    return values.notna() & (values.astype("string").str.strip() != "").fillna(value=False)


def rules(understood: Typed, contract: Contract) -> Iterator[Rule]:
    """Give the rules that apply to the columns that are there."""
    raw, table = understood.raw, understood.table
    is_open, is_closed = table["outcome"].eq("open").fillna(value=False), table["won"].notna()
    yield Rule("deal_id", "must not be missing", "completeness", lambda ids: ids.notna())
    alike = raw.duplicated() if "deal_id" in raw else pd.Series(data=False, index=raw.index)
    yield Rule("deal_id", "the whole row stands in the table already", "uniqueness", lambda ids: ids.isna() | ~alike)
    yield Rule("deal_id", "is used by an earlier row", "uniqueness", lambda ids: ids.isna() | alike | ~ids.duplicated())
    yield Rule(
        "outcome", "the label is not mapped in deals.won, deals.lost or deals.open", "validity", lambda labels: labels.notna()
    )
    for name in ("created", "closed"):
        if name in table:
            yield from _date_rules(name, raw, contract)
    if "created" in table:
        yield Rule(
            "created",
            "must not be missing for a closed deal",
            "completeness",
            lambda days: days.notna() | _given(raw["created"]) | ~is_closed,
        )
    if "closed" in table:
        yield Rule(
            "closed",
            "must not be missing for a closed deal",
            "completeness",
            lambda days: days.notna() | _given(raw["closed"]) | ~is_closed,
        )
        yield Rule("closed", "must be missing while the deal is open", "consistency", lambda days: days.isna() | ~is_open)
    if {"created", "closed"} <= set(table.columns):
        created = table["created"]
        yield Rule(
            "closed",
            "must not be before created",
            "consistency",
            lambda days: days.isna() | created.isna() | (days.dt.normalize() >= created.dt.normalize()),
        )
    for name in ("amount", "cycle_days"):
        if name in table:
            yield Rule(name, "must be a number", "validity", lambda numbers, name=name: numbers.notna() | ~_given(raw[name]))  # type: ignore[misc]
            yield Rule(name, "must not be negative", "validity", lambda numbers: ~(numbers < 0))


def _date_rules(name: str, raw: pd.DataFrame, contract: Contract) -> Iterator[Rule]:
    yield Rule(name, "must be a date, such as 2024-03-31", "validity", lambda days: days.notna() | ~_given(raw[name]))
    if contract.as_of is not None:
        last = pd.Timestamp(contract.as_of) + pd.Timedelta(days=1)
        yield Rule(name, f"must not be after deals.as_of, {contract.as_of}", "timeliness", lambda days: ~(days >= last))


def broken(understood: Typed, contract: Contract) -> pd.DataFrame:
    """Return every breach: columns row (0-based), column, says, dimension, value (as it came), in the order of rows."""
    import pandera.pandas as pa

    found = {(rule.column, rule.says): rule for rule in rules(understood, contract)}
    columns: dict[str, list[pa.Check]] = {}
    for rule in found.values():
        columns.setdefault(rule.column, []).append(pa.Check(rule.keeps, error=rule.says, ignore_na=False))
    schema = pa.DataFrameSchema({name: pa.Column(checks=checks, nullable=True) for name, checks in columns.items()})
    try:
        schema.validate(understood.table, lazy=True)
    except pa.errors.SchemaErrors as errors:
        cases = errors.failure_cases
    else:
        return pd.DataFrame(columns=["row", "column", "says", "dimension", "value"])
    cases = cases.rename(columns={"index": "row", "check": "says"})[["row", "column", "says"]]
    cases = cases.astype({"row": "int64"}).drop_duplicates().sort_values(["row", "column", "says"], ignore_index=True)
    cases["dimension"] = [found[key].dimension for key in zip(cases["column"], cases["says"], strict=True)]
    cases["value"] = _values(understood, cases)
    return cases


def _values(understood: Typed, cases: pd.DataFrame) -> pd.Series:
    values = pd.Series(index=cases.index, dtype="object")
    for name, part in cases.groupby("column"):
        source = understood.raw if name in understood.raw else understood.table
        values.loc[part.index] = source[name].loc[part["row"]].astype("object").to_numpy()
    return values
