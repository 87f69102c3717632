"""The deals that are compared, and what is adjusted for as numbers."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from whywin.effects.comparison import compared, need_of
from whywin.effects.covariates import covariates
from whywin.effects.question import Effect


def test_labels_numbers_and_dates_become_columns() -> None:
    """A label is one column a level but the most frequent; a missing one is a level; a missing number is the mean and a flag."""
    table = pd.DataFrame(
        {
            "region": ["North", "North", None, "South", "North"],
            "amount": [10.0, np.nan, 1000.0, 10.0, 10.0],
            "day": pd.to_datetime(["2024-01-01", "2024-01-03", "2024-01-01", "2024-01-02", "2024-01-01"]),
            "champion": [True, False, True, False, True],
        }
    )
    found = covariates(table, ["region", "amount", "day", "champion"])

    assert found.names == ("region=(missing)", "region=South", "amount", "amount missing", "day", "champion")
    assert found.matrix[:, 0].tolist() == [0, 0, 1, 0, 0]
    assert found.matrix[:, 2].tolist() == [10, 257.5, 1000, 10, 10]
    assert found.matrix[:, 3].tolist() == [0, 1, 0, 0, 0]
    assert found.matrix[:, 4].tolist() == [0, 2, 0, 1, 0]
    assert found.matrix[:, 5].tolist() == [1, 0, 1, 0, 1]


def test_logarithms_are_named_so() -> None:
    """A column of `logs` enters as its logarithm under a name that says so."""
    found = covariates(pd.DataFrame({"amount": [1.0, np.e]}), ["amount"], ["amount"])

    assert found.names == ("log amount",)
    assert found.matrix[:, 0] == pytest.approx([0.0, 1.0])


def test_nothing_to_adjust_for_is_no_column() -> None:
    """Without covariates the matrix has a row a deal and no column."""
    assert covariates(pd.DataFrame({"x": [1, 2]}), []).matrix.shape == (2, 0)


def test_the_landmark_leaves_out_deals_that_could_not_be_treated(deals: pd.DataFrame, about: Callable[..., Effect]) -> None:
    """Deals that closed at the landmark's age or before are not compared; without a landmark all closed deals are."""
    question = about(landmark_days=30)
    found = compared(question, need_of(question).sample(deals))
    older = ((deals["closed"] - deals["created"]).dt.days > 30).sum()

    assert len(found.treated) == older
    assert len(compared(about(), need_of(about()).sample(deals)).treated) == len(deals)


def test_open_deals_and_missing_outcomes_are_left_out(deals: pd.DataFrame, about: Callable[..., Effect]) -> None:
    """A deal without an outcome is in nobody's mean."""
    table = deals.copy()
    table.loc[:9, "won"] = np.nan
    table["meetings"] = 3.0
    table.loc[10:29, "meetings"] = np.nan
    table.loc[30, "meetings"] = 4.0
    question = about(outcome="meetings")

    assert len(compared(question, need_of(question).sample(table)).outcome) == len(deals) - 30


@pytest.mark.parametrize(
    ("outcome", "unit", "scale"), [("won", "points", 100.0), ("cycle_days", "days", 1.0), ("amount", "number", 1.0)]
)
def test_the_unit_follows_the_outcome(
    deals: pd.DataFrame, about: Callable[..., Effect], outcome: str, unit: str, scale: float
) -> None:
    """Rates are compared in points, the cycle in days, another number in its own unit."""
    question = about(outcome=outcome)
    found = compared(question, need_of(question).sample(deals))

    assert (found.unit, found.scale) == (unit, scale)


def test_a_node_that_is_no_column_is_simply_not_there(deals: pd.DataFrame) -> None:
    """An unobserved node of the graph is asked for and not found, without an error."""
    edges = (("mood", "engagement"), ("mood", "won"), ("engagement", "called"), ("called", "won"), ("created_quarter", "won"))
    sample = need_of(Effect("called", graph=edges)).sample(deals)

    assert "mood" not in sample
    assert sample["created_quarter"].iloc[0].startswith("2024Q")
