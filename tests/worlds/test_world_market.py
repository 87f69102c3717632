"""A made-up market keeps its contract whatever its settings, and repeats to the last bit."""

from dataclasses import fields, replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from whywin.errors import ConfigError
from whywin.settings import documentation
from whywin.worlds.market import Market, World, simulate

KNOWN_AT_CREATION = ["deal_id", "created", "industry", "region", "product", "engagement", "champion", "amount"]
TRUTH_COLUMNS = ["table", "quantity", "segment", "value", "unit"]

markets = st.builds(
    Market,
    seed=st.integers(0, 10_000),
    deals=st.integers(200, 400),
    quarters=st.integers(1, 4),
    follow_up_days=st.integers(0, 200),
    reps=st.integers(2, 40),
    rep_size_variation=st.sampled_from([0.0, 0.3, 1.0]),
    win_rate=st.floats(5, 95),
    segment_sd=st.floats(0, 2),
    rep_sd=st.floats(0, 2),
    shift_quarter=st.integers(0, 5),
    rate_shift=st.floats(-1, 1),
    mix_shift=st.floats(0, 0.8),
    cycle_days=st.floats(2, 60),
    lost_cycle_ratio=st.floats(0.5, 2),
    landmark_days=st.integers(0, 60),
    treated_share=st.floats(0.05, 0.95),
    selection=st.floats(-2, 2),
    effect=st.floats(-2, 2),
    effect_variation=st.floats(-1, 1),
    trial_reps=st.integers(10, 40),
    alert_effect=st.floats(-1, 1),
    compliance=st.floats(0, 1),
)


def _export_day(market: Market) -> pd.Timestamp:
    after = pd.Timestamp(market.first_day) + pd.DateOffset(months=3 * market.quarters) - pd.Timedelta(days=1)
    return after + pd.Timedelta(days=market.follow_up_days)


def _same(left: World, right: World) -> None:
    for name in ("deals", "trial"):
        assert_frame_equal(left.tables[name], right.tables[name], check_exact=True)
    assert_frame_equal(left.truth, right.truth, check_exact=True)
    assert_frame_equal(left.potential, right.potential, check_exact=True)
    assert_frame_equal(left.defects, right.defects, check_exact=True)


@settings(max_examples=40, deadline=None)
@given(markets)
def test_dates_of_any_market_are_possible(market: Market) -> None:
    """A deal closes after it is created and by the export; exactly the open deals have no closing day."""
    deals = simulate(market).tables["deals"]
    closed = deals[deals["outcome"] != "Open"]

    assert len(deals) == market.deals
    assert deals["deal_id"].is_unique
    assert deals["created"].min() >= pd.Timestamp(market.first_day)
    assert (closed["closed"] > closed["created"]).all()
    assert closed["closed"].max() <= _export_day(market)
    assert deals["closed"].isna().equals(deals["outcome"].eq("Open"))
    assert set(deals["outcome"]) <= {"Won", "Lost", "Open"}
    assert deals["stage"].eq("Closed Won").equals(deals["outcome"].eq("Won"))
    assert deals["stage"].eq("Closed Lost").equals(deals["outcome"].eq("Lost"))


@settings(max_examples=40, deadline=None)
@given(markets)
def test_called_deals_of_any_market_lived_to_the_landmark(market: Market) -> None:
    """The call comes at the landmark's age, before the export, and only to deals that were still open then."""
    world = simulate(market)
    deals = world.tables["deals"]
    called = deals["executive_call"].eq(1)

    assert deals["executive_call_date"].notna().equals(called)
    assert (deals["executive_call_date"] - deals["created"])[called].eq(pd.Timedelta(days=market.landmark_days)).all()
    assert (deals["closed"] > deals["executive_call_date"])[called & deals["closed"].notna()].all()
    assert (deals["executive_call_date"][called] <= _export_day(market)).all()
    assert world.potential["open_at_landmark"][called].all()


