"""A time of treatment must agree with the treatment and with the deal's life; and treatments can be dealt out anew among open deals."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from whywin.effects.emulation import dealt_at_risk
from whywin.effects.question import Effect


@pytest.fixture
def timed(deals: pd.DataFrame) -> pd.DataFrame:
    """The confounded deals, with calls on the day after creation."""
    when = (deals["created"] + pd.Timedelta(days=1)).where(deals["called"] == 1)
    closed = deals["closed"] + pd.Timedelta(days=2)
    return deals.assign(called_at=when, closed=closed, deal_id=[f"D{number}" for number in range(len(deals))])


def test_every_contradiction_is_told_at_once(timed: pd.DataFrame, about: Callable[..., Effect]) -> None:
    """Before creation, after closing, without a date, and a date without treatment: one message has them all."""
    treated, others = timed.index[timed["called"] == 1], timed.index[timed["called"] == 0]
    spoilt = timed.copy()
    spoilt.loc[treated[0], "called_at"] = spoilt.loc[treated[0], "created"] - pd.Timedelta(days=1)
    spoilt.loc[treated[1], "called_at"] = spoilt.loc[treated[1], "closed"] + pd.Timedelta(days=1)
    spoilt.loc[treated[2], "called_at"] = pd.NaT
    spoilt.loc[others[:2], "called_at"] = spoilt.loc[others[:2], "created"]
    faults = about(treated_at="called_at").faults(spoilt)

    assert about(treated_at="called_at").faults(timed) == []
    assert len(faults) == 4
    for fault, words in zip(
        sorted(faults),
        sorted(
            [
                "1 deals were treated before they were created, such as ",
                "1 deals were treated after they were closed, such as ",
                "1 deals were treated and do not say when, such as ",
                f"2 deals were not treated and say when they were, such as 'D{others[0]}'",
            ]
        ),
        strict=True,
    ):
        assert f"treated_at: {words}" in fault


def test_text_dates_are_read_and_what_is_none_is_told(timed: pd.DataFrame, about: Callable[..., Effect]) -> None:
    """A column of a CSV file may be text; a cell that is no date is a fault, not an untreated deal."""
    text = timed["called_at"].dt.strftime("%Y-%m-%d").astype("object").where(timed["called"] == 1, "")
    assert about(treated_at="called_at").faults(timed.assign(called_at=text)) == []

    text[timed.index[timed["called"] == 1][0]] = "soon"
    faults = about(treated_at="called_at").faults(timed.assign(called_at=text))
    assert [fault.startswith("treated_at: 1 deals have something there that is no date") for fault in faults] == [True]


def test_a_column_that_is_not_there_is_named_with_its_neighbour(timed: pd.DataFrame, about: Callable[..., Effect]) -> None:
    """A slip of the pen is answered with the column that was meant."""
    faults = about(treated_at="caled_at").faults(timed.drop(columns="closed"))

    assert any("no column 'caled_at'; did you mean 'called_at'?" in fault for fault in faults)
    assert any("treated_at: needs the age of each deal, and the deals have no column closed" in fault for fault in faults)


def test_an_open_deal_must_say_whether_it_was_treated(timed: pd.DataFrame, about: Callable[..., Effect]) -> None:
    """Open deals stand in the risk sets, so that their treatment must be known too."""
    still = timed.assign(called=timed["called"].astype(float))
    still.loc[0, ["won", "closed", "called", "called_at"]] = [np.nan, pd.NaT, np.nan, pd.NaT]
    faults = about(treated_at="called_at").faults(still)

    assert [fault for fault in faults if "are open and do not say whether they were treated" in fault] == faults


def test_a_known_time_asks_for_the_effect_of_now(about: Callable[..., Effect]) -> None:
    """With a time of treatment the question is about now rather than not yet; of all deals it stays what it was."""
    assert about(treated_at="called_at").quantity == "effect of treating now"
    assert about(treated_at="called_at", estimand="all").quantity == "effect on all deals"
    assert about().quantity == "effect on the treated"


def test_treatments_dealt_out_anew_keep_their_ages_and_fall_on_open_deals(
    timed: pd.DataFrame, about: Callable[..., Effect]
) -> None:
    """As many are treated at each age as before, each while it was open, and other deals than before."""
    question = about(treated_at="called_at")
    column, when = dealt_at_risk(question, timed, np.random.default_rng(0))
    treated = column == 1
    ages = [
        (values - timed["created"])[mask].dt.days
        for values, mask in ((when, treated), (timed["called_at"], timed["called"] == 1))
    ]

    assert sorted(ages[0]) == sorted(ages[1])
    assert when.notna().eq(treated).all()
    assert (when < timed["closed"])[treated].all()
    assert (treated != (timed["called"] == 1)).any()
