"""Competing risks in whole days: a table by hand, another program's numbers, and what holds for any deals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from whywin.stats.competing_risks import aalen_johansen, cumulative, first_days, life_table, shares_by, still_to_come

OPEN = np.nan
CHANCE = st.floats(0.001, 0.6)


@st.composite
def deals(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    """Some deals: the age at which each was last seen, and how it stood then; at least one has closed."""
    count = draw(st.integers(1, 60))
    days = draw(arrays(np.int64, count, elements=st.integers(0, 40)))
    won = draw(arrays(float, count, elements=st.sampled_from([0.0, 1.0, OPEN])))
    won[0] = 1.0
    return days, won


@st.composite
def bands(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Chances of closing and of winning by band of ages, and the last day of each band."""
    last = np.cumsum(draw(st.lists(st.integers(1, 9), min_size=1, max_size=5))) - 1
    return (*(draw(arrays(float, len(last), elements=CHANCE)) for _ in range(2)), last.astype(np.int64))


def test_a_small_table_by_hand() -> None:
    """Six deals: won on day 1, lost on day 2, open since day 2, won on day 3, open since day 4, lost on day 5."""
    found = aalen_johansen([1, 2, 2, 3, 4, 5], [1, 0, OPEN, 1, OPEN, 0])

    assert found.day.tolist() == [1, 2, 3, 5]
    assert found.won == pytest.approx([1 / 6, 1 / 6, 1 / 6 + 2 / 9, 1 / 6 + 2 / 9])
    assert found.lost == pytest.approx([0, 1 / 6, 1 / 6, 1 / 6 + 4 / 9])
    assert found.open == pytest.approx([5 / 6, 4 / 6, 4 / 9, 0], abs=1e-12)


def test_another_program_finds_the_same_shares() -> None:
    """Statsmodels' cumulative incidence of 500 deals, a third of them open, is ours to rounding."""
    from statsmodels.duration.survfunc import CumIncidenceRight

    rng = np.random.default_rng(1)
    days, status = rng.geometric(0.03, 500), rng.integers(3, size=500)  # 0 open, 1 won, 2 lost
    theirs = CumIncidenceRight(days, status)
    ours = aalen_johansen(days, np.array([OPEN, 1.0, 0.0])[status])
    won, lost = shares_by(ours, theirs.times)

    assert won == pytest.approx(theirs.cinc[0], abs=1e-12)
    assert lost == pytest.approx(theirs.cinc[1], abs=1e-12)


@given(deals())
def test_shares_add_up_to_one_at_every_age(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    """A deal is won, lost or open; shares won and lost never fall."""
    found = aalen_johansen(*drawn)

    assert found.won + found.lost + found.open == pytest.approx(np.ones(len(found.day)))
    assert (np.diff(found.won) >= 0).all()
    assert (np.diff(found.lost) >= 0).all()


@given(deals())
def test_without_open_deals_the_shares_end_at_the_counts(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    """With nothing censored the estimate is won over all, lost over all."""
    days, won = drawn[0], np.nan_to_num(drawn[1])
    found = aalen_johansen(days, won)

    assert found.won[-1] == pytest.approx(won.mean())
    assert found.lost[-1] == pytest.approx(1 - won.mean())


def test_a_life_table_by_hand() -> None:
    """Bands of days 0-1 and 2-5: a deal closed on its first day counts one day, one past the last band all six and no closing."""
    found = life_table([0, 1, 3, 5, 9], [1, OPEN, 0, 1, 1], [1, 5])

    assert found.exposed.tolist() == [1 + 2 + 2 + 2 + 2, 0 + 0 + 2 + 4 + 4]
    assert (found.won.tolist(), found.lost.tolist()) == ([1, 1], [0, 1])


@given(deals())
def test_bands_of_a_day_hold_what_the_aalen_johansen_estimate_holds(drawn: tuple[np.ndarray, np.ndarray]) -> None:
    """With one band a day the chances that a life table gives lead back to the nonparametric shares."""
    days, won = drawn
    last = np.arange(41)
    seen = life_table(days, won, last)
    closed = seen.won + seen.lost
    hazard = np.minimum(closed / np.maximum(seen.exposed, 1), 1 - 1e-12)
    wins, losses = cumulative(hazard, seen.won / np.maximum(closed, 1), last, last)
    expected = shares_by(aalen_johansen(days, won), last)

    assert wins == pytest.approx(expected[0], abs=1e-9)
    assert losses == pytest.approx(expected[1], abs=1e-9)


@given(bands())
def test_chances_are_those_of_walking_through_the_days(drawn: tuple[np.ndarray, np.ndarray, np.ndarray]) -> None:
    """Closed forms by band equal a walk day by day, from creation and from any age while open."""
    hazard, share, last = drawn
    band = np.searchsorted(last, np.arange(last[-1] + 1))
    won, lost = cumulative(hazard, share, last, np.arange(last[-1] + 1))
    to_win, to_lose = still_to_come(hazard, share, last, np.arange(-1, last[-1] + 1))
    for start in range(last[-1] + 2):
        still, wins, losses = 1.0, 0.0, 0.0
        for day in range(start, last[-1] + 1):
            wins += still * hazard[band[day]] * share[band[day]]
            losses += still * hazard[band[day]] * (1 - share[band[day]])
            still *= 1 - hazard[band[day]]
            if start == 0:
                assert (won[day], lost[day]) == pytest.approx((wins, losses))
        assert (to_win[start], to_lose[start]) == pytest.approx((wins, losses), abs=1e-12)


def test_beyond_the_last_band_nothing_more_comes() -> None:
    """Past the horizon shares stand still, and an open deal has no chance left of either end."""
    hazard, share, last = np.array([0.1, 0.2]), np.array([0.5, 0.4]), np.array([3, 9])

    assert cumulative(hazard, share, last, [9, 50])[0].tolist() == pytest.approx([cumulative(hazard, share, last, 9)[0]] * 2)
    assert np.array(still_to_come(hazard, share, last, [9, 10, 99])).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert first_days(last).tolist() == [0, 4]
