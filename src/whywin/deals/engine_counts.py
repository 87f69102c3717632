"""Cells counted inside an engine: `deals.need.Cells` as one GROUP BY, of which only the cells come back."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from whywin.deals.derived import DERIVED
from whywin.deals.need import Cells, cut, edges_of

MISSING: Final = "(missing)"
GRAINS: Final = ("month", "quarter", "year")  # a week's name is made in Python
WEIGHTS: Final = 1_000_000  # weights are summed in whole millionths, so that the sum does not depend on the order
SUMS: Final = ("deals", "won", "weight", "weight_won")


def period(table: Any, name: str) -> Any:
    """Return a derived period of an Ibis table as a whole number, such as 20241 for 2024Q1: texts would cost more than counting."""
    date, code = DERIVED[name]
    day = table[date]
    year = day.year().cast("int64")
    if code == "Y":
        return year
    return year * 10 + day.quarter() if code == "Q" else year * 100 + day.month()


def named_periods(numbers: pd.Series, name: str) -> pd.Series:
    """Return periods by name, as `deals.derived` writes them: 2024Q1, 2024-01 or 2024; missing ones stay missing."""
    code = DERIVED[name][1]
    known = {}
    for number in numbers.dropna().unique():
        year, part = (int(number), 0) if code == "Y" else divmod(int(number), 10 if code == "Q" else 100)
        known[number] = {"Y": f"{year}", "Q": f"{year}Q{part}", "M": f"{year}-{part:02d}"}[code]
    return numbers.map(known).astype("string")


def derived_there(table: Any, name: str) -> bool:
    """Whether an engine can make a derived column."""
    return name in DERIVED and name.rpartition("_")[2] in GRAINS and DERIVED[name][0] in table.columns


def keys(need: Cells, table: Any, edges: Mapping[str, tuple[float, ...]]) -> dict[str, Any] | None:
    """Return the labels that cells are counted by, as Ibis columns; None where they must be made in Python.

    Args:
        need: the cells.
        table: kept deals, as an Ibis table.
        edges: where the bands of each banded column meet.
    """
    if need.half_life or {*SUMS, "part"} & set(need.by):
        return None
    made = {}
    for name in need.by:
        if name in need.banded:
            made[name] = _banded(table[name], edges[name])
        elif name not in table.columns:
            if not derived_there(table, name):
                return None
            made[name] = period(table, name)
        elif table[name].type().is_string() or table[name].type().is_integer():
            made[name] = table[name].cast("string").fill_null(MISSING)
        else:
            return None
    return made


def cells_there(need: Cells, closed: Any, made: Mapping[str, Any], part: Any = None) -> pd.DataFrame:
    """Return the cells of closed deals: labels, ``deals``, ``won`` and, in whole millionths, ``weight`` and ``weight_won``.

    With `part`, an Ibis column, each of its values has cells of its own, under the column ``part``.
    """
    names = {f"key_{place}": name for place, name in enumerate(made)}
    labels = {short: made[name] for short, name in names.items()} | ({} if part is None else {"part": part})
    taken = closed.select(**labels, won=closed["won"].cast("int64"), **_weights(need, closed))
    summed = {"deals": taken.count(), "won": taken["won"].sum()}
    summed |= {name: taken[name].sum().cast("string") for name in ("weight", "weight_won") if name in taken.columns}
    groups = list(labels)
    found = (taken.group_by(groups).aggregate(**summed) if groups else taken.aggregate(**summed)).to_pandas()
    found = found.rename(columns=names)
    periods = {name: named_periods(found[name], name).fillna(MISSING) for name in made if _is_period(name, made[name])}
    return found.assign(**periods)


def _is_period(name: str, label: Any) -> bool:
    return name in DERIVED and label.type().is_integer()


def _weights(need: Cells, closed: Any) -> dict[str, Any]:
    import ibis

    if not need.weight:
        return {}
    steps = (closed[need.weight].cast("float64") * float(WEIGHTS) + 0.5).floor().cast("decimal(38, 0)")
    steps = steps.fill_null(ibis.literal(0).cast("decimal(38, 0)"))
    nothing = ibis.literal(0).cast("decimal(38, 0)")
    return {"weight": steps, "weight_won": ibis.ifelse(closed["won"] == 1.0, steps, nothing)}


def merged(parts: pd.DataFrame, need: Cells) -> pd.DataFrame:
    """Return cells as `Cells.sample` gives them, from cells of any number of parts: sums of whole numbers, so exact."""
    sums = [name for name in SUMS if name in parts]
    exact = parts.assign(**{name: parts[name].map(int) for name in sums if name.startswith("weight")})
    for name in need.by:
        exact[name] = exact[name].astype("string")
    whole = exact[sums]
    exact = (
        whole.groupby([exact[name] for name in need.by], sort=True).sum().reset_index() if need.by else whole.sum().to_frame().T
    )
    weighed = {name: exact[name].map(lambda steps: steps / WEIGHTS).astype(float) for name in sums if name.startswith("weight")}
    return exact.assign(**weighed).astype({"deals": int, "won": int})


def edges_in(need: Cells, table: pd.DataFrame) -> dict[str, tuple[float, ...]]:
    """Return where the bands of a need meet, from the closed deals of a table in memory: what `Cells.sample` cuts at."""
    closed = table["won"].notna()
    return {name: edges_of(table.loc[closed, name], need.bands) for name in need.banded}


def _banded(column: Any, edges: tuple[float, ...]) -> Any:
    import ibis

    number = column.cast("float64")
    named = cut(pd.Series([*edges, np.inf]), edges).tolist() if edges else ["1: any"]
    cases = [(number.isnull(), MISSING), *((number <= edge, name) for edge, name in zip(edges, named, strict=False))]
    return ibis.cases(*cases, else_=named[-1])
