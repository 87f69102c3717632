"""Every way in which a question about win rates does not fit a table, and all of them at once."""

import numpy as np
import pandas as pd
import pytest

from whywin.winrates.question import WinRates


def faults(deals: pd.DataFrame, *segments: str, **fields: object) -> list[str]:
    """What is wrong with the question for these deals."""
    return WinRates(segments or ("region",), **fields).faults(deals)


def test_a_question_that_fits_has_no_faults(deals: pd.DataFrame, question: WinRates) -> None:
    """Nothing is wrong with columns, crossings and periods that are there, derived columns among them."""
    assert question.faults(deals) == []
    assert faults(deals, "region", "created_quarter", "closed_month") == []


@pytest.mark.parametrize(
    ("segments", "fields", "words"),
    [
        (("regio",), {}, ["segments", "'regio'", "did you mean region"]),
        (("xyz",), {}, ["no column 'xyz'", "there are region, product"]),
        (("Created_Quarter",), {}, ["did you mean created_quarter"]),
        (("region",), {"rep": "regoin"}, ["rep", "'regoin'", "region"]),
        (("region",), {"cross": (("region", "product"),)}, ["cross", "'product' of [region, product]", "no dimension"]),
        (("region", "product"), {"cross": (("region", "prodct"),)}, ["'prodct'", "did you mean product"]),
        (("region",), {"cross": (("region", "region"),)}, ["crosses a column with itself"]),
        (("region", "product"), {"cross": (("region", "product"), ("product", "region"))}, ["stands there twice"]),
        (("region",), {"baseline": ("2024Q1",), "current": ("2024Q2",)}, ["baseline and current", "need time", "time: created"]),
        (("region",), {"time": "created", "baseline": ("2024Q1",)}, ["current: empty while baseline names 2024Q1"]),
        (("region",), {"time": "created", "current": ("2024Q1",)}, ["baseline: empty while current names 2024Q1"]),
        (("region",), {"time": "created", "baseline": ("2024Q1",), "current": ("2024Q1",)}, ["both name 2024Q1", "one side"]),
        (
            ("region",),
            {"time": "created", "baseline": ("Q1 2024",), "current": ("2024Q2",)},
            ["baseline", "'Q1 2024'", "there are 2024Q1, 2024Q2"],
        ),
        (("amount",), {}, ["'amount' is numeric with 1,160 levels", "cut it into bands"]),
        (("created",), {}, ["'created' is a date with", "cut it into bands"]),
        (("outcome",), {}, ["'outcome' is the outcome itself"]),
        (("deal_id",), {}, ["'deal_id' is different for every deal"]),
    ],
)
def test_one_fault_is_one_sentence(deals: pd.DataFrame, segments: tuple, fields: dict, words: list[str]) -> None:
    """Each says the field, the value, and the way out."""
    found = faults(deals, *segments, **fields)

    assert len(found) == 1, found
    assert all(word in found[0] for word in words), found


def test_a_segment_with_one_level_names_it(deals: pd.DataFrame) -> None:
    """One level among the closed deals splits nothing, even when open deals have another."""
    where = np.where(deals["won"].isna(), "abroad", "home")

    assert faults(deals.assign(country=where), "country") == [
        "segments: 'country' has one level among the closed deals, 'home'; a segment needs two or more"
    ]


def test_labels_as_many_as_deals_are_no_segment(deals: pd.DataFrame) -> None:
    """Text that differs for most deals cannot be compared; as the owner of deals it may have many levels."""
    names = deals["deal_id"].str.replace("D", "account ")

    assert "1,160 levels among 1,160 closed deals" in faults(deals.assign(account=names), "account")[0]
    assert faults(deals.assign(seller=names), "region", rep="seller") == []


@pytest.mark.parametrize(("value", "words"), [(np.nan, "is closed"), (1.0, "are won"), (0.0, "are lost")])
def test_outcomes_that_compare_nothing(deals: pd.DataFrame, value: float, words: str) -> None:
    """No closed deal, all won and all lost are each one fault that points to the labels."""
    found = faults(deals.assign(won=value))

    assert len(found) == 1
    assert words in found[0]
    assert "deals:" in found[0]


def test_a_missing_date_leaves_no_periods(deals: pd.DataFrame) -> None:
    """Time by a date that was not mapped says which, once, without listing periods that cannot be known."""
    found = faults(deals.drop(columns="created"), time="created", baseline=("2024Q1",), current=("2024Q2",))

    assert found == ["time: the deals have no column 'created', so no periods; map it under deals: columns, or leave time out"]


def test_many_periods_are_not_all_listed(deals: pd.DataFrame) -> None:
    """Only a line's worth of labels is shown, with how many more there are."""
    created = pd.Timestamp("2020-01-15") + pd.to_timedelta(np.arange(len(deals)), unit="D")
    found = faults(deals.assign(created=created), time="created", grain="month", baseline=("1999-01",), current=("2020-02",))

    assert "and 27 more" in found[0]


def test_all_faults_are_said_at_once(deals: pd.DataFrame) -> None:
    """Columns, crossings and periods that are wrong come together, not one run at a time."""
    found = faults(deals, "regio", "amount", rep="nobody", cross=(("a", "b"),), baseline=("2024Q1",), current=("2024Q1",))

    assert len(found) == 6
