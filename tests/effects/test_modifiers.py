"""By what an effect may differ: the segments of deals."""

from collections.abc import Callable

import numpy as np
import pandas as pd

from whywin.effects.comparison import compared
from whywin.effects.modifiers import large_enough, levels, need_with_modifiers, segments_of
from whywin.effects.question import Effect


def test_segments_cover_every_deal_once_for_each_modifier(deals: pd.DataFrame, about: Callable[..., Effect]) -> None:
    """The levels of a column are a partition of the deals, a column of numbers in three bands of like size."""
    question = about(modifiers=("region", "engagement"))
    found = segments_of(question, compared(question, deals), deals)
    covered = {column: sum(one.rows.astype(int) for one in found if one.column == column) for column in question.modifiers}

    assert all((count == 1).all() for count in covered.values())
    assert [one.level for one in found if one.column == "region"] == ["North", "South", "West"]
    bands = [one.rows.sum() for one in found if one.column == "engagement"]
    assert len(bands) == 3
    assert max(bands) - min(bands) <= 1


def test_without_modifiers_the_adjusted_columns_with_levels_are_taken(deals: pd.DataFrame, about: Callable[..., Effect]) -> None:
    """Numbers with many values are left out, labels and flags are not."""
    question = about(confounders=("engagement", "region"))

    assert {one.column for one in segments_of(question, compared(question, deals), deals)} == {"region"}


def test_levels_are_named_as_the_truth_names_them() -> None:
    """Flags are 0 and 1 whatever their type, and what is missing is a level of its own."""
    assert levels(pd.Series([1.0, 0.0, np.nan])).tolist() == ["1", "0", "(missing)"]
    assert levels(pd.Series([1, 0])).tolist() == ["1", "0"]
    assert levels(pd.Series(["North", None])).tolist() == ["North", "(missing)"]


def test_a_modifier_that_is_not_adjusted_for_is_asked_for(about: Callable[..., Effect]) -> None:
    """The sample holds the modifiers too."""
    assert "amount" in need_with_modifiers(about(modifiers=("amount",))).names


def test_a_segment_needs_deals_of_both_kinds_and_clusters(deals: pd.DataFrame, about: Callable[..., Effect]) -> None:
    """Nine treated deals are too few, and so are two clusters, and a segment of all deals has nothing to be compared with."""
    rare = deals.assign(kind=np.where(deals.index.isin(deals.index[deals["called"] == 1][:9]), "rare", "common"))
    question = about(modifiers=("kind",), cluster="rep")
    by_name = {one.level: one for one in segments_of(question, compared(question, rare), rare)}
    few = deals.assign(kind=np.where(deals["rep"].isin(["R1", "R2"]), "two reps", "others"))
    by_rep = {one.level: one for one in segments_of(question, compared(question, few), few)}
    alike = deals.assign(kind="same")

    assert not large_enough(by_name["rare"], compared(question, rare))
    assert not large_enough(by_rep["two reps"], compared(question, few))
    assert large_enough(by_rep["others"], compared(question, few))
    assert not large_enough(segments_of(question, compared(question, alike), alike)[0], compared(question, alike))
