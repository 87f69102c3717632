"""Renamed and re-defined labels are found where they are planted, and hardly ever where they are not."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import chi2, ttest_ind

from whywin.stats.interaction import interaction, shift, without_interaction
from whywin.stats.streams import stream
from whywin.winrates.checks.changed_labels import ChangedLabels
from whywin.winrates.question import WinRates
from whywin.worlds.market import Market, simulate

QUESTION = WinRates(
    ("industry", "region", "product", "lead_source"),
    time="created",
    covariates=("amount",),
    baseline=("2023Q1", "2023Q2", "2023Q3", "2023Q4"),
    current=("2024Q1", "2024Q2"),
)
YEAR = pd.Timestamp("2024-01-01")


def world(seed: int = 7, deals: int = 3000, **knobs: float) -> pd.DataFrame:
    """Deals of a made-up market, none decided: the check looks at labels and not at outcomes."""
    return simulate(Market(seed=seed, deals=deals, **knobs)).tables["deals"].assign(won=np.nan)


def found(table: pd.DataFrame, question: WinRates = QUESTION, **settings: float) -> object:
    """What the check finds in a table."""
    check = ChangedLabels(**settings)
    (one,) = check.check(question, (), check.need(question).sample(table), stream(0, "labels"))
    return one


def relabelled(table: pd.DataFrame, column: str, old: str, new: str, since: pd.Timestamp = YEAR) -> pd.DataFrame:
    """The table with a label replaced in deals created from a day on."""
    return table.assign(**{column: table[column].mask((table[column] == old) & (table["created"] >= since), new)})


def test_a_market_whose_mix_and_rates_shift_has_the_same_labels() -> None:
    """Lead sources shift in all segments alike when 2024 begins: that changes no label's meaning."""
    check = found(world(mix_shift=0.3))

    assert (check.passed, check.severity, check.method, check.value) == (True, "serious", "", 0)


@pytest.mark.parametrize("day", ["2024-01-01", "2024-02-10"])
def test_a_new_name_for_an_old_label_is_serious_where_it_parts_the_comparison(day: str) -> None:
    """Also when the name changed in the middle of a quarter; the sentence names both."""
    check = found(relabelled(world(), "region", "West", "Pacific", pd.Timestamp(day)))

    assert (check.passed, check.severity) == (False, "serious")
    assert "region=Pacific takes the place of West in 2024Q1" in check.says
    assert "not the same segment" in check.says


def test_a_change_that_no_comparison_rests_on_is_a_note() -> None:
    """Without compared periods, and where both of them come after the new name."""
    table = relabelled(world(), "region", "West", "Pacific", pd.Timestamp("2023-07-01"))
    later = replace(QUESTION, baseline=("2023Q4",), current=("2024Q1",))
    middle = relabelled(world(), "region", "West", "Pacific", pd.Timestamp("2023-11-15"))

    assert (found(table).severity, found(table, later).severity) == ("serious", "note")
    assert found(table, replace(QUESTION, baseline=(), current=())).severity == "note"
    assert not found(table, later).passed
    assert found(middle, later).severity == "serious"


def test_a_label_that_ends_and_a_smaller_one_that_begins_are_two() -> None:
    """One label in five of the old one's size is no new name for it."""
    table = relabelled(world(), "region", "West", "Pacific")
    rng = np.random.default_rng(0)
    scattered = rng.choice(["North", "South", "East"], len(table))
    thin = (table["region"] == "Pacific") & (rng.random(len(table)) < 0.75)
    check = found(table.assign(region=table["region"].mask(thin, pd.Series(scattered, index=table.index))))

    assert "takes the place" not in check.says


def test_a_label_filled_with_other_deals_is_found() -> None:
    """From 2024 on, East's deals of one product are called West, so that East holds other deals; West changes less than the floor."""
    table = world()
    moved = (table["created"] >= YEAR) & (table["region"] == "East") & (table["product"] == "Core")
    check = found(table.assign(region=table["region"].mask(moved, "West")))

    assert (check.passed, check.severity, check.value) == (False, "serious", 1)
    assert check.says.startswith("region=East holds other deals from 2024Q1 on (")
    assert "levels of product, most of all Core" in check.says
    assert "not the same segment" in check.says
    assert found(table.assign(region=table["region"].mask(moved, "West")), least_moved=0.6).passed


def test_a_label_whose_amounts_jump_is_found() -> None:
    """One industry's amounts are three times as large in 2024; when all industries' are, it is the market and no label."""
    table = world()
    late = table["created"] >= YEAR
    one = table["industry"] == table["industry"].mode()[0]
    check = found(table.assign(amount=table["amount"].where(~(late & one), 3 * table["amount"])))

    assert (check.passed, check.severity) == (False, "serious")
    assert f"industry={table['industry'].mode()[0]} holds other deals from 2024Q1 on (their typical amount is" in check.says
    assert found(table.assign(amount=table["amount"].where(~late, 3 * table["amount"]))).passed


