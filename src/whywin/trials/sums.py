"""Every metric's sums by unit in one pass, taken where the deals are: after it the work is in the number of units, not of deals.

DuckDB reads deals that stay in their file, a relation of its own, an Arrow or Polars table (anything that gives an Arrow stream) or
a pandas frame without copying it.
The sums are those of `units.by_unit`, which takes one metric at a time from a sample and knows more kinds of metrics.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.deals.table import Deals
from whywin.errors import QuestionError, nearest
from whywin.trials.metric import Metric
from whywin.trials.question import Trial

Array = NDArray[np.float64]
KINDS: Final = ("proportion", "mean", "ratio")


@dataclass(frozen=True, eq=False)
class Sums:
    """A trial's deals by unit, of every metric that was asked for.

    Attributes:
        unit: the units' labels, n; sorted.
        arm: the arm of each.
        cluster: the cluster of each; the unit itself where there is none.
        stratum: within what it was dealt to its arm; one label for all where there is nothing.
        deals: deals that have a value, metrics × n.
        total: sum of the values, metrics × n.
        size: deals, or of a ratio the sum of what it is divided by, metrics × n.
        past: total, size and deals before the trial, 3 × metrics × n; noughts where it has no start.
        everyones: total, size and deals of all past deals, 3 × metrics, those of units that have none in the trial included.
        before: mean of each column of `before`, columns × n, not a number where a unit has none.
    """

    unit: NDArray[np.str_]
    arm: NDArray[np.str_]
    cluster: NDArray[np.str_]
    stratum: NDArray[np.str_]
    deals: Array
    total: Array
    size: Array
    past: Array
    everyones: Array
    before: Array


def sums_by_unit(question: Trial, deals: Any) -> Sums:
    """Return a trial's sums by unit.

    Args:
        question: the trial; its metrics are means, shares of deals and ratios.
        deals: one row a deal: deals that keep their contract, of which those that stay in a file are read there and only the sums leave
            it, a DuckDB relation, a table that gives an Arrow stream (Arrow, Polars), or a pandas frame. The outcome is
            `won` (1, 0, or missing while a deal is open); a table without it has closed deals only.

    Raises:
        QuestionError: the table lacks a column, a unit is in two arms, or the question asks for what sums by unit cannot tell.
    """
    relation = _relation(question, deals)
    faults = list(_faults(question, dict(zip(relation.columns, map(str, relation.types), strict=True))))
    if faults:
        raise QuestionError(faults)
    table = _trial(question, relation)
    lost = table[["unit", "arm", "cluster"]].isna().any(axis=1)
    if lost.any() and question.unassigned == "refuse":
        raise QuestionError(f"{int(table.loc[lost, 'rows'].sum()):,} deals have no {question.arm}, {question.unit} or "
                            f"{question.independent}; leave them out by question.unassigned: leave_out")  # fmt: skip
    table = table[~lost].sort_values("unit", ignore_index=True)
    twice = table["unit"].duplicated()
    if twice.any():
        raise QuestionError(
            f"{int(twice.sum()):,} {question.unit}s are in two arms or clusters, such as {table['unit'][twice].iloc[0]!r}"
        )
    return _as_sums(question, table, relation)


def _relation(question: Trial, deals: Any) -> Any:
    import duckdb

    if isinstance(deals, Deals):
        return _kept(question, deals)
    if isinstance(deals, duckdb.DuckDBPyRelation):
        return deals
    if isinstance(deals, pd.DataFrame):
        # labels as categories: DuckDB reads codes several times as fast as pandas' strings
        labels = {question.arm, question.unit, question.independent, *question.dealt_within} & set(deals.columns)
        kinds = {name: "category" for name in labels if not pd.api.types.is_numeric_dtype(deals[name])}
        return duckdb.from_df(deals.astype(kinds))
    if hasattr(deals, "__arrow_c_stream__"):
        import pyarrow as pa

        return duckdb.from_arrow(deals if isinstance(deals, pa.Table) else pa.table(deals))
    raise QuestionError(
        f"deals: must be deals that keep their contract, a DuckDB relation, an Arrow or Polars table or a pandas frame, got {type(deals).__name__}"
    )


def _kept(question: Trial, deals: Deals) -> Any:
    """Return deals that keep their contract as a relation: where they are in DuckDB's own files, else what was brought of them."""
    if deals.there is None or deals.there.get_backend().name != "duckdb":
        return _relation(question, deals.table)
    import ibis

    return deals.there.get_backend().con.sql(ibis.to_sql(deals.there, dialect="duckdb"))


def _columns(question: Trial) -> tuple[str, ...]:
    measured = [name for metric in question.measured for name in metric.columns]
    dates = ("created", "closed") if question.start is not None else ()
    named = (
        question.arm,
        question.unit,
        question.independent,
        *question.dealt_within,
        *measured,
        *question.before,
        *dates,
        "won",
    )
    return tuple(dict.fromkeys(named))


