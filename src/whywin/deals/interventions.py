"""The intervention log: a table of its own of what was done to which deal and when, and the columns of the deals that follow from it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Final, Literal

import pandas as pd
from annotated_types import Ge, Le, MinLen, doc

from whywin.deals.contract import STANDARD, Contract
from whywin.deals.dates import dates
from whywin.deals.rules import text
from whywin.errors import ConfigError, DataError, nearest
from whywin.settings import check_settings

COLUMNS: Final = ("deal_id", "kind", "time", "who", "recommended")
REQUIRED: Final = ("deal_id", "kind", "time")
MEANINGS: Final = {"yes": 1.0, "true": 1.0, "1": 1.0, "no": 0.0, "false": 0.0, "0": 0.0}


@dataclass(frozen=True)
class Interventions:
    """A log of interventions, and which of its kinds become columns of the deals.

    One row is one intervention: deal_id, kind, time, and if known who did it and whether it was recommended (yes or no).
    A kind that becomes the column ``call`` gives ``call`` (1 where it happened, else 0), ``call_at`` (when it first did), and
    ``call_by`` and ``call_recommended`` (of the first) where the log knows them.
    """

    kinds: Annotated[Mapping[str, str], MinLen(1), doc("kind as the log writes it: the column that the deals get for it")]
    path: Annotated[Path | None, doc("the log's file; not given for a made-up market, which has a log of its own")] = None
    columns: Annotated[Mapping[str, str], doc("deal_id, kind, time, who or recommended: the log's own name of it")] = field(
        default_factory=dict
    )
    separator: Annotated[str | None, doc("what separates the columns of a CSV file; found out when not given")] = None
    table: Annotated[str | None, doc("the table's name in a .duckdb file")] = None
    repeated: Annotated[
        Literal["refuse", "first"], doc("a kind that a deal has at several times: refuse the log, or count the first time")
    ] = "refuse"
    max_bad_share: Annotated[
        float, Ge(0), Le(1), doc("the log is refused when more than this share of its rows breaks a rule; else they are left out")
    ] = 0.0

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)
        made = list(self.kinds.values())
        faults = [f"kinds: two kinds make the column {name!r}; name two columns" for name in set(made) if made.count(name) > 1]
        faults += [
            f"columns.{name}: is no column of a log{nearest(name, COLUMNS)}; there are {', '.join(COLUMNS)}"
            for name in self.columns
            if name not in COLUMNS
        ]
        if faults:
            raise ConfigError(faults)


def with_interventions(deals: pd.DataFrame, log: pd.DataFrame, rules: Interventions, contract: Contract) -> pd.DataFrame:
    """Return a deal table, as it came, with the columns that follow from a log.

    What happened after `contract.known_on` is not known yet and left out.

    Raises:
        DataError: columns are missing or in the way, or more rows break a rule than the settings allow; every fault at once.
    """
    own = {name: contract.columns.get(name, name) for name in STANDARD}
    faults = [*_faults_of_columns(deals, log, rules, own)]
    if faults:
        raise DataError(faults)
    named = log.rename(columns={theirs: name for name, theirs in rules.columns.items()})
    entries = _typed(named)
    lives = _lives(deals, own)
    bad = pd.Series(data=False, index=entries.index)
    for column, says, breaks in _broken(entries, lives, rules, contract):
        if breaks.any():
            faults.append(_sentence(column, says, named.loc[breaks, column]))
            bad |= breaks
    unknown = [kind for kind in rules.kinds if not entries["kind"].eq(kind).any()]
    missing = [
        f"interventions.kinds: the log has no {kind!r}{nearest(kind, entries['kind'].dropna().unique())}" for kind in unknown
    ]
    if missing or (faults and bad.mean() > rules.max_bad_share):
        raise DataError([*missing, *(faults if bad.mean() > rules.max_bad_share else [])])
    known = entries[~bad]
    if contract.known_on is not None:
        known = known[known["time"] < pd.Timestamp(contract.known_on) + pd.Timedelta(days=1)]
    return _joined(deals, text(deals[own["deal_id"]]), known, rules)


def _faults_of_columns(deals: pd.DataFrame, log: pd.DataFrame, rules: Interventions, own: Mapping[str, str]) -> Iterator[str]:
    for name, given in ({name: name for name in REQUIRED} | dict(rules.columns)).items():
        if given not in log:
            yield f"interventions.columns.{name}: the log has no column {given!r}{nearest(given, log.columns)}; it has {', '.join(map(str, log.columns))}"
        elif name != given and name in log and name not in rules.columns.values():
            yield f"interventions.columns.{name}: the log has a column {name!r} besides {given!r}; rename one of them"
    if own["deal_id"] not in deals:
        yield f"interventions: the deals have no column {own['deal_id']!r} to join the log on; map deal_id under deals.columns"
    for kind, column in rules.kinds.items():
        for name in (column, f"{column}_at", f"{column}_by", f"{column}_recommended"):
            if name in deals:
                yield f"interventions.kinds.{kind}: the deals have a column {name!r} already; name another column than {column!r}"


def _typed(log: pd.DataFrame) -> pd.DataFrame:
    entries = pd.DataFrame({"deal_id": text(log["deal_id"]), "kind": text(log["kind"]), "time": dates(log["time"], "time")})
    for name in ("who", "recommended"):
        if name in log:
            entries[name] = text(log[name])
    if "recommended" in entries:
        entries["given"] = entries["recommended"].notna()
        entries["recommended"] = entries["recommended"].str.lower().map(MEANINGS).astype("float64")
    return entries


def _lives(deals: pd.DataFrame, own: Mapping[str, str]) -> pd.DataFrame:
    """Return the first row of each deal: when it was created and closed, as far as the table says so."""
    lives = pd.DataFrame({"deal_id": text(deals[own["deal_id"]])})
    for name in ("created", "closed"):
        there = own[name] in deals
        lives[name] = dates(deals[own[name]], name).dt.normalize() if there else pd.NaT
    return lives.dropna(subset=["deal_id"]).drop_duplicates("deal_id").set_index("deal_id")


def _broken(
    entries: pd.DataFrame, lives: pd.DataFrame, rules: Interventions, contract: Contract
) -> Iterator[tuple[str, str, pd.Series]]:
    """Give each rule as the column, what it says, and which rows break it."""
    ids, day = entries["deal_id"], entries["time"].dt.normalize()
    created, closed = (ids.map(lives[name]) for name in ("created", "closed"))
    yield "deal_id", "must not be missing", ids.isna()
    yield "deal_id", "is no deal of the table", ids.notna() & ~ids.isin(lives.index)
    yield "kind", "must not be missing", entries["kind"].isna()
    yield "time", "must be a date, such as 2024-03-31", entries["time"].isna()
    yield "time", "must not be before the deal was created", day < created
    yield "time", "must not be after the deal was closed", day > closed
    if contract.as_of is not None:
        yield "time", f"must not be after deals.as_of, {contract.as_of}", day > pd.Timestamp(contract.as_of)
    whole = entries[["deal_id", "kind", "time"]].notna().all(axis=1)
    twice = whole & entries.duplicated(["deal_id", "kind", "time"])
    yield "deal_id", "stands in the log already with the same kind and time", twice
    if rules.repeated == "refuse":
        again = whole & ~twice & entries["kind"].isin(rules.kinds) & entries[~twice].duplicated(["deal_id", "kind"])
        yield "deal_id", "has the same kind at another time too (repeated: first counts the first)", again.fillna(value=False)
    if "recommended" in entries:
        yield "recommended", "must be yes or no", entries["given"] & entries["recommended"].isna()


def _sentence(column: str, says: str, values: pd.Series) -> str:
    shown = ", ".join(f"{_shown(value)} in row {row}" for row, value in values.head(3).items())
    return f"interventions: {column} {says}: {len(values):,} row(s) of the log, first {shown}"


def _shown(value: object) -> str:
    return "nothing" if pd.isna(value) else repr(str(value).removesuffix(" 00:00:00"))


def _joined(deals: pd.DataFrame, ids: pd.Series, known: pd.DataFrame, rules: Interventions) -> pd.DataFrame:
    made: dict[str, pd.Series] = {}
    for kind, column in rules.kinds.items():
        first = known[known["kind"] == kind].sort_values("time", kind="stable").drop_duplicates("deal_id").set_index("deal_id")
        made[column] = ids.isin(first.index).astype("int64")
        for name, ending in (("time", "at"), ("who", "by"), ("recommended", "recommended")):
            if name in first:
                made[f"{column}_{ending}"] = ids.map(first[name])
    return deals.assign(**made)
