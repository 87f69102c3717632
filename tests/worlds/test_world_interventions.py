"""Calls that come as deals go on, and the log of them."""

import numpy as np
import pandas as pd
import pytest

from whywin.worlds.interventions import CALL
from whywin.worlds.market import Market, World, simulate

SPREAD = Market(seed=3, deals=20_000, call_spread_days=60.0, lost_cycle_ratio=0.6, follow_up_days=720, effect=0.8)


@pytest.fixture(scope="module")
def world() -> World:
    """A market in which calls come over time and lost deals die young."""
    return simulate(SPREAD)


def test_calls_come_over_time_while_deals_are_open(world: World) -> None:
    """No call before the landmark's age, none at or after the closing, and they spread over the ages."""
    deals = world.tables["deals"]
    called = deals["executive_call"].eq(1)
    age = (deals["executive_call_date"] - deals["created"]).dt.days[called]

    assert deals["executive_call_date"].notna().equals(called)
    assert age.min() >= SPREAD.landmark_days
    assert age.nunique() > 50
    assert (deals["closed"] > deals["executive_call_date"])[called & deals["closed"].notna()].all()


def test_about_the_asked_share_of_those_open_is_called_within_the_spread(world: World) -> None:
    """Without selection, of deals that live long enough the asked share has its call within the spread."""
    plain = simulate(Market(seed=4, deals=20_000, call_spread_days=20.0, selection=0.0, cycle_days=200.0, follow_up_days=2000))
    deals = plain.tables["deals"]
    old = (deals["closed"] - deals["created"]).dt.days > 34
    early = (deals["executive_call_date"] - deals["created"]).dt.days < 34

    assert early[old].mean() == pytest.approx(0.3, abs=0.02)


def test_the_true_effects_are_what_the_potential_outcomes_gain(world: World) -> None:
    """Where lost deals die young, the called ones gain less than their chances say; the truth knows how long they lived."""
    rows = world.truth[(world.truth["segment"] == "all") & (world.truth["table"] == "deals")]
    truth = rows.set_index("quantity")["value"]
    called = world.tables["deals"]["executive_call"].eq(1).to_numpy()
    potential = world.potential[called]
    gain = 100.0 * (potential["won_with"] - potential["won_without"])
    error = float(gain.std()) / np.sqrt(len(gain))

    assert truth["effect on the treated"] == pytest.approx(gain.mean(), abs=3 * error)
    assert truth["effect of treating now"] == pytest.approx((gain * (1 - potential["called_later"])).mean(), abs=3 * error)
    assert 100.0 * (potential["chance_with"] - potential["chance_without"]).mean() > truth["effect on the treated"] + 3 * error


def test_calls_all_at_once_are_never_later() -> None:
    """Without a spread the effect of treating now is that on the treated."""
    truth = simulate(Market(deals=800)).truth
    value = truth[(truth["segment"] == "all") & (truth["table"] == "deals")].set_index("quantity")["value"]

    assert value["effect of treating now"] == value["effect on the treated"]


def test_the_log_has_every_call_once_and_keeps_to_the_deals_lives(world: World) -> None:
    """Each called deal stands in the log with the day of its call, and nothing is logged outside of a deal's life."""
    log, deals = world.tables["interventions"], world.tables["deals"]
    calls = log[log["kind"] == CALL].set_index("deal_id")["time"]
    expected = deals[deals["executive_call"] == 1].set_index("deal_id")["executive_call_date"]
    joined = log.merge(deals[["deal_id", "created", "closed"]], on="deal_id", validate="many_to_one")

    pd.testing.assert_series_equal(calls.sort_index(), expected.sort_index(), check_names=False)
    assert len(joined) == len(log)
    assert (joined["time"] >= joined["created"]).all()
    assert not (joined["time"] > joined["closed"]).any()
    assert log["time"].is_monotonic_increasing
    assert set(log["recommended"]) == {"yes", "no"}
