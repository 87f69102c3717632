"""Columns that the treatment cannot have moved: what they must be."""

from collections.abc import Callable

import pandas as pd
import pytest

from whywin.effects.question import Effect


def test_good_ones_have_no_fault(deals: pd.DataFrame, about: Callable[..., Effect]) -> None:
    """A number that varies, which the comparison does not adjust for, will do."""
    assert about(negative_controls=("amount",)).faults(deals) == []


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("amuont", "the deals have no column 'amuont'; did you mean 'amount'?"),
        ("zzz", "the deals have no column 'zzz'; there are called, won"),
        ("won", "'won' is the treatment or the outcome itself"),
        ("engagement", "'engagement' is adjusted for, so that no effect on it can show"),
        ("rep", "'rep' must be 0 or 1 or a number, got 'R0'"),
        ("flat", "'flat' has the same value in every closed deal"),
    ],
)
def test_each_fault_is_said(deals: pd.DataFrame, about: Callable[..., Effect], name: str, says: str) -> None:
    """A name that is no column, a role that it has already, a label and a constant are refused with the way out."""
    faults = about(negative_controls=(name,)).faults(deals.assign(flat=1.0))

    assert len(faults) == 1
    assert faults[0].startswith("negative_controls: ")
    assert says in faults[0]