def _faults(question: Trial, kinds: dict[str, str]) -> Iterator[str]:
    for metric in question.measured:
        if metric.kind not in KINDS:
            yield f"the metric {metric.name} is of kind {metric.kind}, which sums by unit cannot tell; use the method fixed"
    if question.as_of is not None:
        yield "question.as_of needs the deals' history; use the method adjusted"
    for name in _columns(question):
        if name not in kinds and not (name == "won" and all(metric.column != "won" for metric in question.measured)):
            yield f"the deals have no column {name!r}{nearest(name, kinds)}"
    for name in {column for metric in question.measured for column in metric.columns} | set(question.before):
        if kinds.get(name, "DOUBLE").split("(")[0] not in _NUMBERS:
            yield f"{name}: must be numbers or true and false, got {kinds[name].lower()}"


_NUMBERS: Final = {
    "BOOLEAN", "TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "FLOAT", "DOUBLE",
    "DECIMAL",
}  # fmt: skip


def _trial(question: Trial, relation: Any) -> pd.DataFrame:
    """Return the sums of the trial's own deals: one row a unit, arm and cluster."""
    by = {"unit": question.unit, "arm": question.arm, "cluster": question.independent}
    parts = [*(f"{_quoted(column)}::VARCHAR AS {name}" for name, column in by.items()), "count(*) AS rows"]
    within = " || ' · ' || ".join(f"coalesce(any_value({_quoted(name)})::VARCHAR, '(missing)')" for name in question.dealt_within)
    parts.append(f"{within or chr(39) + 'all' + chr(39)} AS stratum")
    rows = relation.filter(_when(question)) if question.start is not None else relation
    parts += [part for place, metric in enumerate(question.measured) for part in _sums(rows, metric, place)]
    closed = ' FILTER (WHERE "won" IS NOT NULL)' if "won" in relation.columns else ""
    parts += [f"avg({_quoted(name)}::DOUBLE){closed} AS before_{place}" for place, name in enumerate(question.before)]
    found: pd.DataFrame = rows.aggregate(", ".join(parts), ", ".join(map(_quoted, dict.fromkeys(by.values())))).df()
    return found


def _sums(rows: Any, metric: Metric, place: int) -> list[str]:
    """Return the sums of one metric over the deals that have it and, but for the win rate, are closed."""
    value = f"{_quoted(metric.column)}::DOUBLE"
    there = [f"{_quoted(name)} IS NOT NULL" for name in metric.columns]
    if metric.column != "won" and "won" in rows.columns:
        there.append('"won" IS NOT NULL')
    if metric.winsorise is not None:
        (cap,) = rows.filter(" AND ".join(there)).aggregate(f"quantile_cont({value}, {metric.winsorise})").fetchone()
        value = value if cap is None else f"least({value}, {cap!r}::DOUBLE)"
    # sums leave missing values out by themselves, and a filter costs time
    only = f" FILTER (WHERE {' AND '.join(there)})" if len(there) > 1 else ""
    per = f"sum({_quoted(metric.per)}::DOUBLE){only}" if metric.per else f"count({_quoted(metric.column)}){only}"
    return [
        f"sum({value}){only} AS total_{place}",
        f"{per} AS size_{place}",
        f"count({_quoted(metric.column)}){only} AS deals_{place}",
    ]


def _when(question: Trial) -> str:
    return f"\"created\" >= DATE '{question.start:%Y-%m-%d}'"


def _before(question: Trial) -> str:
    return f"\"created\" < DATE '{question.start:%Y-%m-%d}' AND \"closed\" < DATE '{question.start:%Y-%m-%d}'"


def _as_sums(question: Trial, table: pd.DataFrame, relation: Any) -> Sums:
    count, units = len(question.measured), table["unit"].to_numpy(dtype=str)
    past, everyones = np.zeros((3, count, len(units))), np.zeros((3, count))
    if question.start is not None:
        rows = relation.filter(_before(question))
        parts = [part for place, metric in enumerate(question.measured) for part in _sums(rows, metric, place)]
        by = _quoted(question.unit)
        known = rows.aggregate(", ".join([f"{by}::VARCHAR AS unit", *parts]), by).df().set_index("unit")
        for kind, name in enumerate(("total", "size", "deals")):
            columns = known[[f"{name}_{place}" for place in range(count)]].astype("float64").fillna(0.0)
            everyones[kind] = columns.sum().to_numpy()
            past[kind] = columns.reindex(units).fillna(0.0).to_numpy().T
    unit, arm, cluster, stratum = (table[name].to_numpy(dtype=str) for name in ("unit", "arm", "cluster", "stratum"))
    deals, total, size = (_block(table, name, count) for name in ("deals", "total", "size"))
    before = _block(table, "before", len(question.before), missing=np.nan)
    return Sums(unit, arm, cluster, stratum, deals, total, size, past, everyones, before)


def _block(table: pd.DataFrame, name: str, count: int, missing: float = 0.0) -> Array:
    columns = [table[f"{name}_{place}"].to_numpy(dtype=float, na_value=missing) for place in range(count)]
    return np.array([np.where(np.isnan(one), missing, one) for one in columns]).reshape(count, len(table))


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
