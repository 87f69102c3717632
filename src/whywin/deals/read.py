"""From a CRM's table to deals that keep the contract."""

from datetime import date

import numpy as np
import pandas as pd

from whywin.deals.contract import Contract, ContractError
from whywin.deals.fingerprints import fingerprint
from whywin.deals.names import standard_names
from whywin.deals.quality import quality_of
from whywin.deals.rules import broken, typed
from whywin.deals.table import Deals
from whywin.errors import DataError, nearest


def keep_contract(raw: pd.DataFrame, contract: Contract) -> Deals:
    """Map, type and judge a table; quarantine the rows that break the contract.

    Raises:
        DataError: the table has no rows, or its columns cannot be mapped; every fault at once.
        ContractError: a larger share of the rows is bad than the contract allows; one sentence a kind of fault.
    """
    if not len(raw):
        raise DataError("the table has no rows: export it again, or look at the filter that made it")
    raw = _hashable(raw.reset_index(drop=True))
    named = standard_names(raw, contract)
    copies = int(named.duplicated().sum()) if contract.drop_duplicate_rows else 0
    if copies:
        named = named.drop_duplicates()
    understood = typed(named, contract)
    cases = broken(understood, contract)
    quarantine = _quarantine(raw, cases, contract)
    share = len(quarantine) / len(named)
    if share > contract.max_bad_share:
        raise ContractError(_refusal(cases, share, len(quarantine), contract), quarantine)
    table = understood.table.drop(index=quarantine["row"]).reset_index(drop=True)
    if contract.known_on is not None:
        table = as_known_on(table, contract.known_on)
    if not table["won"].notna().any():
        raise DataError("no deal is closed: a win rate needs deals that were won or lost; look at deals.won and deals.lost")
    return Deals(table, quality_of(understood, cases, contract, copies), quarantine, fingerprint(table))


def as_known_on(table: pd.DataFrame, day: date) -> pd.DataFrame:
    """Return the deals as they stood at the end of a day: those created later are left out, and those closed later are open.

    Of the other columns it is not known when they were written: they stay as they are.

    Raises:
        DataError: the table has no column of when a deal was created or closed, or no deal was created by then.
    """
    missing = [name for name in ("created", "closed") if name not in table]
    if missing:
        raise DataError([f"deals.known_on: the deals have no column {name}; map it under deals.columns" for name in missing])
    after = pd.Timestamp(day) + pd.Timedelta(days=1)
    table = table[table["created"] < after].reset_index(drop=True)
    if not len(table):
        raise DataError(f"deals.known_on: no deal was created by {day}; name a later day")
    later = table["closed"] >= after
    return table.assign(
        won=table["won"].mask(later), outcome=table["outcome"].mask(later, "open"), closed=table["closed"].mask(later)
    )


def _hashable(raw: pd.DataFrame) -> pd.DataFrame:
    """Return the table with lists and the like as text, so that rows can be compared."""
    kinds = (list, dict, set, np.ndarray)
    objects = [name for name, kind in raw.dtypes.items() if kind.kind == "O"]
    nested = [name for name in objects if raw[name].map(lambda cell: isinstance(cell, kinds)).any()]
    return raw.assign(**{name: raw[name].astype("string") for name in nested})


def _quarantine(raw: pd.DataFrame, cases: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    hints = {label: nearest(label, _mapped(contract)) for label in cases.loc[cases["column"].eq("outcome"), "value"].unique()}
    said = pd.Series(
        [
            f"{column}: {_shown(value)} {says}{hints[value] if column == 'outcome' else ''}"
            for column, value, says in zip(cases["column"], cases["value"], cases["says"], strict=True)
        ],
        index=cases.index,
        dtype="object",
    )
    reasons = said.groupby(cases["row"]).agg("; ".join)
    own = raw.loc[reasons.index].rename(columns={name: f"{name} (own)" for name in ("row", "reasons")})
    head = pd.DataFrame({"row": reasons.index, "reasons": reasons}, index=reasons.index)
    return pd.concat([head, own], axis=1).reset_index(drop=True)


def _refusal(cases: pd.DataFrame, share: float, bad: int, contract: Contract) -> list[str]:
    allowed = f"more than deals.max_bad_share = {contract.max_bad_share:g} allows"
    way_out = "mend the export or the mapping; the rows and their reasons are in the quarantine file"
    sentences = [f"{bad:,} rows ({100 * share:.1f} %) break the contract, {allowed}: {way_out}"]
    for (column, says), part in cases.groupby(["column", "says"], sort=False):
        first = ", ".join(
            f"{_shown(value)} in row {row}" for row, value in zip(part["row"].head(3), part["value"].head(3), strict=True)
        )
        hint = _labels(part, contract) if column == "outcome" else ""
        sentences.append(f"{column}: {says}: {len(part):,} row(s), first {first}{hint}")
    return sentences


def _labels(part: pd.DataFrame, contract: Contract) -> str:
    counts = part["value"].astype("string").value_counts()
    listed = ", ".join(f"{label!r} × {count:,}{nearest(label, _mapped(contract))}" for label, count in counts.head(8).items())
    return f"; labels that are not mapped: {listed}"


def _shown(value: object) -> str:
    if value is None or value is pd.NA or value is pd.NaT or value != value:  # noqa: PLR0124 - NaN differs from itself
        return "nothing"
    return repr(str(value).removesuffix(" 00:00:00"))


def _mapped(contract: Contract) -> tuple[str, ...]:
    return (*contract.won, *contract.lost, *contract.open)
