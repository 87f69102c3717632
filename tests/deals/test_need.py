"""A method is given just what it says it needs, and derived columns follow from the contract's own."""

import numpy as np
import pandas as pd
import pytest

from whywin.deals.derived import derivable, period_span, with_derived
from whywin.deals.labels import texts
from whywin.deals.need import Cells, Columns

TABLE = pd.DataFrame(
    {
        "deal_id": ["1", "2", "3", "4"],
        "created": pd.to_datetime(["2024-01-31", "2024-04-01", None, "2024-12-31"]),
        "closed": pd.to_datetime(["2024-02-10", "2024-04-01", "2024-05-01", None]),
        "region": pd.Categorical(["North", "South", None, "North"], categories=["East", "North", "South"]),
        "size": [1.0, np.nan, 1.0, 2.0],
        "won": [1.0, 0.0, 1.0, np.nan],
    },
    index=[5, 5, 8, 9],
)


def test_columns_leave_out_open_deals_unless_they_are_asked_for():
    """A win rate is of closed deals; a method that follows open deals says so."""
    assert Columns(("deal_id", "won")).sample(TABLE)["deal_id"].tolist() == ["1", "2", "3"]
    assert Columns(("deal_id",), closed_only=False).sample(TABLE)["deal_id"].tolist() == ["1", "2", "3", "4"]


def test_columns_come_in_the_order_asked_for_once_each_with_a_fresh_index():
    """The same need gives the same table whatever the table's own order of columns and index."""
    sample = Columns(("won", "deal_id", "won")).sample(TABLE)

    assert list(sample.columns) == ["won", "deal_id"]
    assert sample.index.tolist() == [0, 1, 2]


def test_cells_count_closed_and_won_deals():
    """Only combinations that have deals are cells, a missing label is a level, and counts are integers."""
    cells = Cells(("region",)).sample(TABLE)

    assert cells.to_dict("list") == {"region": ["(missing)", "North", "South"], "deals": [1, 1, 1], "won": [1, 1, 0]}
    assert (cells["deals"].dtype, cells["won"].dtype) == (np.dtype(int), np.dtype(int))


def test_cells_cross_several_columns_derived_ones_among_them():
    """Cells are sorted by their columns, so that another order of the deals gives the same cells."""
    need = Cells(("created_quarter", "region"))
    cells = need.sample(TABLE)

    assert cells[["created_quarter", "region"]].to_numpy().tolist() == [
        ["(missing)", "(missing)"],
        ["2024Q1", "North"],
        ["2024Q2", "South"],
    ]
    assert need.sample(TABLE.iloc[::-1]).equals(cells)


def test_cells_of_nothing_are_one_cell():
    """Without columns to split by all closed deals are one cell."""
    assert Cells(()).sample(TABLE).to_dict("records") == [{"deals": 3, "won": 2}]


@pytest.mark.parametrize("by", [("region",), ("region", "created_month")])
def test_cells_of_a_table_without_closed_deals_are_empty(by: tuple[str, ...]):
    """No closed deal gives no cell, with the columns that a method expects."""
    cells = Cells(by).sample(TABLE.assign(won=np.nan))

    assert cells.empty
    assert list(cells.columns) == [*by, "deals", "won"]


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("created_week", ["2024-01-29/2024-02-04", "2024-04-01/2024-04-07", None, "2024-12-30/2025-01-05"]),
        ("created_month", ["2024-01", "2024-04", None, "2024-12"]),
        ("created_quarter", ["2024Q1", "2024Q2", None, "2024Q4"]),
        ("created_year", ["2024", "2024", None, "2024"]),
        ("closed_quarter", ["2024Q1", "2024Q2", "2024Q2", None]),
        ("cycle_days", [10.0, 0.0, None, None]),
    ],
)
def test_periods_and_cycle_length_are_derived(name: str, expected: list[object]):
    """A period is text that sorts in time; where a date is missing so is what follows from it."""
    derived = with_derived(TABLE, [name])[name]

    assert [None if pd.isna(value) else value for value in derived] == expected
    assert name not in TABLE.columns


def test_what_the_table_has_is_not_derived_again():
    """The CRM's own cycle length stands where it is mapped."""
    table = TABLE.assign(cycle_days=[1.0, 2.0, 3.0, 4.0])

    assert with_derived(table, ["cycle_days"])["cycle_days"].tolist() == [1.0, 2.0, 3.0, 4.0]


def test_what_can_be_derived_is_known_from_the_columns_alone():
    """A question is checked against this before any work is done."""
    assert derivable("created_quarter", ["created"])
    assert derivable("cycle_days", ["created", "closed"])
    assert not derivable("cycle_days", ["created"])
    assert not derivable("closed_quarter", ["created"])
    assert not derivable("created_decade", ["created"])


def test_periods_that_follow_one_another_are_named_by_their_ends() -> None:
    """Three quarters in a row by the first and the last; two, or with a gap, or of an odd name, one by one."""
    assert period_span(("2023Q3", "2023Q4", "2024Q1"), "quarter") == "2023Q3–2024Q1"
    assert period_span(("2023Q3", "2023Q4"), "quarter") == "2023Q3, 2023Q4"
    assert period_span(("2023Q1", "2023Q2", "2023Q4"), "quarter") == "2023Q1, 2023Q2, 2023Q4"
    assert period_span(("a", "b", "c"), "quarter") == "a, b, c"


@pytest.mark.parametrize(
    "values",
    [
        pd.Series(["b", "a", None, "b"], index=[3, 1, 1, 0]),
        pd.Series([10, 9, 10, 2]),
        pd.Series([1.0, np.nan, 2.0, 1.0]),
        pd.Series(pd.Categorical(["b", "a", None, "b"], categories=["z", "b", "a"])),
    ],
)
def test_texts_are_what_pandas_makes_of_them(values: pd.Series):
    """Held as codes, the texts of a column are those of `astype(str)`, in order of the alphabet, and a missing one is missing."""
    found = texts(values)

    assert found.cat.categories.tolist() == sorted(values.dropna().astype(str).unique())
    pd.testing.assert_series_equal(found.astype(str), values.astype(str))


def test_periods_of_many_deals_are_codes(monkeypatch: pytest.MonkeyPatch):
    """In a large table a derived period has the same labels, held once."""
    plain = with_derived(TABLE, ["created_quarter"])["created_quarter"]
    monkeypatch.setattr("whywin.deals.derived.LARGE", 2)

    found = with_derived(TABLE, ["created_quarter"])["created_quarter"]

    assert isinstance(found.dtype, pd.CategoricalDtype)
    pd.testing.assert_series_equal(found.astype("string"), plain)
