"""The only reader of data: tables from files through Ibis on DuckDB, and tables of made-up worlds."""

import gzip
import os
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from whywin.deals.contract import Contract
from whywin.deals.interventions import Interventions, with_interventions
from whywin.errors import DataError, nearest
from whywin.plan import File, Join, Replacements, Simulated, Source

ENDINGS = (".csv", ".csv.gz", ".tsv", ".parquet", ".duckdb")
SEPARATORS = (",", ";", "\t", "|")
TYPES = ["BIGINT", "DOUBLE", "DATE", "TIMESTAMP", "VARCHAR"]  # "Yes" and "No" stay labels: a table keeps its own words


@dataclass(frozen=True, eq=False)
class Table:
    """A table as it came.

    Attributes:
        frame: its rows, in the order of the source.
        truth: the true numbers (quantity, segment, value, unit) when it comes from a made-up world.
        described: where it comes from and how much of it there is, in one sentence.
    """

    frame: pd.DataFrame
    truth: pd.DataFrame | None
    described: str


def read(source: Source, contract: Contract | None = None) -> Table:
    """Read a table of deals, with further tables and what logs of interventions say joined to it.

    Args:
        source: where the deals are.
        contract: whose mapping says which columns of the table a log needs; they have their standard names when not given.

    Raises:
        DataError: a file is missing, unreadable, empty or of an unknown kind, or a join does not fit; every fault at once.
    """
    names = contract or Contract()
    return _simulated(source, names) if isinstance(source, Simulated) else _file(source, names)


def _simulated(source: Simulated, contract: Contract) -> Table:
    from whywin.worlds.market import simulate

    world = simulate(source.world)
    frame = world.tables[source.table]
    truth = world.truth[world.truth["table"] == source.table].drop(columns="table").reset_index(drop=True)
    said = [f"A made-up market, table {source.table}: {len(frame):,} rows"]
    for log in source.interventions:
        if log.path is not None:
            raise DataError("source.interventions: a made-up market has a log of its own; leave path out")
        frame = with_interventions(frame, world.tables["interventions"], log, contract)
        said.append(_logged(frame, log))
    return Table(frame, truth, "; ".join(said))


def _file(source: File, contract: Contract) -> Table:
    logs = [_Log(log.path, log.separator, log.table) for log in source.interventions if log.path is not None]
    faults = [fault for part in (source, *source.join, *logs) for fault in _faults_of_path(part)]
    faults += ["source.interventions: path is missing; name the log's file" for log in source.interventions if log.path is None]
    if faults:
        raise DataError(faults)
    frame = _replaced(_rows(source.path, source.separator, source.table), source.replace, source.path)
    said = [f"{source.path.name}: {len(frame):,} rows"]
    for join in source.join:
        frame, words = _joined(frame, join)
        said.append(words)
    for log, rules in zip(logs, source.interventions, strict=True):
        frame = with_interventions(frame, _rows(log.path, log.separator, log.table), rules, contract)
        said.append(f"{log.path.name}: {_logged(frame, rules)}")
    return Table(frame, None, "; ".join(said))


@dataclass(frozen=True)
class _Log:
    """Where a log of interventions lies."""

    path: Path
    separator: str | None
    table: str | None


def _logged(frame: pd.DataFrame, log: Interventions) -> str:
    return ", ".join(f"{kind} in {int(frame[column].sum()):,} deals" for kind, column in log.kinds.items())


def _faults_of_path(part: File | Join | _Log) -> Iterator[str]:
    path = part.path
    if path.is_dir():
        yield f"{path}: is a folder; name the file in it"
    elif not path.is_file():
        folder = "" if path.parent.is_dir() else f"; there is no folder {path.parent}"
        yield f"{path}: there is no such file{nearest(path.name, _names_in(path.parent), otherwise=folder)}"
    elif not path.name.lower().endswith(ENDINGS):
        yield f"{path}: must end with one of {', '.join(ENDINGS)}"
    elif path.stat().st_size == 0:
        yield f"{path}: the file is empty"
    elif path.suffix.lower() == ".duckdb" and not part.table:
        yield f"{path}: say which table of the database is meant, as `table` beside its path"


def _names_in(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir())
    except OSError:
        return []


def _rows(path: Path, separator: str | None, table: str | None) -> pd.DataFrame:
    with _engine(path) as connection:
        if path.suffix.lower() == ".parquet":
            return _plain(connection.read_parquet(path))
        if path.suffix.lower() == ".duckdb":
            return _database(connection, path, table or "")
        delimiter = separator or _separator(path)
        return _plain(
            connection.read_csv(
                path, header=True, skip=0, sample_size=-1, nullstr=[""], auto_type_candidates=TYPES, delim=delimiter
            )
        )


def _separator(path: Path) -> str:
    """Return the separator that stands most often outside quotes in the header, so that no later row can change it."""
    opened = gzip.open if path.name.lower().endswith(".gz") else Path.open
    try:
        with opened(path, "rb") as file:
            header = re.sub(rb'"[^"]*"', b"", file.readline())
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error}): export it again") from error
    return max(SEPARATORS, key=lambda sign: header.count(sign.encode()))