@settings(max_examples=40, deadline=None)
@given(markets)
def test_what_came_about_is_one_of_the_two_potential_outcomes(market: Market) -> None:
    """A closed deal is won just when the potential outcome of how it was treated is a win."""
    world = simulate(market)
    deals, potential = world.tables["deals"], world.potential
    due = np.where(deals["executive_call"] == 1, potential["won_with"], potential["won_without"])
    closed = deals["outcome"].ne("Open").to_numpy()

    assert deals["deal_id"].equals(potential["deal_id"])
    assert (deals["outcome"].eq("Won").to_numpy() == (due == 1))[closed].all()


@settings(max_examples=40, deadline=None)
@given(markets)
def test_truth_of_any_market_is_well_formed(market: Market) -> None:
    """Each true number has one row, is a number, and lies where a number of its unit can lie."""
    truth = simulate(market).truth
    value = truth["value"]

    assert list(truth.columns) == TRUTH_COLUMNS
    assert not truth.duplicated(["table", "quantity", "segment"]).any()
    assert np.isfinite(value).all()
    assert value[truth["unit"] == "percent"].between(0, 100).all()
    assert value[(truth["unit"] == "points") & ~truth["quantity"].isin(["rate effect", "mix effect"])].between(-100, 100).all()
    assert set(truth["unit"]) == {"percent", "points"}


@settings(max_examples=10, deadline=None)
@given(markets, st.floats(0, 0.5))
def test_the_same_settings_give_the_same_market(market: Market, defects: float) -> None:
    """Two markets of the same settings agree in every table to the last bit."""
    spoilt = replace(market, defects=defects)

    _same(simulate(spoilt), simulate(spoilt))


def test_another_seed_gives_another_market() -> None:
    """The seed is what the numbers start from."""
    first, second = (simulate(Market(seed=seed, deals=200)).tables["deals"] for seed in (1, 2))

    assert not first["amount"].equals(second["amount"])
    assert not first["outcome"].equals(second["outcome"])


@pytest.mark.parametrize(
    "change",
    [
        {"effect": 2.0},
        {"selection": 0.0},
        {"treated_share": 0.6},
        {"rate_shift": 0.5},
        {"segment_sd": 0.8},
        {"rep_sd": 0.8},
        {"reps": 12},
        {"cycle_days": 80.0},
        {"follow_up_days": 10},
        {"landmark_days": 30},
        {"mix_shift": 0.7},
        {"trial_reps": 10},
        {"alert_effect": 0.0},
        {"compliance": 0.1},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_knob_moves_only_its_own_part(change: dict[str, float]) -> None:
    """What is known at creation stays as it was when a knob of something else is turned."""
    usual = Market(deals=500)
    before, after = simulate(usual).tables, simulate(replace(usual, **change)).tables

    assert_frame_equal(before["deals"][KNOWN_AT_CREATION], after["deals"][KNOWN_AT_CREATION], check_exact=True)
    if not {"trial_reps", "cycle_days"} & set(change):
        assert_frame_equal(
            before["trial"][["deal_id", "created", "rep", "arm"]], after["trial"][["deal_id", "created", "rep", "arm"]]
        )


def test_knobs_of_the_trial_leave_the_deals_alone() -> None:
    """The deal table is the same to the last bit whatever the trial is like."""
    usual = Market(deals=500)
    other = replace(usual, trial_reps=10, alert_effect=-1.0, compliance=0.2)

    assert_frame_equal(simulate(usual).tables["deals"], simulate(other).tables["deals"], check_exact=True)


def test_every_knob_is_documented() -> None:
    """Whoever writes a YAML file finds a sentence for each knob."""
    assert [field.name for field in fields(Market) if not documentation(Market, field.name)] == []


def test_impossible_knobs_are_refused_all_at_once() -> None:
    """A market that cannot be names every knob that is wrong."""
    with pytest.raises(ConfigError) as caught:
        Market(deals=3, win_rate=100.0, mix_shift=1.5)

    assert all(name in str(caught.value) for name in ("deals", "win_rate", "mix_shift"))
