"""The ledger of an assignment: who is in which arm since when, by which plan; rows are added and never changed."""

import json
from dataclasses import dataclass
from hashlib import sha256
from io import StringIO

import pandas as pd

from whywin.errors import ConfigError, DataError
from whywin.trials.assignment import Drawing, drawn

COLUMNS = ("stratum", "probability", "saturation", "assigned", "plan", "design")


@dataclass(frozen=True)
class Stamp:
    """What new rows are marked with.

    Attributes:
        time: when they were assigned, ISO 8601 in UTC.
        plan: hash of the plan.
    """

    time: str
    plan: str


def design_hash(drawing: Drawing, unit: str, strata: tuple[str, ...]) -> str:
    """Return the hash of all that decides about an assignment."""
    one = drawing.settings
    settings = {
        "unit": unit, "strata": list(strata), "arms": list(drawing.arms), "shares": list(drawing.shares), "seed": drawing.seed,
        "salt": drawing.salt, "scheme": one.scheme, "balance": list(one.balance), "saturation": [list(pair) for pair in one.saturation],
        "acceptance": one.acceptance if one.scheme == "constrained" else None,
    }  # fmt: skip
    return sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def extended(
    ledger: pd.DataFrame | None,
    units: pd.DataFrame,
    drawing: Drawing,
    stamp: Stamp,
    *,
    names: tuple[str, str],
    strata: tuple[str, ...],
) -> pd.DataFrame:
    """Return a ledger with the units added that it has not yet; the rows that are there stay as they are.

    Args:
        ledger: the ledger so far, as `read_ledger` gives it; None where there is none.
        units: columns unit and stratum, and the ``before_…`` columns; one row a unit.
        drawing: what is drawn by.
        stamp: what new rows are marked with.
        names: the columns of the unit and of the arm.
        strata: the columns of the strata.

    Raises:
        ConfigError: the ledger was drawn by other settings, or the scheme does not fit the units.
    """
    unit, arm = names
    design = design_hash(drawing, unit, strata)
    there: set[str] = set()
    if ledger is not None:
        _refuse_other(ledger, design, drawing, names)
        there = set(ledger[unit])
    new = units[~units["unit"].isin(there)].sort_values("unit", ignore_index=True)
    if ledger is not None and new.empty:
        return ledger
    batch = 1 if ledger is None else 1 + int(ledger["assigned"].nunique())
    found = drawn(new, drawing, batch)
    shares, saturation = dict(zip(drawing.arms, drawing.shares, strict=True)), dict(drawing.settings.saturation)
    rows = pd.DataFrame({
        unit: found["unit"], arm: found["arm"], "stratum": found["stratum"],
        "probability": [_number(shares[one]) for one in found["arm"]],
        "saturation": [_number(saturation.get(one, 0.0 if one == drawing.arms[0] else 1.0)) for one in found["arm"]],
        "assigned": stamp.time, "plan": stamp.plan, "design": design,
    })  # fmt: skip
    for name in new.filter(like="before_"):
        rows[name] = [_number(value) for value in new[name]]
    return rows if ledger is None else pd.concat([ledger, rows], ignore_index=True)


def _number(value: float) -> str:
    """Return a number as text that is read back as the same number, on any machine."""
    return repr(round(float(value), 12))


def _refuse_other(ledger: pd.DataFrame, design: str, drawing: Drawing, names: tuple[str, str]) -> None:
    faults = []
    others = ledger.loc[ledger["design"] != design]
    if len(others):
        faults.append(
            f"{len(others):,} units of the ledger were assigned by other settings (scheme, salt, seed, arms, shares, strata, balance or "
            f"acceptance), and a unit never moves: put the settings back, or start another ledger by --ledger"
        )
    unknown = sorted(set(ledger[names[1]]) - set(drawing.arms))
    if unknown:
        faults.append(f"the ledger has arms that the question does not have: {', '.join(unknown)}")
    if faults:
        raise ConfigError(faults)


def ledger_text(ledger: pd.DataFrame) -> str:
    """Return a ledger as CSV: the same rows give the same bytes."""
    return str(ledger.to_csv(index=False, lineterminator="\n"))


def read_ledger(text: str, path: str, names: tuple[str, str]) -> pd.DataFrame:
    """Return a ledger from its CSV, every cell as text.

    Raises:
        DataError: it is no ledger of these columns, or a unit stands in it twice.
    """
    try:
        ledger = pd.read_csv(StringIO(text), dtype=str, keep_default_na=False)
    except pd.errors.ParserError as error:
        raise DataError(f"{path}: is no ledger ({error}); restore it from a copy") from error
    missing = [name for name in (*names, *COLUMNS) if name not in ledger]
    if missing:
        raise DataError(
            f"{path}: is no ledger of this trial, it has no column {', '.join(missing)}; restore it, or name another by --ledger"
        )
    twice = sorted(ledger.loc[ledger[names[0]].duplicated(), names[0]].unique())
    if twice:
        raise DataError(f"{path}: {len(twice)} unit(s) stand in it twice, such as {twice[0]}; restore it from a copy")
    return ledger
