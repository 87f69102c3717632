"""A large CSV file as a table of DuckDB: parsed once, by the types of its first rows, and anew by those of all rows where these differ.

DuckDB finds the types of a column in one pass over all rows that uses one core, and then reads the file again. The first rows nearly
always say the same; where they may not (a later row does not fit, a column is empty in them, a whole number has leading zeros), the
careful way is taken, so that a file means the same however large it is.
"""

from pathlib import Path
from typing import Any, Final

FIRST: Final = 20_480  # rows that say the types


def csv_there(backend: Any, path: Path, settings: dict[str, Any]) -> Any:
    """Return the file as a table of the connection's own database.

    Args:
        backend: a connection to DuckDB, through Ibis.
        path: the file.
        settings: how the file is read, as for Ibis' `read_csv`.
    """
    import duckdb

    first = backend.read_csv(path, **settings | {"sample_size": FIRST})
    types = {name: "VARCHAR" if kind.is_integer() else _name(kind) for name, kind in first.schema().items()}
    plain = {name: value for name, value in settings.items() if name not in {"sample_size", "auto_type_candidates"}}
    given = first.head(FIRST).aggregate(**{name: first[name].count() for name in first.columns}).to_pandas().iloc[0]
    if bool(given.all()):
        try:
            table = backend.create_table("deals", backend.read_csv(path, types=types, **plain))
        except duckdb.Error:  # a later row does not fit the first ones
            table = None
        whole = [name for name, kind in first.schema().items() if kind.is_integer()]
        if table is not None and _are_whole(table, whole):
            return table.mutate(**{name: table[name].cast("int64") for name in whole}) if whole else table
    return backend.create_table("deals", backend.read_csv(path, **settings), overwrite=True)


def _name(kind: Any) -> str:
    if kind.is_floating():
        return "DOUBLE"
    if kind.is_date():
        return "DATE"
    return "TIMESTAMP" if kind.is_timestamp() else "VARCHAR"


def _are_whole(table: Any, names: list[str]) -> bool:
    """Whether texts are whole numbers without leading zeros throughout."""
    if not names:
        return True
    fits = {name: table[name].isnull() | table[name].re_search(r"^-?(0|[1-9][0-9]{0,17})$") for name in names}
    return bool(table.aggregate(**{name: column.all() for name, column in fits.items()}).to_pandas().iloc[0].all())
