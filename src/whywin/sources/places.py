"""Deals that stay where they are: held to their contract and counted in their engine, of which only what a plan needs comes out."""

import tempfile
import weakref
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from whywin.deals.contract import Contract
from whywin.deals.derived import DERIVED, sources_of
from whywin.deals.engine_counts import cells_there
from whywin.deals.engine_read import Count, Wanted, keep_contract_there
from whywin.deals.engine_sample import Draw
from whywin.deals.in_engine import UnfitError
from whywin.deals.need import Cells, Need
from whywin.deals.read import keep_contract
from whywin.deals.table import Deals
from whywin.errors import DataError, WhywinError
from whywin.plan import Database, File, Source, Spark
from whywin.sources.counts import Kept
from whywin.sources.csv_there import csv_there
from whywin.sources.engines import connected, named, read_engine, spoken
from whywin.sources.files import csv_settings, expression, faults_of_path, told
from whywin.sources.table import Table

MEMORY: Final = "400MB"  # what DuckDB may hold; the rest goes to a folder that is deleted afterwards


def stays(source: Source | None) -> bool:
    """Whether the deals of a source stay where they are."""
    return isinstance(source, Database | Spark) or (isinstance(source, File) and source.in_place)


def keep_there(
    source: Source,
    contract: Contract,
    needs: Iterable[Need],
    mentioned: Iterable[str] = (),
    seed: int | None = None,
) -> tuple[Deals, Table]:
    """Hold deals to their contract where they are, and bring what a plan needs of them.

    A table whose columns must be understood in Python, such as dates written as text, is read whole from a server, and that is said.

    Args:
        source: a source that `stays`.
        contract: the contract of the deals.
        needs: what methods and checks need.
        mentioned: every text in the plan; those that are columns are brought too.
        seed: brings a random sample of `source.at_most` deals, said in the deals' remarks, where there are more; all of them when not given.

    Raises:
        DataError: the deals cannot be read, or a file must be understood in Python and cannot stay.
        ContractError: more of the rows is bad than the contract allows.
    """
    names = tuple(dict.fromkeys([*(name for need in needs for name in _columns(need)), *mentioned]))
    most: int | None = getattr(source, "at_most", None)
    draw = None if seed is None or most is None else Draw(most, seed)
    table, held = _opened(source)
    try:
        with _told(source):
            wanted = Wanted(names, by_id=not isinstance(source, File), count=_careful(source, contract), draw=draw)
            deals = keep_contract_there(table, contract, wanted)
    except UnfitError as reasons:
        held.close()
        if isinstance(source, File):
            raise DataError([f"{reason}; or leave source.in_place out" for reason in reasons.faults]) from reasons
        read = read_engine(source)  # type: ignore[arg-type]
        why = f"{read.described}, all of them brought here, because {'; '.join(reasons.faults)}"
        return keep_contract(read.frame, contract), Table(read.frame, None, why)
    except WhywinError:
        held.close()
        raise
    weakref.finalize(deals, held.close)
    where = source.path.name if isinstance(source, File) else named(source)  # type: ignore[arg-type]
    brought = ", ".join(map(str, deals.table.columns))
    what = "; ".join(remark.says for remark in deals.remarks) or f"{len(deals.table) + len(deals.quarantine):,} rows stayed there"
    return deals, Table(deals.table, None, f"{where}: {what}; brought here: {brought}")


def _columns(need: Need) -> Iterable[str]:
    single = (getattr(need, "weight", None), getattr(need, "date", None))
    names = [name for field in ("names", "wanted", "by", "banded") for name in getattr(need, field, ())]
    every = [*names, *filter(None, single)]
    return [*every, *(part for name in every if name in DERIVED for part in sources_of(name, ()))]


def _opened(source: Source) -> tuple[Any, "_Held"]:
    if isinstance(source, File):
        return file_there(source)
    table = connected(source)  # type: ignore[arg-type]
    return table, _Held(table.get_backend())


@dataclass(frozen=True, eq=False)
class _Held:
    """A connection, and the folder that it spills into, for as long as the deals may be asked for counts."""

    backend: Any
    folder: Any = None

    def close(self) -> None:
        if self.backend.name != "pyspark":  # a Spark session belongs to the process
            self.backend.disconnect()
        if self.folder is not None:
            self.folder.cleanup()


def file_there(source: File) -> tuple[Any, _Held]:
    """Open a file in DuckDB; a CSV file is parsed once into a temporary folder."""
    import ibis

    faults = list(faults_of_path(source))
    if faults:
        raise DataError(faults)
    folder = tempfile.TemporaryDirectory(prefix="whywin-")
    with told(source.path):
        backend = ibis.duckdb.connect(Path(folder.name) / "deals.duckdb")
        backend.raw_sql(f"SET memory_limit = '{MEMORY}'")
        backend.raw_sql(f"SET temp_directory = '{folder.name}'")
        if source.path.suffix.lower() in {".parquet", ".duckdb"}:
            table = expression(backend, source.path, source.separator, source.table)
        else:
            table = csv_there(backend, source.path, csv_settings(source.path, source.separator), Path(folder.name))
    return table, _Held(backend, folder)


@contextmanager
def _told(source: Source) -> Iterator[None]:
    with told(source.path) if isinstance(source, File) else spoken(source):
        yield


def _careful(source: Source, contract: Contract) -> Count:
    """Return how cells are counted, with an engine's refusal said in one sentence."""
    folder = getattr(source, "counts", None)
    counting: Count = Kept(folder, _where(source), contract) if folder is not None else cells_there

    def counted(need: Cells, closed: Any, made: dict[str, Any]) -> Any:
        with _told(source):
            return counting(need, closed, made)

    return counted


def _where(source: Source) -> str:
    """Return where the deals are, in words without secrets."""
    return str(source.path) if isinstance(source, File) else named(source)  # type: ignore[arg-type]
