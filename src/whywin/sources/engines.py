"""Database servers and Spark through Ibis: one way to connect, one way to say what went wrong, and no secret in what is said."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import quote

from whywin.errors import DataError, nearest
from whywin.plan import Database, Engine, Spark
from whywin.sources.files import whole
from whywin.sources.table import Table

EXTRAS: Final = {"postgres": "postgres", "postgresql": "postgres", "snowflake": "snowflake", "bigquery": "bigquery"}
SPEAKERS: Final = (
    "psycopg",
    "pyspark",
    "py4j",
    "ibis",
    "duckdb",
    "snowflake",
    "google",
    "sqlglot",
)  # whose errors are the server's
VARIABLE: Final = re.compile(r"\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}")
PATIENCE: Final = 10  # seconds that a server has to answer


def read_engine(source: Engine) -> Table:
    """Return the whole table of a server.

    Raises:
        DataError: the server cannot be reached, or has no such table.
    """
    with opened(source) as table, spoken(source):
        frame = whole(table)
    return Table(frame, None, f"{named(source)}: {len(frame):,} rows")


@contextmanager
def opened(source: Engine) -> Iterator[Any]:
    """Give a table of a server as an Ibis table, and close the connection afterwards.

    Raises:
        DataError: an environment variable is missing, the server cannot be reached, or there is no such table.
    """
    table = connected(source)
    try:
        yield table
    finally:
        if isinstance(source, Database):  # a Spark session belongs to the process
            table.get_backend().disconnect()


def connected(source: Engine) -> Any:
    """Return a table of a server as an Ibis table.

    Raises:
        DataError: an environment variable is missing, the server cannot be reached, or there is no such table.
    """
    return _spark(source) if isinstance(source, Spark) else _database(source)


def named(source: Engine) -> str:
    """Return a source as it may be shown and recorded: its variables by name."""
    return f"{source.table} of {source.connection}" if isinstance(source, Database) else f"{source.path} by Spark"


def _database(source: Database) -> Any:
    import ibis

    scheme = source.connection.partition("://")[0].lower() if "://" in source.connection else ""
    if scheme not in EXTRAS and not VARIABLE.match(source.connection):
        there = ", ".join(EXTRAS)
        raise DataError(f"source.connection: must begin with one of {there}, and ://, not {scheme!r}{nearest(scheme, EXTRAS)}")
    address = _filled(source)
    scheme = address.partition("://")[0].lower()
    if scheme.startswith("postgres") and "connect_timeout" not in address:
        address += f"{'&' if '?' in address else '?'}connect_timeout={PATIENCE}"
    try:
        with spoken(source, "cannot be reached"):
            backend = ibis.connect(address)
    except (ImportError, AttributeError) as error:
        raise DataError(_missing(EXTRAS.get(scheme, scheme))) from error
    try:
        return _table(source, backend)
    except DataError:
        backend.disconnect()
        raise


def _table(source: Database, backend: Any) -> Any:
    with spoken(source):
        schema, _, name = source.table.rpartition(".")
        place = {"database": schema} if schema else {}
        there = backend.list_tables(**place)
        if name not in there:
            listed = ", ".join(sorted(there)[:12]) or "none"
            raise DataError(f"source.table: there is no table {source.table!r}{nearest(name, there)}; there are {listed}")
        return backend.table(name, **place)


def _spark(source: Spark) -> Any:
    import ibis

    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise DataError(_missing("spark")) from error
    ending = "csv" if source.path.lower().rstrip("/").endswith((".csv", ".csv.gz")) else "parquet"
    with spoken(source, "cannot be read"):
        builder = SparkSession.builder.master(source.master).appName("whywin")
        settings = {"spark.sql.session.timeZone": "UTC", "spark.ui.enabled": "false", "spark.sql.ansi.enabled": "true"}
        for name, value in settings.items():
            builder = builder.config(name, value)
        backend = ibis.pyspark.connect(builder.getOrCreate())
        if ending == "csv":
            return backend.read_csv(source.path, header=True, inferSchema=True)
        return backend.read_parquet(source.path)


def _missing(extra: str) -> str:
    return f"source: the driver for {extra} is not installed: install whywin[{extra}]"


def _filled(source: Database) -> str:
    faults = [
        f"source.connection: the environment variable {name} is not set: export {name}=…"
        for name in dict.fromkeys(found["name"] for found in VARIABLE.finditer(source.connection))
        if not os.environ.get(name)
    ]
    if faults:
        raise DataError(faults)
    if VARIABLE.fullmatch(source.connection):  # the whole address is one secret
        return os.environ[source.connection[2:-1]]
    return VARIABLE.sub(lambda found: quote(os.environ[found["name"]], safe=""), source.connection)


@contextmanager
def spoken(source: Any, says: str = "cannot be read") -> Iterator[None]:
    """Turn what an engine says into one sentence without secrets; a mistake of our own is left to crash.

    Raises:
        DataError: the engine refused.
    """
    try:
        yield
    except Exception as error:
        if isinstance(error, ImportError) or not _from_engine(error):
            raise
        first = " ".join(line.strip() for line in str(error).strip().splitlines()[:2])[:300]
        where = named(source) if isinstance(source, Database | Spark) else str(source)
        way_out = "see that the server runs and that the address, the user and the password are right"
        raise DataError(f"source: {where}: {says} ({_without_secrets(source, first)}): {way_out}") from None


def _from_engine(error: BaseException) -> bool:
    if type(error) in {ValueError, OSError, ConnectionError, ConnectionRefusedError}:
        return True  # what a driver says of an address that it cannot take apart
    return any(owner.__module__.partition(".")[0] in SPEAKERS for owner in type(error).__mro__)


def _without_secrets(source: Any, text: str) -> str:
    """Return a driver's words without the values of the variables in the connection, nor what stands between : and @."""
    for found in VARIABLE.finditer(getattr(source, "connection", "")):
        value = os.environ.get(found["name"], "")
        for form in (value, quote(value, safe="")):
            if form:
                text = text.replace(form, f"${{{found['name']}}}")
    return re.sub(r"(://[^/\s:@]*:)[^@\s]*@", r"\1…@", text)
