"""From a CRM's column names to the contract's."""

from collections import Counter
from typing import Any, Final

import pandas as pd

from whywin.deals.contract import STANDARD, Contract
from whywin.errors import DataError, nearest

RESERVED: Final = "won"  # 1, 0 or missing: what the contract makes of the outcome


def standard_names(raw: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """Return the table with the mapped columns under their standard names, and every other column as it was.

    A column that has a standard name already needs no line in the contract. When another column is mapped to that name,
    the one that had it before is the user's no more: that is a fault, because two columns cannot have one name.

    Raises:
        DataError: a mapped column is not there, a name is used twice, or there is no outcome; every fault at once.
    """
    mapping = {name: name for name in STANDARD if name in raw.columns} | dict(contract.columns)
    faults = [*_faults_of_mapping(raw, contract, mapping), *_faults_of_labels(contract)]
    if faults:
        raise DataError(faults)
    return raw.rename(columns={own: name for name, own in mapping.items()})


def as_far_as_there(raw: pd.DataFrame, contract: Contract) -> pd.DataFrame:
    """Return the table with those mapped columns that it has under their standard names; one that is missing is no fault here."""
    standard = {own: name for name, own in contract.columns.items() if own in raw.columns}
    in_the_way = [name for name in standard.values() if name in raw.columns and name not in standard]
    return raw.drop(columns=in_the_way).rename(columns=standard)


def texts_in(values: Any) -> set[str]:
    """Return every text in nested plain values: any of them may be the name of a column."""
    if isinstance(values, str):
        return {values}
    if isinstance(values, dict):
        return texts_in([*values.keys(), *values.values()])
    return {text for value in values for text in texts_in(value)} if isinstance(values, list | tuple) else set()


def _faults_of_mapping(raw: pd.DataFrame, contract: Contract, mapping: dict[str, str]) -> list[str]:
    faults = [
        f"the table has two columns named {name!r}: give each column a name of its own"
        for name, count in Counter(raw.columns).items()
        if count > 1
    ]
    for name, own in contract.columns.items():
        if name not in STANDARD:
            known = ", ".join(STANDARD)
            faults.append(f"deals.columns.{name}: is no standard column{nearest(name, STANDARD)}; there are {known}")
        if own not in raw.columns:
            faults.append(f"deals.columns.{name}: the table has no column {own!r}{nearest(own, raw.columns)}")
        elif name != own and name in raw.columns and name not in contract.columns.values():
            faults.append(
                f"deals.columns.{name}: the table has a column {name!r} besides {own!r}: rename one of them, or map {name!r}"
            )
    for own, count in Counter(mapping.values()).items():
        if count > 1:
            names = ", ".join(name for name, column in mapping.items() if column == own)
            faults.append(f"deals.columns: the column {own!r} is mapped to {names}: map it once")
    if RESERVED in raw.columns and RESERVED not in mapping.values():
        faults.append(
            f"the table has a column {RESERVED!r}, which whywin makes of the outcome: rename it, or map it as deals.columns.outcome"
        )
    if "outcome" not in mapping:
        there = ", ".join(map(str, raw.columns))
        faults.append(f"deals.columns.outcome: missing; say which column holds won and lost; the table has {there}")
    return faults


def _faults_of_labels(contract: Contract) -> list[str]:
    labels = Counter([*contract.won, *contract.lost, *contract.open])
    return [
        f"deals: the label {label!r} stands in more than one of won, lost and open: say once what it means"
        for label, count in labels.items()
        if count > 1
    ]