@contextmanager
def _engine(path: Path) -> Iterator[Any]:
    """Open DuckDB in memory, and turn what it says of a broken file into one sentence."""
    import duckdb
    import ibis

    connection = ibis.duckdb.connect()
    try:
        connection.raw_sql("SET preserve_insertion_order = true")
        yield connection
    except duckdb.Error as error:
        said = str(error)
        if "utf-8" in said.lower() or "utf8" in said.lower():
            raise DataError(f"{path}: cannot be read, it is not UTF-8: save it as UTF-8") from error
        first = " ".join(line.strip() for line in said.strip().splitlines()[:2])
        raise DataError(
            f"{path}: cannot be read ({first}): export it again, or say source.separator if it is a CSV file"
        ) from error
    finally:
        connection.disconnect()


def _database(connection: Any, path: Path, table: str) -> pd.DataFrame:
    quoted = str(path).replace("'", "''")
    connection.raw_sql(f"ATTACH '{quoted}' AS given (READ_ONLY)")
    there = [
        row[0]
        for row in connection.raw_sql("SELECT table_name FROM information_schema.tables WHERE table_catalog = 'given'").fetchall()
    ]
    if table not in there:
        raise DataError(f"{path}: has no table {table!r}{nearest(table, there)}; there are {', '.join(sorted(there)) or 'none'}")
    return _plain(connection.table(table, database=("given", "main")))


def _plain(expression: Any) -> pd.DataFrame:
    """Fetch a whole table; ids and labels that are numbers stay numbers, dates become datetimes."""
    frame: pd.DataFrame = expression.execute()
    for name, kind in expression.schema().items():
        if kind.is_date():
            frame[name] = pd.to_datetime(frame[name])
        elif kind.is_decimal():
            frame[name] = frame[name].astype("float64")
    return frame


def _replaced(frame: pd.DataFrame, replace: Replacements, path: Path) -> pd.DataFrame:
    faults = [f"replace.{name}: {path.name} has no column {name!r}{_near(name, frame)}" for name in replace if name not in frame]
    if faults:
        raise DataError(faults)
    return frame.assign(**{name: frame[name].replace(dict(labels)) for name, labels in replace.items()})


def _joined(frame: pd.DataFrame, join: Join) -> tuple[pd.DataFrame, str]:
    further = _replaced(_rows(join.path, join.separator, join.table), join.replace, join.path)
    key = join.on
    faults = [
        f"join: {place} has no column {key!r}{_near(key, table)}"
        for place, table in _places(frame, join, further)
        if key not in table
    ]
    if faults:
        raise DataError(faults)
    kinds = {
        place: "numbers" if pd.api.types.is_numeric_dtype(table[key]) else "text"
        for place, table in _places(frame, join, further)
        if key in table
    }
    if len(set(kinds.values())) > 1:
        faults.append(
            f"join: {key} holds {' and '.join(f'{kind} in {place}' for place, kind in kinds.items())}: write it alike in both"
        )
    twice = further.loc[further[key].duplicated() & further[key].notna(), key].unique()
    if len(twice):
        faults.append(
            f"join: {join.path.name} has {len(twice):,} {key}(s) in more than one row, such as {str(twice[0])!r}: keep one row each"
        )
    both = sorted(set(frame.columns) & set(further.columns) - {key})
    if both:
        faults.append(f"join: both tables have the column(s) {', '.join(both)}: rename them in one table")
    if faults:
        raise DataError(faults)
    further = further[further[key].notna()]
    merged = frame.merge(further, how="left", on=key, validate="many_to_one")
    known = frame[key].isin(further[key]) & frame[key].notna()
    unmatched = int((~known & frame[key].notna()).sum())
    return (
        merged,
        f"joined {join.path.name} on {key} ({int(known.sum()):,} matched, {unmatched:,} without a match, {int(frame[key].isna().sum()):,} without a {key})",
    )


def _places(frame: pd.DataFrame, join: Join, further: pd.DataFrame) -> tuple[tuple[str, pd.DataFrame], ...]:
    return ("the deal table", frame), (join.path.name, further)


def _near(name: str, frame: pd.DataFrame) -> str:
    return nearest(name, frame.columns, otherwise=f"; it has {', '.join(map(str, frame.columns))}")


def write_quarantine(frame: pd.DataFrame, path: Path) -> None:
    """Write the rows that were left out, with their reasons; the file is there whole or not at all."""
    write_table(frame, path)


def write_table(frame: pd.DataFrame, path: Path) -> None:
    """Write a table as CSV; the file is there whole or not at all.

    Raises:
        DataError: the folder cannot be made or written to.
    """
    _whole(path, lambda temporary: frame.to_csv(temporary, index=False))


def write_text(text: str, path: Path) -> None:
    """Write a text; the file is there whole or not at all.

    Raises:
        DataError: the folder cannot be made or written to.
    """

    def write(temporary: Path) -> None:
        temporary.write_text(text, encoding="utf-8")

    _whole(path, write)


def write_bytes(content: bytes, path: Path) -> None:
    """Write a file; it is there whole or not at all.

    Raises:
        DataError: the folder cannot be made or written to.
    """

    def write(temporary: Path) -> None:
        temporary.write_bytes(content)

    _whole(path, write)


def read_text(path: Path) -> str:
    """Return a file's text.

    Raises:
        DataError: there is no such file, or it is no text.
    """
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{path}: cannot be read ({getattr(error, 'strerror', None) or 'it is no UTF-8 text'}); name another file"
        ) from error


def _whole(path: Path, write: Callable[[Path], None]) -> None:
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        temporary.chmod(0o644)
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            temporary.unlink(missing_ok=True)
        raise DataError(f"{path}: cannot be written ({error.strerror or error}): choose another folder, or make room") from error
