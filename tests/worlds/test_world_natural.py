"""Tables of natural experiments: something other than people's choice decides, and the truth is the mean of what it changes."""

import numpy as np
import pandas as pd
import pytest

from whywin.worlds.adoption import tool_adoption
from whywin.worlds.alerts import fired_alerts
from whywin.worlds.encouragement import suggested_calls
from whywin.worlds.market import Market, simulate

MARKET = Market(seed=4, deals=4000)


def test_a_market_has_the_three_tables_and_their_truth() -> None:
    """They stand beside the deals and the trial, with true effects under their own names."""
    world = simulate(Market(deals=300))

    assert {"adoption", "suggestions", "alerts"} <= set(world.tables)
    assert {"adoption", "suggestions", "alerts"} <= set(world.truth["table"])
    assert all(len(world.tables[name]) == 300 for name in ("adoption", "suggestions", "alerts"))


@pytest.mark.parametrize("make", [tool_adoption, suggested_calls, fired_alerts])
def test_the_same_market_gives_the_same_table(make: object) -> None:
    """To the last bit, and another seed another one."""
    first, again, other = make(MARKET), make(MARKET), make(Market(seed=5, deals=4000))

    pd.testing.assert_frame_equal(first.table, again.table)
    assert first.effects == again.effects
    assert not first.table["outcome"].equals(other.table["outcome"])


def test_teams_adopt_once_and_stay() -> None:
    """A deal is treated just where it was created on or after its team's day; a third of the teams never adopts."""
    table = tool_adoption(MARKET).table
    days = table.groupby("team")["tool_adopted"]

    assert (table["tool"] == (table["created"] >= table["tool_adopted"])).all()
    assert days.nunique().max() == 1
    assert days.first().isna().sum() == MARKET.teams // 3


def test_early_adopters_win_more_anyway() -> None:
    """Before anybody adopts, teams that will adopt win more: a plain comparison is wrong."""
    table = tool_adoption(Market(seed=4, deals=40_000, tool_effect=0.0)).table
    won, ever = table["outcome"].eq("Won"), table["tool_adopted"].notna()

    assert won[ever].mean() - won[~ever].mean() > 0.05


def test_suggestions_are_a_coin() -> None:
    """Half of the deals get one, whatever is known of them, and it moves calls but never away from one."""
    table = suggested_calls(Market(seed=4, deals=40_000)).table
    suggested = table["call_suggested"].to_numpy()

    assert abs(suggested.mean() - 0.5) < 0.01
    assert abs(np.corrcoef(suggested, table["engagement"])[0, 1]) < 0.02
    assert table["executive_call"][suggested == 1].mean() > table["executive_call"][suggested == 0].mean() + 0.2


def test_an_alert_fires_at_the_threshold_and_only_there() -> None:
    """Every deal at or above the threshold is alerted and none below, and the true effect there is the market's."""
    alerts = fired_alerts(Market(seed=4, threshold=55.0, fired_effect=9.0))

    assert (alerts.table["alerted"] == (alerts.table["risk_score"] >= 55)).all()
    assert alerts.effects["effect at the threshold", "all"] == 9.0


def test_no_effect_is_no_effect() -> None:
    """A tool that changes nothing has a true effect of zero on everybody at all times."""
    assert set(tool_adoption(Market(tool_effect=0.0)).effects.values()) == {0.0}


def test_one_quarter_has_no_adoption() -> None:
    """In a market of one quarter nobody adopts after the first deals, so that no effect is claimed, and the truth stays numbers."""
    world = simulate(Market(deals=200, quarters=1, shift_quarter=0))

    assert "adoption" not in set(world.truth["table"])
    assert world.truth["value"].dtype == float
