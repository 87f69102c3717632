"""The contract held inside an engine: the rules of `deals.rules` as Ibis expressions, of which only counts and examples come back."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from whywin.deals.contract import Contract
from whywin.deals.names import standard_names
from whywin.errors import DataError

TEXTS: Final = ("deal_id", "rep", "stage")
DAYS: Final = ("created", "closed")
NUMBERS: Final = ("amount", "cycle_days")
OWN: Final = "own_"  # before the name of a column as it came, beside its typed form
NO: Final = False  # what a comparison with a missing value comes to


class UnfitError(DataError):
    """The table's columns must be understood in Python, such as dates written as text."""


@dataclass(frozen=True)
class Breach:
    """A rule as an engine holds it.

    Attributes:
        column: the standard column.
        says: the rule, as the end of the sentence "<column>: …".
        dimension: the dimension of data quality that it belongs to.
        broken: an Ibis column, true where the rule does not hold.
    """

    column: str
    says: str
    dimension: str
    broken: Any


def understood(raw: Any, contract: Contract) -> Any:
    """Return an Ibis table under standard names and in standard types, with the outcome as it came beside it.

    Raises:
        DataError: the columns cannot be mapped; every fault at once.
        UnfitError: a column must be understood in Python; every one at once.
    """
    mapping = _mapping(raw, contract)
    named = raw.rename({name: own for own, name in mapping.items() if own != name}) if mapping else raw
    faults = list(_unfit(named))
    if faults:
        raise UnfitError(faults)
    made = {name: _plain(named[name]) for name in named.columns}
    made |= {name: label(named[name]) for name in TEXTS if name in named.columns}
    made |= {name: _number(named[name]) for name in NUMBERS if name in named.columns}
    labels = label(named["outcome"])
    made["outcome"], made["won"] = _outcome(labels, contract)
    made[f"{OWN}outcome"] = labels
    return named.select(**made)


def _mapping(raw: Any, contract: Contract) -> dict[str, str]:
    """Return the table's own names of its columns with the standard ones; names are judged as for a table in memory."""
    named = standard_names(pd.DataFrame(columns=list(raw.columns)), contract)
    return dict(zip(raw.columns, named.columns, strict=True))


def _unfit(named: Any) -> Iterator[str]:
    if "deal_id" not in named.columns:
        yield "deals.columns.deal_id: deals that stay in their engine need an id; map the column that holds it"
    for name in named.columns:
        kind = named[name].type()
        if name in DAYS and not (kind.is_date() or kind.is_timestamp()):
            yield f"{name}: holds {kind}, and only dates and times can be understood in the engine; make it a date in a view"
        if name in NUMBERS and not kind.is_numeric():
            yield f"{name}: holds {kind}, and only numbers can be understood in the engine; make it a number in a view"
        if name in {*TEXTS, "outcome"} and not (kind.is_string() or kind.is_integer() or kind.is_boolean()):
            yield f"{name}: holds {kind}, and only texts and whole numbers are labels in the engine; make it a text in a view"
        if kind.is_array() or kind.is_struct() or kind.is_map() or kind.is_json():
            yield f"{name}: holds {kind}, which is no value of a deal; leave it out in a view"


def label(column: Any) -> Any:
    """Return labels without spaces around them, blank ones as missing."""
    import ibis

    if column.type().is_boolean():
        return column.ifelse("True", "False").nullif("") if column is not None else ibis.null("string")
    return column.cast("string").strip().nullif("")


def _number(column: Any) -> Any:
    import ibis

    number = column.cast("float64")
    if not column.type().is_floating():
        return number
    return ibis.ifelse(number.isnan() | number.isinf(), ibis.null("float64"), number)


def _plain(column: Any) -> Any:
    kind = column.type()
    if kind.is_timestamp() and kind.timezone is not None:
        return column.cast("timestamp('UTC')").cast("timestamp")
    if kind.is_date() or kind.is_timestamp():
        return column.cast("timestamp")
    return column.cast("float64") if kind.is_decimal() else column


def _outcome(labels: Any, contract: Contract) -> tuple[Any, Any]:
    import ibis

    cases = [(labels.isnull(), "open")]
    cases += [
        (labels == one, name)
        for name in ("won", "lost", "open")
        for one in dict.fromkeys(word.strip() for word in getattr(contract, name))
    ]
    outcome = ibis.cases(*cases, else_=ibis.null("string"))
    return outcome, ibis.cases((outcome == "won", 1.0), (outcome == "lost", 0.0), else_=ibis.null("float64"))


def breaches(table: Any, contract: Contract, repeated: Any) -> Iterator[Breach]:
    """Give the rules that apply to the columns that are there.

    Args:
        table: as `understood` gives it.
        contract: whose `as_of` no date may be after.
        repeated: an Ibis column: "copy" where the whole row stands in the table already, "again" where only its id does, else "".
    """
    there = set(table.columns)
    is_open, is_closed = (table["outcome"] == "open").fill_null(NO), table["won"].notnull()
    yield Breach("deal_id", "must not be missing", "completeness", table["deal_id"].isnull())
    yield Breach("deal_id", "the whole row stands in the table already", "uniqueness", repeated == "copy")
    yield Breach("deal_id", "is used by an earlier row", "uniqueness", repeated == "again")
    yield Breach(
        "outcome", "the label is not mapped in deals.won, deals.lost or deals.open", "validity", table["outcome"].isnull()
    )
    for name in DAYS:
        if name in there and contract.as_of is not None:
            last = pd.Timestamp(contract.as_of) + pd.Timedelta(days=1)
            says = f"must not be after deals.as_of, {contract.as_of}"
            yield Breach(name, says, "timeliness", (table[name] >= last).fill_null(NO))
    for name in DAYS:
        if name in there:
            yield Breach(name, "must not be missing for a closed deal", "completeness", table[name].isnull() & is_closed)
    if "closed" in there:
        yield Breach("closed", "must be missing while the deal is open", "consistency", table["closed"].notnull() & is_open)
    if set(DAYS) <= there:
        backwards = table["closed"].truncate("D") < table["created"].truncate("D")
        yield Breach("closed", "must not be before created", "consistency", backwards.fill_null(NO))
    for name in NUMBERS:
        if name in there:
            yield Breach(name, "must not be negative", "validity", (table[name] < 0).fill_null(NO))
