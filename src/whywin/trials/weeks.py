"""The effect as it stood at the end of each week of a trial that planned no looks, with intervals that hold in all weeks at once."""

from datetime import date
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

from whywin.deals.labels import texts
from whywin.stats.cluster import arm_contrast
from whywin.stats.cluster_looks import usable
from whywin.stats.confidence_sequence import multiplier
from whywin.trials.period import of_trial
from whywin.trials.question import Trial
from whywin.trials.units import arms_of, scale_of, valued

Array = NDArray[np.float64]
MOST: Final = 26  # ends of weeks that are shown; of longer trials every second, third and so on
FEWEST: Final = 2


def weekly(question: Trial, sample: pd.DataFrame, units: pd.DataFrame) -> pd.DataFrame:
    """Return each arm's effect at the ends of the weeks since the start, from the deals that were closed by then.

    Nobody planned when to look, so the intervals are those of a confidence sequence tuned to the number of units (`anytime`), on the
    primary metric, which is a mean or ratio. No rows where looks are planned, or where the trial's start is not known.

    Args:
        question: the trial.
        sample: its deals, with the days on which they were created and closed.
        units: what `by_unit` gives of them.
    """
    if question.start is None or question.looks or "closed" not in sample:
        return pd.DataFrame()
    rows = valued(of_trial(question, sample), question.primary)
    rows = rows[rows["closed"].notna()]
    week = ((rows["closed"] - pd.Timestamp(question.start)).dt.days // 7).clip(lower=0).to_numpy(dtype=np.int64)
    if len(rows) == 0 or week.max() + 1 < FEWEST:
        return pd.DataFrame()
    labels = texts(rows[question.unit]).cat
    code = np.append(pd.Index(units["unit"]).get_indexer(labels.categories.astype("string")), -1)[labels.codes]
    total, size, deals = (_grown(code, week, values, len(units)) for values in (rows["value"], rows["per"], None))
    step = -(-(int(week.max()) + 1) // MOST)
    # the last week is always shown, since it is the answer
    shown = np.arange(int(week.max()), -1, -step)[::-1]
    found = [_of_arm(question, units, arm, shown, (total, size, deals)) for arm in arms_of(question, units)[1:]]
    return pd.DataFrame([row for part in found for row in part])


def _grown(code: NDArray[np.int64], week: NDArray[np.int64], values: pd.Series | None, units: int) -> Array:
    """Return the sum of values by the end of each week, weeks × units."""
    weeks, there = int(week.max()) + 1, code >= 0
    weights = None if values is None else values.to_numpy(dtype=float)[there]
    table = np.bincount(week[there] * units + code[there], weights=weights, minlength=weeks * units)
    return np.asarray(table.reshape(weeks, units).cumsum(axis=0), dtype=float)


def _of_arm(
    question: Trial, units: pd.DataFrame, arm: str, shown: NDArray[np.int64], sums: tuple[Array, Array, Array]
) -> list[dict[str, Any]]:
    both = units["arm"].isin([question.control, arm]).to_numpy(dtype=bool)
    treated, cluster = units["arm"].eq(arm).to_numpy(dtype=bool)[both], units["cluster"].to_numpy(dtype=str)[both]
    total, size, deals = (table[np.ix_(shown, both)] for table in sums)
    scale, found = scale_of(question)[0], []
    for place in np.flatnonzero(usable(size, treated)):
        there = size[place] > 0
        contrast = arm_contrast(total[place][there], size[place][there], treated[there], [-1.0, 1.0], cluster[there])
        count = len(set(cluster[there]))
        reach = multiplier(count, 1 - question.level, count)
        half = float(student.isf(norm.sf(reach), contrast.degrees)) * contrast.standard_error
        row = {
            "arm": arm, "week": int(shown[place]) + 1, "until": _end(question.start, int(shown[place])), "units": int(there.sum()),
            "deals": int(deals[place].sum()), "effect": scale * contrast.value, "low": scale * (contrast.value - half),
            "high": scale * (contrast.value + half), "crossed": bool(abs(contrast.value) > half),
        }  # fmt: skip
        found.append(row)
    return found


def _end(start: date | None, week: int) -> str:
    return f"{pd.Timestamp(str(start)) + pd.Timedelta(days=7 * week + 6):%Y-%m-%d}"
