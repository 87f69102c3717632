"""One fingerprint for the same deals, whichever engine holds them, in whichever order.

Each row becomes one text that every engine writes alike, its MD5 gives two numbers of 60 bits, and the sums of these over the rows,
with the number of rows and the columns' names, are the content. A sum does not depend on the order, and two rows that exchange a value
change it. MD5 stands against accidents, not against someone who searches for two tables that look the same.
"""

from collections.abc import Iterable, Mapping
from hashlib import md5, sha256
from typing import Any, Final

import numpy as np
import pandas as pd

BETWEEN: Final = "\x1f"  # what separates the values of a row: no text of a CRM holds it
STEP: Final = 1_000_000  # numbers are told apart to a millionth
MOST: Final = 9_000_000_000_000.0  # beyond, a number of so many steps does not fit 64 bits: told as this one
AT_ONCE: Final = 500_000  # rows whose texts are held at a time
NUMBERS: Final[Mapping[str, str]] = {
    "duckdb": "CAST('0x' || {} AS BIGINT)",
    "postgres": "CAST(CAST(('x' || {}) AS BIT(60)) AS BIGINT)",
    "pyspark": "CAST(CONV({}, 16, 10) AS BIGINT)",
    "snowflake": "TO_NUMBER({}, 'XXXXXXXXXXXXXXX')",
    "bigquery": "CAST(CONCAT('0x', {}) AS INT64)",
}  # by Ibis' name of the engine: from 15 hexadecimal digits to a number
DIGESTS: Final[Mapping[str, str]] = {"bigquery": "TO_HEX(MD5({}))"}


def fingerprint(table: pd.DataFrame) -> str:
    """Return the fingerprint of a table: its columns' names and its rows, in any order; numbers to a millionth, times to a second."""
    import pyarrow as pa
    import pyarrow.compute as pc

    names = sorted(map(str, table.columns))
    table = table.set_axis(list(map(str, table.columns)), axis=1)
    first = second = 0
    for start in range(0, len(table) if names else 0, AT_ONCE):
        part = table.iloc[start : start + AT_ONCE]
        texts = [pa.array(_texts(part[name]), type=pa.large_string(), from_pandas=True) for name in names]
        rows = pc.binary_join_element_wise(
            *texts, pa.scalar(BETWEEN, pa.large_string()), null_handling="replace", null_replacement=""
        ).cast(pa.large_binary())
        digests = b"".join(md5(row, usedforsecurity=False).digest() for row in rows.to_pylist())
        pair = np.frombuffer(digests, dtype=">u8").reshape(-1, 2).astype(np.uint64)
        one = pair[:, 0] >> np.uint64(4)
        two = ((pair[:, 0] & np.uint64(0xF)) << np.uint64(56)) | (pair[:, 1] >> np.uint64(8))
        first, second = first + _sum(one), second + _sum(two)
    return content(names, len(table), first, second)


def content(names: Iterable[str], rows: int, first: int, second: int) -> str:
    """Return the sha256 of a table's names, number of rows and sums."""
    return sha256(repr((sorted(names), rows, first, second)).encode()).hexdigest()


def fingerprint_there(table: Any) -> str:
    """Return the fingerprint of an Ibis table, summed up in its engine."""
    names = sorted(table.columns)
    row = sums(table, names).iloc[0]
    return content(names, int(row["deals"]), int(row["first"] or 0), int(row["second"] or 0))


def sums(table: Any, names: Iterable[str], part: Any = None) -> pd.DataFrame:
    """Return the number of rows and both sums of an Ibis table's columns, as texts: in all, or for each value of `part`.

    Args:
        table: an Ibis table.
        names: the columns that count.
        part: an Ibis column; the rows of each of its values are summed by themselves, as column ``part``.
    """
    import ibis

    kind = table.get_backend().name
    texts = [text_there(table[name]).fill_null("") for name in names]
    label = ibis.literal("") if part is None else part
    whole = table.select(part=label, line=ibis.literal(BETWEEN).join(texts))
    digest = DIGESTS.get(kind, "MD5({})").format("line")
    lines = f"SELECT part, {digest} AS digest FROM ({ibis.to_sql(whole, dialect=kind)}) lines"  # noqa: S608 - our own text
    one, two = (NUMBERS[kind].format(f"SUBSTR(digest, {start}, 15)") for start in (1, 16))
    summed = ", ".join(
        f"CAST(SUM(CAST({number} AS {_wide(kind)})) AS {_text(kind)}) AS {name}"
        for number, name in ((one, "first"), (two, "second"))
    )
    counted = f"CAST(COUNT(*) AS {_text(kind)}) AS deals"
    query = f"SELECT part, {counted}, {summed} FROM ({lines}) digests GROUP BY part"  # noqa: S608 - likewise
    found: pd.DataFrame = table.get_backend().sql(query, dialect=kind).execute()
    empty = pd.DataFrame({"part": [""], "deals": ["0"], "first": ["0"], "second": ["0"]})
    return found if len(found) or part is not None else empty


def _wide(kind: str) -> str:
    return {"bigquery": "BIGNUMERIC"}.get(kind, "DECIMAL(38, 0)")


def _text(kind: str) -> str:
    return {"bigquery": "STRING", "pyspark": "STRING"}.get(kind, "VARCHAR")


def _sum(numbers: Any) -> int:
    """Return an exact sum of numbers of 60 bits: halves of 32 bits never overflow."""
    low = int((numbers & np.uint64(0xFFFFFFFF)).sum(dtype=np.uint64))
    return low + (int((numbers >> np.uint64(32)).sum(dtype=np.uint64)) << 32)


def _texts(values: pd.Series) -> pd.Series:
    if pd.api.types.is_datetime64_any_dtype(values):
        naive = values.dt.tz_convert("UTC").dt.tz_localize(None) if values.dt.tz is not None else values
        return _marked("d", naive.dt.floor("s").astype("datetime64[s]").astype("int64"), values.isna())
    if pd.api.types.is_numeric_dtype(values):
        numbers = values.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
        missing = ~np.isfinite(numbers)
        steps = np.floor(np.clip(np.where(missing, 0.0, numbers), -MOST, MOST) * STEP + 0.5).astype(np.int64)
        return _marked("n", pd.Series(steps, index=values.index), pd.Series(missing, index=values.index))
    return "s" + values.astype("string")


def _marked(mark: str, whole: pd.Series, missing: pd.Series) -> pd.Series:
    return (mark + whole.astype("string")).mask(missing)


def text_there(column: Any) -> Any:
    """Return an Ibis column as the same texts that `fingerprint` writes."""
    import ibis

    kind = column.type()
    if kind.is_date() or kind.is_timestamp():
        return ibis.literal("d") + seconds(column).cast("string")
    if kind.is_boolean():
        column = ibis.cases((column, 1), (~column, 0), else_=ibis.null("int64"))
    if kind.is_numeric() or kind.is_boolean():
        number = column.cast("float64")
        known = number.notnull() if not kind.is_floating() else number.notnull() & ~number.isnan() & ~number.isinf()
        steps = (number.clip(-MOST, MOST) * float(STEP) + 0.5).floor().cast("int64")
        return ibis.ifelse(known, ibis.literal("n") + steps.cast("string"), ibis.null("string"))
    return ibis.literal("s") + column.cast("string")


def seconds(column: Any) -> Any:
    """Return a date or a time without a zone as whole seconds since 1970."""
    return column.cast("timestamp").truncate("s").epoch_seconds().cast("int64")
