"""Calibration cards: what the recorded experiments about our own methods found of each of them."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, cast

import pandas as pd

from whywin import catalogue, tracking
from whywin.catalogue import Kind
from whywin.stats.proportions import wilson
from whywin.tracking import Recorded

EXPERIMENT: Final = "whywin-experiments"
ABOUT: Final = (
    "methods"  # the tag of an experiment's run: the methods that its script uses, as "effect/matching winrates/observed"
)
COLUMNS: Final = (
    "kind",
    "method",
    "experiment",
    "label",
    "where",
    "worlds",
    "coverage",
    "coverage_low",
    "coverage_high",
    "bias",
    "rejected",
)
_ROOMS: Final = {"winrates": "winrates", "effects": "effect", "trials": "trial"}
_IMPORTED: Final = re.compile(r"whywin\.(?P<room>winrates|effects|trials)(?:\.methods(?:\.(?P<name>\w+))?)?")
_WHERE: Final = (
    "kind",
    "study",
    "estimand",
    "quantity",
    "reps",
    "effect",
    "arm",
    "drift",
)  # what worlds of one experiment differ by
_TOO_MANY: Final = 12  # numbers in a column that are no kinds of worlds any more
_SURE: Final = 0.95


@dataclass(frozen=True, eq=False)
class Card:
    """What is recorded of one method.

    Attributes:
        kind: the kind of question that it answers.
        method: its name.
        experiments: the latest run of each experiment that speaks of it.
        numbers: coverage and bias by experiment, label and kind of world, as `COLUMNS`; no row where no table is by method.
        scripts: the experiments' scripts here that speak of it, whether they were run or not.
    """

    kind: str
    method: str
    experiments: tuple[Recorded, ...]
    numbers: pd.DataFrame
    scripts: tuple[str, ...]


def spoken_of(source: str) -> tuple[str, ...]:
    """Return the methods that a script speaks of, as "kind/name": those that it imports, and those that a constant of it names.

    A name that several kinds have counts for the kinds whose rooms the script imports, or for all where it imports none.
    """
    tree = ast.parse(source)
    rooms, found = set(), []
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (match := _IMPORTED.match(node.module or "")):
            kind = _ROOMS[match["room"]]
            rooms.add(kind)
            names = [match["name"]] if match["name"] else [alias.name for alias in node.names]
            found += [f"{kind}/{name}" for name in names if ".methods" in (node.module or "") and name in _names(kind)]
    assigned = [node for node in tree.body if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None]
    texts = [leaf.value for node in assigned for leaf in ast.walk(node) if isinstance(leaf, ast.Constant)]
    for text in texts:
        found += [
            f"{kind}/{_plain(text)}"
            for kind in rooms or _ROOMS.values()
            if isinstance(text, str) and _plain(text) in _names(kind)
        ]
    return tuple(dict.fromkeys(found))


def _names(kind: str) -> Mapping[str, type]:
    return catalogue.methods(cast("Kind", kind))


def _plain(label: str) -> str:
    return re.sub(r"\W+", "_", label.strip().lower())


def cards(store: tracking.Store, scripts: Path = Path("experiments")) -> tuple[Card, ...]:
    """Return a card for each method there is, in the order of the catalogue.

    Args:
        store: where the experiments were recorded.
        scripts: the folder of their scripts; one that is not there has none.
    """
    runs = _latest(store)
    tables = {run.run_id: tracking.table_of(run, "results") for run in runs}
    here = {path.name: spoken_of(path.read_text(encoding="utf-8")) for path in sorted(scripts.glob("*.py"))}
    made = []
    for kind in catalogue.QUESTIONS:
        for name in catalogue.methods(kind):
            called = f"{kind}/{name}"
            rows, told = [], []
            for run in runs:
                own = list(_rows(run, kind, name, tables[run.run_id]))
                rows += own
                if own or called in run.tags.get(ABOUT, "").split():
                    told.append(run)
            about = tuple(script for script, names in here.items() if called in names)
            made.append(Card(kind, name, tuple(told), pd.DataFrame(rows, columns=list(COLUMNS)), about))
    return tuple(made)


def as_read(numbers: pd.DataFrame) -> pd.DataFrame:
    """Return a card's numbers as people read them: coverage and rejections in percent, bias in the unit of the experiment."""
    shown = pd.DataFrame({"asked": numbers["label"], "where": numbers["where"], "worlds": numbers["worlds"]})
    shown["coverage"] = [
        "" if pd.isna(share) else f"{share:.1f} %" + ("" if pd.isna(low) else f" ({low:.1f} to {high:.1f})")
        for share, low, high in numbers[["coverage", "coverage_low", "coverage_high"]].itertuples(index=False)
    ]
    shown["bias"] = ["" if pd.isna(value) else f"{value:+.2f}" for value in numbers["bias"]]
    shown["rejected"] = ["" if pd.isna(value) else f"{value:.1f} %" for value in numbers["rejected"]]
    return shown.loc[:, (shown != "").any()]