def test_nothing_is_said_without_two_periods() -> None:
    """No time, one period, or no sample."""
    table = world(deals=200, quarters=1)
    check = ChangedLabels()

    assert check.need(replace(QUESTION, time=None, baseline=(), current=())) is None
    assert check.check(QUESTION, (), None, stream(0, "labels")) == ()
    assert check.check(QUESTION, (), check.need(QUESTION).sample(table), stream(0, "labels")) == ()


def test_missing_labels_and_dates_do_not_disturb() -> None:
    """Deals without a date are left out, and a missing label is a label."""
    table = world(deals=600)
    table.loc[table.index[::9], "created"] = pd.NaT
    table.loc[table.index[::7], "region"] = None
    table.loc[table.index[::5], "amount"] = np.nan

    assert found(table).passed


def test_no_interaction_in_bartletts_plum_roots() -> None:
    """Bartlett (1935): planting time by length by survival, chi-square 2.27 with one degree of freedom."""
    table = np.array([[[156, 84], [84, 156]], [[107, 133], [31, 209]]], dtype=float)
    chance, _, _ = interaction(table)
    fitted = without_interaction(table)

    assert chi2.isf(chance, 1) == pytest.approx(2.27, abs=0.005)
    for axis in range(3):
        assert fitted.sum(axis=axis) == pytest.approx(table.sum(axis=axis), abs=1e-4)
    assert np.log(fitted[0, 0, 0] * fitted[0, 1, 1] / (fitted[0, 0, 1] * fitted[0, 1, 0])) == pytest.approx(
        np.log(fitted[1, 0, 0] * fitted[1, 1, 1] / (fitted[1, 0, 1] * fitted[1, 1, 0])), abs=1e-4
    )


def test_the_share_that_moved_is_found() -> None:
    """Of 100 deals, evenly of two levels among others that stay even, 40 more are of the first: 40 % moved. Odds that move alike: none."""
    many = 1e6
    chance, moved, most = interaction(np.array([[[many, many], [many, many]], [[many / 2, many / 2], [90, 10]]]))
    alike = interaction(np.array([[[40.0, 60.0], [80.0, 20.0]], [[10.0, 90.0], [40.0, 60.0]]]))

    assert moved == pytest.approx(0.4, abs=0.001)
    assert chance < 1e-10
    assert most in {0, 1}
    assert alike == (pytest.approx(1.0, abs=1e-4), pytest.approx(0.0, abs=1e-4), 0)


def test_sparse_levels_are_put_together() -> None:
    """Twenty levels with one deal each cannot make a small p-value by themselves; one level alone cannot change."""
    rng = np.random.default_rng(2)
    chances = [interaction(rng.multinomial(60, np.ones(30) / 30, size=(2, 2)).astype(float))[0] for _ in range(300)]

    assert np.mean(np.array(chances) < 0.05) < 0.08
    assert interaction(np.array([[[40.0], [60.0]], [[10.0], [90.0]]])) == (1.0, 0.0, 0)


def test_a_shift_is_welchs() -> None:
    """Where the others do not vary, their means being known, it is Welch's test of the group's two means."""
    rng = np.random.default_rng(1)
    one, two = rng.normal(0, 1, 30), rng.normal(0.4, 2, 50)
    count = np.array([[1e12, 1e12], [30, 50]])
    mean = np.array([[0.0, 0.0], [one.mean(), two.mean()]])
    variance = np.array([[1.0, 1.0], [one.var(ddof=1), two.var(ddof=1)]])
    chance, far = shift(count, mean, variance)

    assert chance == pytest.approx(ttest_ind(one, two, equal_var=False).pvalue, rel=1e-6)
    assert far == pytest.approx(two.mean() - one.mean())
    assert shift(np.array([[4.0, 9.0], [9.0, 9.0]]), mean, variance) == (1.0, 0.0)


def alarms(seeds: range, deals: int) -> int:
    """In how many made-up worlds, whose labels all keep their meaning, the check speaks."""
    return sum(not found(world(seed, deals)).passed for seed in seeds)


def test_made_up_worlds_raise_hardly_any_alarm() -> None:
    """Of 15 worlds at most one, where one in a hundred is promised."""
    assert alarms(range(100, 115), 1500) <= 1


@pytest.mark.slow
@pytest.mark.parametrize("deals", [1500, 4000])
def test_false_alarms_are_at_most_one_in_a_hundred(deals: int) -> None:
    """Of 300 worlds no more than 1 % allows at the 99 % point of the binomial distribution; 2 at either size when it was written."""
    assert alarms(range(100, 400), deals) <= 8
