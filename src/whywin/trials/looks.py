"""A trial as it stood at each of its looks."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.errors import QuestionError
from whywin.trials.period import of_trial
from whywin.trials.question import Trial
from whywin.trials.units import arms_of, by_unit

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class LookedAt:
    """The units of an arm and of control at each look that was held.

    Attributes:
        arm: the arm's label.
        days: the looks' dates; "end" for the one look of a trial that planned none.
        total: sum of the metric of each unit by then, looks × units.
        squares: sum of its squares, looks × units.
        size: number of deals, or of a ratio the sum of what it is divided by, looks × units.
        treated: whether the unit is in the arm, not in control.
        deals: number of deals of both at each look.
    """

    arm: str
    days: tuple[str, ...]
    total: Array
    squares: Array
    size: Array
    treated: NDArray[np.bool_]
    deals: tuple[int, ...]


def looked_at(question: Trial, sample: pd.DataFrame, held: int = 0) -> list[LookedAt]:
    """Return each arm other than control with control at the looks that were held; deals after the last planned look count nowhere.

    Args:
        question: the trial.
        sample: its deals with their dates; counts by arm and unit where no looks are planned.
        held: how many looks were held; 0 for those whose date the deals have reached.

    Raises:
        QuestionError: the deals have not reached the first look.
    """
    if question.looks:
        sample = of_trial(question, sample)
    everything = by_unit(question, sample)
    tables, days = [everything], ["end"]
    if question.looks:
        dates = sample[question.look_date]
        ends = [pd.Timestamp(day) for day, _ in question.looks]
        last = dates.max().normalize() if question.as_of is None else pd.Timestamp(question.as_of)
        count = held or sum(end <= last for end in ends)
        if not count:
            raise QuestionError(
                f"question.looks: the first look is on {ends[0]:%Y-%m-%d} and the deals end on {dates.max():%Y-%m-%d}; wait for it, "
                f"or say how many looks were held by the method's setting held"
            )
        # a deal of the day of a look belongs to it, whatever its hour
        tables = [by_unit(question, sample[dates.dt.normalize() <= end]) for end in ends[:count]]
        days = [f"{end:%Y-%m-%d}" for end in ends[:count]]
    found = []
    for arm in arms_of(question, everything)[1:]:
        both = everything[everything["arm"].isin([question.control, arm])]
        total, squares, size = (
            np.array([table.set_index("unit")[name].reindex(both["unit"]).fillna(0).to_numpy(dtype=float) for table in tables])
            for name in ("total", "squares", "size")
        )
        deals = tuple(int(table.loc[table["arm"].isin([question.control, arm]), "deals"].sum()) for table in tables)
        found.append(LookedAt(arm, tuple(days), total, squares, size, (both["arm"] == arm).to_numpy(dtype=bool), deals))
    return found