def _latest(store: tracking.Store) -> Sequence[Recorded]:
    runs = [run for run in tracking.latest(store, experiment=EXPERIMENT, limit=1000) if run.status == "FINISHED"]
    return sorted({run.name: run for run in reversed(runs)}.values(), key=lambda run: run.name)


def _rows(run: Recorded, kind: str, name: str, table: pd.DataFrame | None) -> Iterator[dict[str, object]]:
    if table is None or "method" not in table:
        return
    about = run.tags.get(ABOUT, "").split()
    labels = [label for label in table["method"].unique() if _belongs(str(label), kind, name, about)]
    kinds = {column: len(set(table[column])) for column in _WHERE if column in table}
    by = [column for column, count in kinds.items() if 1 < count <= _TOO_MANY]
    for label in labels:
        part = table[table["method"] == label]
        for values, group in part.groupby(by, sort=False, dropna=False) if by else [((), part)]:
            where = ", ".join(_said(column, value) for column, value in zip(by, values, strict=True))
            yield {"kind": kind, "method": name, "experiment": run.name, "label": label, "where": where, **_numbers(group)}


def _belongs(label: str, kind: str, name: str, about: Sequence[str]) -> bool:
    """Whether a label, such as "matching of three", is of a method; that of a longer name takes it from a shorter one."""
    known = {one.partition("/")[2] for one in about if one.startswith(f"{kind}/")} if about else set(_names(kind))
    fitting = [one for one in known if f"{_plain(label)}_".startswith(f"{one}_")]
    return max(fitting, key=len, default="") == name


def _said(column: str, value: object) -> str:
    return f"{column} {value:g}" if isinstance(value, int | float) else str(value)


def _numbers(group: pd.DataFrame) -> dict[str, object]:
    found: dict[str, object] = {"worlds": len(group)}
    for column in ("worlds", "runs"):
        if column in group and len(group) == 1:
            found["worlds"] = int(group[column].iloc[0])
    if "covered" in group and group["covered"].isin([True, False]).all() and len(group) > 1:
        covered = int(group["covered"].sum())
        low, high = (100 * float(end) for end in wilson(covered, len(group), _SURE))
        found |= {"coverage": 100 * covered / len(group), "coverage_low": low, "coverage_high": high}
    else:
        shares = next((group[column] for column in ("covered", "coverage") if column in group), None)
        found |= {} if shares is None else {"coverage": 100 * float(shares.astype(float).mean())}
    if {"estimate", "truth"} <= set(group):
        found["bias"] = float((group["estimate"] - group["truth"]).mean())
    elif "bias" in group:
        found["bias"] = float(group["bias"].mean())
    rejected = "rejected" if "rejected" in group else "found" if {"found", "effect"} <= set(group) else None
    return found | ({"rejected": 100 * float(group[rejected].mean())} if rejected else {})
