"""The only reader and writer of data: files, databases and Spark through Ibis, and tables of made-up worlds."""

from whywin.deals.contract import Contract
from whywin.plan import Database, File, Simulated, Source, Spark
from whywin.sources.engines import read_engine
from whywin.sources.files import read_file, read_simulated
from whywin.sources.places import keep_there, stays
from whywin.sources.table import Table
from whywin.sources.writing import read_text, write_bytes, write_quarantine, write_table, write_text

__all__ = [
    "Table",
    "keep_there",
    "read",
    "read_text",
    "stays",
    "write_bytes",
    "write_quarantine",
    "write_table",
    "write_text",
]


def read(source: Source, contract: Contract | None = None) -> Table:
    """Read a whole table of deals, with further tables and what logs of interventions say joined to it.

    Args:
        source: where the deals are.
        contract: whose mapping says which columns of the table a log needs; they have their standard names when not given.

    Raises:
        DataError: a file is missing, unreadable, empty or of an unknown kind, or a join does not fit; every fault at once.
            A server cannot be reached, or has no such table.
    """
    names = contract or Contract()
    match source:
        case Simulated():
            return read_simulated(source, names)
        case Database() | Spark():
            return read_engine(source)
        case File():
            return read_file(source, names)
