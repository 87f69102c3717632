"""A table's quality is scored by dimension, and each score says what it is made of."""

from datetime import date
from math import isnan

import pandas as pd
import pytest

from whywin.deals.contract import Contract
from whywin.deals.read import keep_contract
from whywin.deals.table import Quality

DAYS = pd.date_range("2024-01-01", periods=20, freq="D")
GOOD = pd.DataFrame(
    {
        "deal_id": [f"D{number}" for number in range(20)],
        "created": DAYS,
        "closed": DAYS + pd.to_timedelta(range(20), unit="D"),
        "amount": [1000.0 + 17 * number for number in range(20)],
        "outcome": ["won", "lost"] * 10,
    }
)


def quality(raw: pd.DataFrame, **contract: object) -> Quality:
    """The quality of a table whose bad rows are all allowed."""
    return keep_contract(raw, Contract(max_bad_share=1.0, **contract)).quality


def row(raw: pd.DataFrame, dimension: str, **contract: object) -> tuple[float, str]:
    """One dimension's score, and what it says."""
    dimensions = quality(raw, **contract).dimensions.set_index("dimension")
    return dimensions.loc[dimension, "score"], dimensions.loc[dimension, "says"]


def test_a_clean_table_scores_a_hundred_in_every_dimension():
    """Nothing is taken off without a fault, and every score has a sentence."""
    found = quality(GOOD)

    assert found.score == 100.0
    assert found.dimensions["dimension"].tolist() == ["completeness", "validity", "uniqueness", "consistency", "timeliness"]
    assert found.dimensions["score"].tolist() == [100.0] * 5
    assert found.dimensions["says"].str.endswith(".").all()


def test_completeness_is_the_share_of_cells_that_are_filled():
    """Two of twenty amounts missing take 10 % off one of three columns; what is not mapped is said."""
    raw = GOOD[["deal_id", "outcome", "amount"]].assign(region="North")
    raw.loc[:1, "amount"] = None

    score, says = row(raw, "completeness")

    assert score == pytest.approx(100 * (1 + 0.9 + 1) / 3)
    assert says == "amount is missing in 10.0 %. Not mapped: created, closed, rep, stage."


def test_an_open_deal_without_a_closing_date_is_complete():
    """The closing date is only asked of closed deals."""
    raw = GOOD.copy()
    raw.loc[15:, "outcome"] = "open"
    raw.loc[15:, "closed"] = pd.NaT

    assert row(raw, "completeness")[0] == 100.0


@pytest.mark.parametrize(
    ("dimension", "column", "value", "says"),
    [
        ("validity", "amount", -5.0, "1 of 20 rows have a fault (amount must not be negative: 1)."),
        (
            "consistency",
            "closed",
            pd.Timestamp("2023-12-01"),
            "1 of 20 rows have a fault (closed must not be before created: 1).",
        ),
        ("uniqueness", "deal_id", "D0", "1 of 20 rows have a fault (deal_id is used by an earlier row: 1)."),
    ],
)
def test_a_fault_costs_its_own_dimension_its_share_of_the_rows(dimension: str, column: str, value: object, says: str):
    """One row of twenty is five points of one dimension, and one point of the overall score."""
    raw = GOOD.copy()
    raw.loc[4, column] = value
    found = quality(raw)

    assert row(raw, dimension) == (95.0, says)
    assert found.score == pytest.approx(99.0)


def test_rows_alike_without_an_id_cost_uniqueness():
    """They may be one deal entered twice: they are kept, but said."""
    raw = pd.concat([GOOD, GOOD.head(5)], ignore_index=True).drop(columns="deal_id")

    score, says = row(raw, "uniqueness")

    assert score == 80.0
    assert "5 rows are alike and have no id to tell them apart." in says


def test_a_dimension_that_does_not_apply_is_missing_and_left_out_of_the_score():
    """Without dates nobody can tell how fresh a table is: that is no hundred and no nought."""
    found = quality(GOOD[["deal_id", "amount", "outcome"]])
    timeliness = found.dimensions.set_index("dimension").loc["timeliness"]

    assert isnan(timeliness["score"])
    assert timeliness["says"] == "Without dates it cannot be told."
    assert found.score == 100.0


def test_open_deals_older_than_nearly_all_closed_ones_are_stale():
    """A deal that has been open for longer than 99 % of the closed took is likely forgotten."""
    raw = GOOD.copy()
    raw.loc[[2, 18], "outcome"] = "open"
    raw.loc[[2, 18], "closed"] = pd.NaT

    score, says = row(raw, "timeliness", as_of=date(2024, 2, 9))

    assert score == 0.0
    assert says.startswith("2 of 2 open deals are older than")
    assert row(raw, "timeliness", as_of=date(2024, 2, 6))[0] == 50.0
