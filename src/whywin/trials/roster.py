"""The units that are to be assigned: their strata, and what each had before the trial."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from whywin.errors import QuestionError, nearest
from whywin.trials.assignment import Drawing
from whywin.trials.past import before_trial
from whywin.trials.question import Trial

TOLERANCE = 1e-6


def roster_of(question: Trial, table: pd.DataFrame) -> pd.DataFrame:
    """Return one row a unit that has a deal: columns unit, stratum, and ``before_…`` for each name in `assignment.balance`.

    A unit without a closed deal before the trial has the mean of the others there.

    Args:
        question: the trial.
        table: the deals, open ones too; what units had before comes from those before the trial.

    Raises:
        QuestionError: the deals lack what is needed; every fault at once.
    """
    faults = list(_faults(question, table))
    if faults:
        raise QuestionError(faults)
    rows = table[table[question.unit].notna()]
    rows = rows.assign(unit=rows[question.unit].astype("string").astype(object))
    units = pd.DataFrame({"unit": sorted(rows["unit"].unique())})
    if question.strata:
        levels = rows.drop_duplicates("unit").set_index("unit")[list(question.strata)].astype("string").fillna("(missing)")
        units["stratum"] = units["unit"].map(levels.apply(" · ".join, axis=1))
    else:
        units["stratum"] = "all"
    past = before_trial(question, rows)
    for name in question.assignment.balance:
        value = units["unit"].map(_before(past, name))
        units[f"before_{name}"] = value.fillna(0.0 if name == "deals" else value.mean()).astype(float)
    constant = [name for name in question.assignment.balance if units[f"before_{name}"].nunique() < 2]  # noqa: PLR2004 - all alike
    if constant:
        raise QuestionError(
            [f"question.assignment.balance: {name} is the same for every {question.unit}; leave it out" for name in constant]
        )
    return units


def drawing_of(question: Trial, seed: int, name: str) -> Drawing:
    """Return what a plan's assignment is drawn by.

    Raises:
        QuestionError: the arms or their shares make no sense; every fault at once.
    """
    shares = dict(question.shares)
    faults = list(_faults_of_arms(question, shares))
    if faults:
        raise QuestionError(faults)
    arms = (question.control, *(arm for arm in shares if arm != question.control))
    return Drawing(question.assignment, arms, tuple(shares[arm] for arm in arms), seed, question.assignment.salt or name)


def _faults_of_arms(question: Trial, shares: dict[str, float]) -> Iterator[str]:
    named = [arm for arm, _ in question.shares]
    if not shares:
        yield (
            f"question.shares: missing; an assignment needs every arm with its share, such as "
            f"[[{question.control}, 0.5], [alert, 0.5]]"
        )
        return
    if len(set(named)) < len(named):
        yield f"question.shares: names an arm twice, got {', '.join(named)}"
    if question.control not in shares:
        yield f"question.shares: the control arm {question.control!r} has no share; there are {', '.join(shares)}"
    if len(shares) == 1:
        yield f"question.shares: there is one arm only, {named[0]!r}; a comparison needs two"
    if min(shares.values()) <= 0:
        empty = [arm for arm, share in shares.items() if share <= 0]
        yield f"question.shares: {', '.join(empty)} would get no unit; give each arm a share above 0, or leave it out"
    if abs(sum(shares.values()) - 1) > TOLERANCE:
        yield f"question.shares: must sum to 1, got {sum(shares.values()):g}"
    unknown = [arm for arm, _ in question.assignment.saturation if arm not in shares]
    if unknown:
        yield f"question.assignment.saturation: {', '.join(unknown)} is no arm{nearest(unknown[0], shares)}"
    if dict(question.assignment.saturation).get(question.control, 0.0) > 0:
        yield f"question.assignment.saturation: control {question.control!r} treats no deal; its share must be 0"


def _faults(question: Trial, table: pd.DataFrame) -> Iterator[str]:
    named = [("unit", question.unit), *(("strata", name) for name in question.strata)]
    named += [("assignment.balance", name) for name in question.assignment.balance if name not in {"won", "deals"}]
    missing = [(role, name) for role, name in named if name not in table]
    yield from (f"question.{role}: the deals have no column {name!r}{nearest(name, table.columns)}" for role, name in missing)
    if missing:
        return
    if table[question.unit].isna().all():
        yield f"question.unit: {question.unit} is missing in every deal; name the column that is to be randomised"
        return
    reserved = {"stratum", "probability", "saturation", "assigned", "plan", "design"} & {question.unit, question.arm}
    if reserved or question.unit == question.arm:
        yield f"question.unit and question.arm: {question.unit!r} and {question.arm!r} must differ, and not be a column of the ledger's own"
    for name in question.strata:
        pairs = table[[question.unit, name]].dropna(subset=[question.unit]).astype("string").fillna("(missing)").drop_duplicates()
        several = sorted(pairs.loc[pairs[question.unit].duplicated(), question.unit].unique())
        if several:
            yield (
                f"question.strata: {name} changes within {len(several):,} {question.unit}(s), such as {', '.join(several[:3])}; "
                f"a stratum is what is known of a {question.unit} when it is assigned"
            )
    yield from _faults_of_balance(question, table)


def _faults_of_balance(question: Trial, table: pd.DataFrame) -> Iterator[str]:
    past = before_trial(question, table)
    for name in question.assignment.balance:
        if name in {"won", "deals"}:
            if not past["won"].notna().any():
                yield f"question.assignment.balance: {name} needs deals that closed before the trial, and there is none"
        elif past[name].isna().all():
            yield f"question.assignment.balance: {name} is missing in every deal before the trial"
        elif not pd.api.types.is_numeric_dtype(table[name]):
            yield f"question.assignment.balance: {name} must be a number, got labels such as {str(table[name].dropna().iloc[0])!r}"


def _before(past: pd.DataFrame, name: str) -> pd.Series:
    closed = past[past["won"].notna()]
    if name == "deals":
        return np.log1p(closed.groupby("unit").size())
    return closed.assign(value=closed[name].astype(float)).groupby("unit")["value"].mean()
