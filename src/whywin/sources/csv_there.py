"""A large CSV file as a Parquet file: parsed once, by the types of its first rows, and anew by those of all rows where these differ.

DuckDB finds the types of a column in one pass over all rows that uses one core, and then reads the file again. The first rows nearly
always say the same; where they may not (a later row does not fit, a column is empty in them, a whole number has leading zeros, a date
has a time or is not written 2024-01-31, a text may be quoted in another way), the careful way is taken, so that a file means the same however large it is.

The rules, the quality scores, the fingerprint and the counts each pass over the deals, so that it pays to write them once; a Parquet
file takes a third of the time of a table of DuckDB's own, whose compression is chosen by trying all of them.
"""

from pathlib import Path
from typing import Any, Final

FIRST: Final = 20_480  # rows that say the types
DAY: Final = len("2024-01-31")
DIALECT: Final = {"quote": '"', "escape": '"'}  # what the first rows may not show
STRANGE: Final = r"^[^-.0-9]|^-?0[0-9]|_"  # in a number: it can be cast, and all rows together may say that it is a text


def csv_there(backend: Any, path: Path, settings: dict[str, Any], folder: Path) -> Any:
    """Return the file as a table, its rows in the order of the file.

    Args:
        backend: a connection to DuckDB, through Ibis.
        path: the file.
        settings: how the file is read, as for Ibis' `read_csv`.
        folder: where the parsed file is kept for as long as the table is used.
    """
    import duckdb

    parsed = folder / "deals.parquet"
    first = backend.read_csv(path, **settings | {"sample_size": FIRST})
    given = first.head(FIRST).aggregate(**{name: first[name].count() for name in first.columns}).to_pandas().iloc[0]
    if bool(given.all()):
        try:
            backend.to_parquet(_by_first(backend, path, settings, first.schema()), parsed)
            table = backend.read_parquet(parsed)
            if not _quoted_otherwise(table):
                return table
        except duckdb.Error:  # a later row does not fit the first ones
            pass
    backend.to_parquet(backend.read_csv(path, **settings), parsed)
    return backend.read_parquet(parsed)


def _by_first(backend: Any, path: Path, settings: dict[str, Any], schema: Any) -> Any:
    """Return the file by the types of its first rows; reading a row that does not fit them raises."""
    types = {name: "TIMESTAMP" if kind.is_timestamp() else "VARCHAR" for name, kind in schema.items()}
    plain = {name: value for name, value in settings.items() if name not in {"sample_size", "auto_type_candidates"}}
    table = backend.read_csv(path, types=types, **plain, **DIALECT)
    told = {name: kind for name, kind in schema.items() if not (kind.is_timestamp() or kind.is_string())}
    return table.mutate(**{name: _read(table[name], kind) for name, kind in told.items()})


def _read(text: Any, kind: Any) -> Any:
    """Return texts as numbers or dates; one that all rows together might read otherwise raises."""
    import ibis

    @ibis.udf.scalar.builtin  # type: ignore[untyped-decorator]
    def error(said: str) -> str:  # type: ignore[empty-body]
        """DuckDB's own: raises."""

    if kind.is_date():  # a time of day would be lost
        doubtful = text.length() != DAY
    elif kind.is_integer():  # 007 and 1.5 are written another way than the number is
        doubtful = text.try_cast(kind).cast("string").fill_null("") != text
    else:
        doubtful = ((text >= "1") & (text < ":")).ifelse(text.contains("_"), text.re_search(STRANGE))
    return doubtful.ifelse(error(text).cast(kind), text.cast(kind))


def _quoted_otherwise(table: Any) -> bool:
    """Whether a text may be quoted or escaped by other signs than those of `DIALECT`: whatever it is, all rows decide."""
    texts = [table[name] for name, kind in table.schema().items() if kind.is_string()]
    marked = {f"text_{place}": (text.startswith("'") | text.contains("\\")).any() for place, text in enumerate(texts)}
    return bool(marked) and bool(table.aggregate(**marked).to_pandas().iloc[0].fillna(value=False).any())
