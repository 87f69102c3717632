"""From a table that stays in its engine to deals that keep the contract: counts, examples and needed columns come out, no more."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from whywin.deals.contract import Contract, ContractError
from whywin.deals.derived import LARGE
from whywin.deals.engine_counts import cells_there, edges_in, keys, merged
from whywin.deals.engine_fetch import fetched
from whywin.deals.engine_quality import any_of, audited, quality_there
from whywin.deals.engine_sample import Draw, drawn
from whywin.deals.fingerprints import fingerprint_there
from whywin.deals.in_engine import NO, OWN, Breach, breaches, understood
from whywin.deals.need import Cells
from whywin.deals.table import Deals
from whywin.errors import DataError, nearest

MOST_QUARANTINED: Final = 10_000  # bad rows that leave the engine
EXAMPLES: Final = 3
REPEATED: Final = f"{OWN}repeated"

Count = Callable[[Cells, Any, dict[str, Any]], pd.DataFrame]  # counts cells of closed deals by labels, as `cells_there` does


@dataclass(frozen=True)
class Wanted:
    """What of the deals leaves the engine.

    Attributes:
        names: columns, derived ones too; names that are none are passed over.
        by_id: deals come in the order of their ids; otherwise in the order of the source, which must have one.
        count: how cells are counted; anew each time when not given.
        draw: brings a random sample of the deals, and not all of them.
    """

    names: tuple[str, ...]
    by_id: bool = True
    count: Count | None = None
    draw: Draw | None = None


def keep_contract_there(raw: Any, contract: Contract, wanted: Wanted) -> Deals:
    """Map, type and judge an Ibis table where it is, and bring the columns that are wanted.

    Raises:
        DataError: the table has no rows, or its columns cannot be mapped; every fault at once.
        ContractError: a larger share of the rows is bad than the contract allows; one sentence a kind of fault.
        UnfitError: a column must be understood in Python.
    """
    table, copies = _once(raw, contract)
    ids = table.aggregate(
        rows=table.count(), given=table["deal_id"].count(), different=table["deal_id"].nunique(), closed=table["won"].count()
    )
    counted = ids.to_pandas().iloc[0]
    if not counted["rows"]:
        raise DataError("the table has no rows: export it again, or look at the filter that made it")
    unique = bool(counted["given"] == counted["different"])
    table = table.mutate(**{REPEATED: _repeated(table, unique=unique)})
    found = list(breaches(table, contract, table[REPEATED]))
    judged = table.drop(REPEATED)
    audit = audited(table, found)
    bad = any_of([one.broken for one in found])
    quarantine = _quarantine(table, found, bad) if audit["bad"] else _quarantine(table.limit(0), found, bad)
    if audit["bad"] / audit["rows"] > contract.max_bad_share:
        raise ContractError(_refusal(table, found, audit, contract), quarantine)
    kept = table.filter(~bad) if audit["bad"] else table
    kept = _as_known_on(kept.drop(*(name for name in kept.columns if name.startswith(OWN))), contract)
    if not int(kept["won"].count().to_pandas()):
        raise DataError("no deal is closed: a win rate needs deals that were won or lost; look at deals.won and deals.lost")
    quality = quality_there(judged, found, audit, contract, copies)
    taken, remarks = (kept, ()) if wanted.draw is None else drawn(kept, wanted.draw)
    # a sample is asked for once: every further query would draw it again
    compact = audit["rows"] > LARGE and not remarks
    rows = fetched(taken, wanted.names, by_id=wanted.by_id or not unique, compact=compact)
    counts = None if remarks else _counts(kept, rows, wanted.count)
    return Deals(rows, quality, quarantine, fingerprint_there(kept), counts, remarks, kept)


def _once(raw: Any, contract: Contract) -> tuple[Any, int]:
    if not contract.drop_duplicate_rows:
        return understood(raw, contract), 0
    single = raw.distinct()
    return understood(single, contract), int(raw.count().to_pandas()) - int(single.count().to_pandas())


def _repeated(table: Any, *, unique: bool) -> Any:
    """Return "copy", "again" or "": an engine has no order, so of rows with one id the first by its columns is kept."""
    import ibis

    if unique:
        return ibis.literal("")
    order = [table[name] for name in table.columns if name != "deal_id"]
    window = ibis.window(group_by=table["deal_id"], order_by=order)
    number, rank = ibis.row_number().over(window), ibis.rank().over(window)
    known = table["deal_id"].notnull()
    return ibis.cases((known & (number > rank), "copy"), (known & (number > 0), "again"), else_="")


def _quarantine(table: Any, found: Sequence[Breach], bad: Any) -> pd.DataFrame:
    marks = {f"rule_{place}_": one.broken for place, one in enumerate(found)}
    rows = table.mutate(**marks).filter(bad).order_by("deal_id").limit(MOST_QUARANTINED).drop(REPEATED).to_pandas()
    reasons = []
    for row in rows.to_dict("records"):
        said = sorted(
            ((one, row[f"rule_{place}_"]) for place, one in enumerate(found)), key=lambda pair: (pair[0].column, pair[0].says)
        )
        reasons.append("; ".join(f"{one.column}: {_shown(_value(row, one.column))} {one.says}" for one, broken in said if broken))
    rows = rows.drop(columns=[*marks, "won"])
    rows["outcome"] = rows.pop(f"{OWN}outcome")
    head = pd.DataFrame({"row": rows["deal_id"].map(_named).astype("object"), "reasons": pd.Series(reasons, dtype="object")})
    return pd.concat([head, rows.rename(columns={name: f"{name} (own)" for name in head})], axis=1)


def _named(identifier: object) -> str:
    return "without an id" if pd.isna(identifier) else str(identifier)


def _value(row: dict[str, Any], column: str) -> object:
    return row.get(f"{OWN}{column}", row.get(column))


def _refusal(table: Any, found: Sequence[Breach], audit: pd.Series, contract: Contract) -> list[str]:
    bad, rows = int(audit["bad"]), int(audit["rows"])
    allowed = f"more than deals.max_bad_share = {contract.max_bad_share:g} allows"
    way_out = "mend the table or the mapping; the first rows and their reasons are in the quarantine file"
    sentences = [f"{bad:,} rows ({100 * bad / rows:.1f} %) break the contract, {allowed}: {way_out}"]
    for place, one in enumerate(found):
        count = int(audit[f"rule_{place}"])
        if count:
            first = table.filter(one.broken).order_by("deal_id").limit(EXAMPLES).to_pandas().to_dict("records")
            shown = ", ".join(f"{_shown(_value(row, one.column))} of deal {_shown(row['deal_id'])}" for row in first)
            hint = _labels(table, contract) if one.column == "outcome" else ""
            sentences.append(f"{one.column}: {one.says}: {count:,} row(s), such as {shown}{hint}")
    return sentences


def _labels(table: Any, contract: Contract) -> str:
    unknown = table.filter(table["outcome"].isnull()).group_by(f"{OWN}outcome").aggregate(deals=lambda t: t.count())
    counts = unknown.to_pandas().sort_values(["deals", f"{OWN}outcome"], ascending=[False, True]).head(8)
    mapped = (*contract.won, *contract.lost, *contract.open)
    pairs = zip(counts[f"{OWN}outcome"], counts["deals"], strict=True)
    return "; labels that are not mapped: " + ", ".join(f"{word!r} × {deals:,}{nearest(word, mapped)}" for word, deals in pairs)


def _shown(value: object) -> str:
    return "nothing" if pd.isna(value) else repr(str(value).removesuffix(" 00:00:00"))


def _as_known_on(kept: Any, contract: Contract) -> Any:
    import ibis

    if contract.known_on is None:
        return kept
    missing = [name for name in ("created", "closed") if name not in kept.columns]
    if missing:
        raise DataError([f"deals.known_on: the deals have no column {name}; map it under deals.columns" for name in missing])
    after = pd.Timestamp(contract.known_on) + pd.Timedelta(days=1)
    kept = kept.filter(kept["created"] < after)
    if not int(kept.count().to_pandas()):
        raise DataError(f"deals.known_on: no deal was created by {contract.known_on}; name a later day")
    later = (kept["closed"] >= after).fill_null(NO)
    return kept.mutate(
        won=ibis.ifelse(later, ibis.null("float64"), kept["won"]),
        outcome=ibis.ifelse(later, "open", kept["outcome"]),
        closed=ibis.ifelse(later, ibis.null("timestamp"), kept["closed"]),
    )


def _counts(kept: Any, rows: pd.DataFrame, count: Count | None) -> Callable[[Cells], pd.DataFrame | None]:
    counted = count or cells_there

    def counts(need: Cells) -> pd.DataFrame | None:
        if not {*need.banded} <= set(rows.columns):
            return None
        made = keys(need, kept, edges_in(need, rows))
        if made is None:
            return None
        closed = kept.filter(kept["won"].notnull())
        return merged(counted(need, closed, made), need)

    return counts
