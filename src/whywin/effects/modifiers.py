"""By what an effect may differ: the segments of deals, and the columns that they come from."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.deals.need import banded
from whywin.effects.comparison import ColumnsThere, Comparison, eligible, need_of
from whywin.effects.covariates import MISSING
from whywin.effects.fit import is_label
from whywin.effects.question import Effect

FEW: Final = 6  # a number with no more values than this is told value by value
BANDS: Final = 3
FEWEST: Final = 10  # treated, and untreated, deals that a segment's own effect needs
FEWEST_CLUSTERS: Final = 3


@dataclass(frozen=True, eq=False)
class Segment:
    """One level of a modifier, and the deals that have it."""

    column: str
    level: str
    rows: NDArray[np.bool_]

    @property
    def name(self) -> str:
        """The segment's name in estimates."""
        return f"{self.column}={self.level}"


def need_with_modifiers(question: Effect) -> ColumnsThere:
    """Say which columns the question rests on, those by which the effect may differ included."""
    return ColumnsThere(tuple(dict.fromkeys((*need_of(question).names, *question.modifiers))))


def modifiers_of(question: Effect, comparison: Comparison, deals: pd.DataFrame) -> tuple[str, ...]:
    """Return the modifiers that the question names; else what is adjusted for and comes in levels, since it is known before treatment."""
    if question.modifiers:
        return question.modifiers
    return tuple(name for name in comparison.adjusted if is_label(deals[name]) or _few(deals[name]))


def segments_of(question: Effect, comparison: Comparison, sample: pd.DataFrame) -> tuple[Segment, ...]:
    """Return every level of every modifier; numbers with many values are cut into three bands that hold equally many deals."""
    deals = eligible(question, sample)
    found = []
    for column in modifiers_of(question, comparison, deals):
        labels = levels(deals[column])
        found += [Segment(column, level, (labels == level).to_numpy()) for level in sorted(labels.unique())]
    return tuple(found)


def levels(values: pd.Series) -> pd.Series:
    """Return each deal's level as text."""
    if is_label(values) or pd.api.types.is_bool_dtype(values):
        text = values.astype("string")
    elif pd.api.types.is_datetime64_any_dtype(values):
        text = values.dt.to_period("Q").astype("string")
    elif _few(values):
        text = values.map(lambda value: f"{value:g}", na_action="ignore").astype("string")
    else:
        text = banded(values, BANDS).astype("string")
    return text.fillna(MISSING)


def banded_into_levels(values: pd.Series) -> bool:
    """Whether a column's levels are bands (of numbers, or quarters of dates), within which deals still differ."""
    return not (is_label(values) or pd.api.types.is_bool_dtype(values) or _few(values))


def large_enough(segment: Segment, comparison: Comparison) -> bool:
    """Whether a segment has deals enough, of either kind and of several clusters, for an effect of its own, and others to compare with."""
    own = comparison.treated[segment.rows]
    clusters = None if comparison.clusters is None else comparison.clusters[segment.rows]
    enough = min(int(own.sum()), int((~own).sum())) >= FEWEST and not segment.rows.all()
    return bool(enough and (clusters is None or len(np.unique(clusters)) >= FEWEST_CLUSTERS))


def _few(values: pd.Series) -> bool:
    return bool(values.nunique() <= FEW)
