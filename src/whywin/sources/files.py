"""Tables from files through Ibis on DuckDB, and tables of made-up worlds: whole, in memory."""

import gzip
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd

from whywin.deals.contract import Contract
from whywin.deals.interventions import Interventions, with_interventions
from whywin.errors import DataError, nearest
from whywin.plan import File, Join, Replacements, Simulated
from whywin.sources.table import Table

ENDINGS = (".csv", ".csv.gz", ".tsv", ".parquet", ".duckdb")
SEPARATORS = (",", ";", "\t", "|")
TYPES = ["BIGINT", "DOUBLE", "DATE", "TIMESTAMP", "VARCHAR"]  # "Yes" and "No" stay labels: a table keeps its own words


def read_simulated(source: Simulated, contract: Contract) -> Table:
    """Return a table of a made-up market, with what its log of interventions says joined to it."""
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


def read_file(source: File, contract: Contract) -> Table:
    """Return a file's rows, with further tables and what logs of interventions say joined to them."""
    logs = [File(log.path, log.separator, log.table) for log in source.interventions if log.path is not None]
    parts: tuple[File | Join, ...] = (source, *source.join, *logs)
    faults = [fault for part in parts for fault in faults_of_path(part)]
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


def _logged(frame: pd.DataFrame, log: Interventions) -> str:
    return ", ".join(f"{kind} in {int(frame[column].sum()):,} deals" for kind, column in log.kinds.items())


def faults_of_path(part: File | Join) -> Iterator[str]:
    """Give what is wrong with a file's path, one sentence each."""
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
        return whole(expression(connection, path, separator, table))


def expression(connection: Any, path: Path, separator: str | None, table: str | None) -> Any:
    """Return a file as an Ibis table of a connection to DuckDB."""
    if path.suffix.lower() == ".parquet":
        return connection.read_parquet(path)
    if path.suffix.lower() == ".duckdb":
        return _database(connection, path, table or "")
    return connection.read_csv(path, **csv_settings(path, separator))


def csv_settings(path: Path, separator: str | None) -> dict[str, Any]:
    """Return how a CSV file is read: empty cells are missing, and all rows say the types."""
    delimiter = separator or _separator(path)
    return {
        "header": True,
        "skip": 0,
        "sample_size": -1,
        "nullstr": [""],
        "auto_type_candidates": TYPES,
        "delim": delimiter,
    }


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
    """Open DuckDB in memory for a file."""
    import ibis

    connection = ibis.duckdb.connect()
    try:
        with told(path):
            connection.raw_sql("SET preserve_insertion_order = true")
            yield connection
    finally:
        connection.disconnect()


@contextmanager
def told(path: Path) -> Iterator[None]:
    """Turn what DuckDB says of a broken file into one sentence."""
    import duckdb

    try:
        yield
    except duckdb.Error as error:
        said = str(error)
        if "utf-8" in said.lower() or "utf8" in said.lower():
            raise DataError(f"{path}: cannot be read, it is not UTF-8: save it as UTF-8") from error
        first = " ".join(line.strip() for line in said.strip().splitlines()[:2])
        raise DataError(
            f"{path}: cannot be read ({first}): export it again, or say source.separator if it is a CSV file"
        ) from error


def _database(connection: Any, path: Path, table: str) -> Any:
    quoted = str(path).replace("'", "''")
    connection.raw_sql(f"ATTACH '{quoted}' AS given (READ_ONLY)")
    there = [
        row[0]
        for row in connection.raw_sql("SELECT table_name FROM information_schema.tables WHERE table_catalog = 'given'").fetchall()
    ]
    if table not in there:
        raise DataError(f"{path}: has no table {table!r}{nearest(table, there)}; there are {', '.join(sorted(there)) or 'none'}")
    return connection.table(table, database=("given", "main"))


def whole(expression: Any) -> pd.DataFrame:
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
