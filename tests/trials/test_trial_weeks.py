"""The effect of a trial week by week, where no looks were planned."""

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from whywin.report.canvas import tick_text
from whywin.stats.streams import stream
from whywin.trials.methods.anytime import Anytime
from whywin.trials.methods.fixed import Fixed
from whywin.trials.question import Trial
from whywin.trials.units import by_unit
from whywin.trials.weeks import MOST, weekly

TRIAL = Trial("arm", "control", "rep", start=date(2024, 1, 1))


def deals(days: int = 84, reps: int = 20, count: int = 900, effect: float = 0.15) -> pd.DataFrame:
    """Deals of a trial that are closed at most 30 days after it began and `days` went by."""
    rng = np.random.default_rng(4)
    rep = rng.integers(reps, size=count)
    created = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, days, count), unit="D")
    won = (rng.random(count) < 0.3 + effect * (rep % 2)).astype(float)
    arm = np.where(rep % 2, "alert", "control")
    frame = pd.DataFrame({"rep": [f"r{i}" for i in rep], "arm": arm, "won": won, "created": created})
    return frame.assign(closed=created + pd.to_timedelta(rng.integers(0, 30, count), unit="D"))


def weeks_of(question: Trial, table: pd.DataFrame) -> pd.DataFrame:
    """Return the table of weeks."""
    return weekly(question, table, by_unit(question, table))


def test_the_last_week_is_the_trial_with_an_interval_for_all_weeks() -> None:
    """Its effect is that of all deals, and its interval that of the confidence sequence."""
    table = deals()

    last = weeks_of(TRIAL, table).iloc[-1]

    expected = Anytime().answer(TRIAL, table, stream(1, "anytime")).of("effect of assignment", "arm=alert")
    assert last[["effect", "low", "high"]].tolist() == pytest.approx([expected.value, expected.low, expected.high])
    assert last["deals"] == len(table)


def test_a_week_counts_the_deals_closed_by_its_end() -> None:
    """The effect of week three is that of a table without later deals, whatever is known now."""
    table = deals()

    third = weeks_of(TRIAL, table).set_index("week").loc[3]

    by_then = table[table["closed"] <= pd.Timestamp("2024-01-21")]
    rates = by_then.groupby("arm")["won"].mean()
    assert third["until"] == "2024-01-21"
    assert third["deals"] == len(by_then)
    assert third["effect"] == pytest.approx(100 * (rates["alert"] - rates["control"]))


def test_a_long_trial_shows_some_weeks_and_the_last() -> None:
    """No more rows than can be read, evenly spaced, and the last is the answer's week."""
    found = weeks_of(TRIAL, deals(days=700))

    assert len(found) <= MOST
    assert len(set(found["week"].diff().dropna())) == 1
    assert found["deals"].iloc[-1] == 900


def test_without_a_start_or_with_looks_there_are_no_weeks() -> None:
    """Planned looks have bounds of their own, and without a start no week is the first."""
    table = deals()
    looks = ((date(2024, 2, 1), 0.5), (date(2024, 5, 1), 1.0))

    assert weeks_of(replace(TRIAL, start=None), table).empty
    assert weeks_of(replace(TRIAL, looks=looks), table).empty
    assert "weeks" in Fixed().answer(TRIAL, table, stream(1, "fixed")).tables


@pytest.mark.slow
def test_looking_every_week_keeps_the_error_rate() -> None:
    """Over trials without an effect some week leaves the boundary in at most 5 of 100."""
    rng, crossed = np.random.default_rng(9), []
    for _ in range(300):
        rep = rng.integers(24, size=700)
        own = rng.beta(6, 12, 24)
        created = pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 84, 700), unit="D")
        table = pd.DataFrame({"rep": rep.astype(str), "arm": np.where(rep % 2, "alert", "control"), "created": created})
        table = table.assign(won=(rng.random(700) < own[rep]).astype(float), closed=created)
        crossed.append(weeks_of(TRIAL, table)["crossed"].any())

    assert np.mean(crossed) <= 0.05 + 2 * np.sqrt(0.05 * 0.95 / 300)


@pytest.mark.parametrize(("value", "text"), [(0.0, "0"), (0.05, "0.0500"), (2.0, "2"), (1000.0, "1,000")])
def test_a_tick_of_a_number_is_written_once(value: float, text: str) -> None:
    """Nought is one nought, and whole numbers have no decimals."""
    assert tick_text(value, "number") == text
