"""Each rule of the contract finds the rows that break it, and no others."""

from datetime import date, datetime
from decimal import Decimal

import pandas as pd
import pytest

from whywin.deals.contract import Contract
from whywin.deals.read import keep_contract
from whywin.deals.rules import broken, typed

GOOD = {
    "deal_id": ["a", "b", "c"],
    "outcome": ["won", "lost", "open"],
    "created": ["2024-01-01", "2024-01-02", "2024-01-03"],
    "closed": ["2024-02-01", "2024-02-02", None],
    "rep": ["Ann", "Bob", "Ann"],
    "amount": [10.0, 0.0, None],
    "cycle_days": [31, 31, None],
}


def faults(contract: Contract | None = None, **changes: object) -> list[tuple[int, str, str]]:
    """Row, column and rule of every breach in a good table with some columns changed."""
    contract = contract or Contract()
    cases = broken(typed(pd.DataFrame(GOOD | changes), contract), contract)
    return list(cases[["row", "column", "says"]].itertuples(index=False, name=None))


def test_a_good_table_breaks_no_rule():
    """Won, lost and open deals with their dates, amounts and reps keep every rule."""
    assert faults() == []


@pytest.mark.parametrize(
    ("column", "values", "expected"),
    [
        ("deal_id", ["a", None, "c"], [(1, "must not be missing")]),
        ("deal_id", ["a", "  ", "c"], [(1, "must not be missing")]),
        ("deal_id", ["a", "b", "a"], [(2, "is used by an earlier row")]),
        ("deal_id", ["a", "b", " a "], [(2, "is used by an earlier row")]),
        ("outcome", ["won", "Lost", "open"], [(1, "the label is not mapped in deals.won, deals.lost or deals.open")]),
        ("created", ["2024-01-01", "soon", "2024-01-03"], [(1, "must be a date, such as 2024-03-31")]),
        ("created", [20240101, 20240102, 20240103], [(row, "must be a date, such as 2024-03-31") for row in range(3)]),
        ("created", ["2024-01-01", None, None], [(1, "must not be missing for a closed deal")]),
        ("closed", [None, "2024-02-02", None], [(0, "must not be missing for a closed deal")]),
        ("closed", ["2024-02-01", "2024-02-02", "2024-02-03"], [(2, "must be missing while the deal is open")]),
        ("closed", ["2023-12-31", "2024-02-02", None], [(0, "must not be before created")]),
        ("amount", [-0.01, 1.0, None], [(0, "must not be negative")]),
        ("amount", ["1,200", "12", None], [(0, "must be a number")]),
        ("cycle_days", [31, -1, None], [(1, "must not be negative")]),
    ],
)
def test_a_rule_names_the_rows_that_break_it(column: str, values: list[object], expected: list[tuple[int, str]]):
    """One planted fault of each kind is found in its own row and nowhere else."""
    assert faults(**{column: values}) == [(row, column, says) for row, says in expected]


def test_a_row_can_break_several_rules():
    """Nothing stops at the first fault of a row."""
    found = faults(amount=[-1, 1, 1], outcome=["Win", "lost", "open"], closed=["2023-01-01", "2024-02-02", None])

    assert [(row, column) for row, column, _ in found] == [(0, "amount"), (0, "closed"), (0, "outcome")]


def test_a_copy_of_a_whole_row_and_a_conflicting_row_are_told_apart():
    """The first row with an id is kept; a later one is either the same deal again or another that uses its id."""
    raw = pd.DataFrame({"deal_id": ["a", "a", "a"], "outcome": ["won", "won", "lost"]})

    cases = broken(typed(raw, Contract()), Contract())

    assert list(zip(cases["row"], cases["says"], strict=True)) == [
        (1, "the whole row stands in the table already"),
        (2, "is used by an earlier row"),
    ]


def test_no_date_may_lie_after_the_export():
    """The export's own day is the last one allowed, to its last minute."""
    contract = Contract(as_of=date(2024, 2, 1))

    found = faults(contract, closed=["2024-02-01 23:59", "2024-02-02", None])

    assert found == [(1, "closed", "must not be after deals.as_of, 2024-02-01")]


def test_rows_are_counted_from_the_top_whatever_the_index():
    """A table that was filtered before keeps no memory of its old index."""
    raw = pd.DataFrame(GOOD | {"amount": [1.0, -1.0, None]}, index=[7, 7, 9])

    assert keep_contract(raw, Contract(max_bad_share=1)).quarantine["row"].tolist() == [1]


@pytest.mark.parametrize(
    "values",
    [
        ["2024-03-31", "2024-04-01"],
        ["2024-03-31T10:15:00", "2024-04-01"],
        ["Mar 31, 2024", "1 April 2024"],
        [date(2024, 3, 31), datetime(2024, 4, 1, 9, 30)],  # noqa: DTZ001 - a CRM's dates carry no zone
        pd.to_datetime(["2024-03-31", "2024-04-01"]).tz_localize("UTC"),
        pd.Series(["2024-03-31", "2024-04-01"], dtype="category"),
    ],
)
def test_dates_are_understood_however_they_are_written(values: object):
    """ISO and spelled-out text, date objects, zones and categories give the same days."""
    raw = pd.DataFrame({"outcome": ["won", "lost"], "created": values})

    created = typed(raw, Contract()).table["created"]

    assert created.dt.strftime("%Y-%m-%d").tolist() == ["2024-03-31", "2024-04-01"]
    assert str(created.dtype) == "datetime64[us]"


def test_labels_are_compared_without_the_space_around_them_and_with_their_case():
    """Space around a label is no part of it, an empty cell is open, and "won" is another label than "Won"."""
    contract = Contract(won=("Won",), lost=("Loss", " Dropped "), open=("Engaging",))
    raw = pd.DataFrame({"outcome": [" Won ", "Dropped", "Engaging", None, "", "won"]})

    table = typed(raw, contract).table

    assert table["outcome"].tolist()[:5] == ["won", "lost", "open", "open", "open"]
    assert table["outcome"].isna().tolist() == [False] * 5 + [True]
    assert table["won"].tolist()[:2] == [1.0, 0.0]
    assert table["won"].isna().tolist() == [False, False, True, True, True, True]


def test_labels_may_be_numbers():
    """A table with 1 and 0 for outcomes needs only their text in the contract."""
    raw = pd.DataFrame({"outcome": [1, 0]})

    assert typed(raw, Contract(won=("1",), lost=("0",))).table["won"].tolist() == [1.0, 0.0]


def test_amounts_become_floats():
    """Decimals of a database and numbers in text are amounts; a missing one stays missing."""
    raw = pd.DataFrame({"outcome": ["won"] * 3, "amount": [Decimal("1.5"), "2", None]})

    amounts = typed(raw, Contract()).table["amount"]

    assert amounts.tolist()[:2] == [1.5, 2.0]
    assert amounts.dtype == float
    assert amounts.isna().tolist() == [False, False, True]


def test_without_ids_the_rows_are_numbered_from_one():
    """A deal can be pointed at even where the CRM gave no id, and two rows alike are then two deals."""
    raw = pd.DataFrame({"outcome": ["won", "won"]})
    understood = typed(raw, Contract())

    assert understood.table["deal_id"].tolist() == ["row 1", "row 2"]
    assert not len(broken(understood, Contract()))
