"""Cohorts with deals still open: what is known on a day, how they are forecast, and whether the forecasts are honest."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from whywin.deals.contract import Contract
from whywin.deals.read import keep_contract
from whywin.errors import ConfigError, QuestionError
from whywin.evidence import Estimate, Evidence
from whywin.stats.streams import stream
from whywin.winrates.checks.backtest import Backtest, p_value
from whywin.winrates.maturity import Chances, bands, counted, endings, known_on
from whywin.winrates.methods.maturity import Maturity
from whywin.winrates.question import WinRates
from whywin.worlds.market import Market, simulate

QUESTION = WinRates(
    ("industry",), time="created", baseline=("2023Q1", "2023Q2", "2023Q3", "2023Q4"), current=("2024Q1", "2024Q2")
)
DAY = pd.Timestamp("2024-03-01")


def market(follow_up_days: int) -> pd.DataFrame:
    """A market in which lost deals take twice as long as won ones, so that closed deals flatter a young cohort."""
    raw = simulate(Market(seed=4, deals=2400, lost_cycle_ratio=2.0, follow_up_days=follow_up_days)).tables["deals"]
    return keep_contract(raw, Contract(won=("Won",), lost=("Lost",), open=("Open",))).table


@pytest.fixture(scope="module")
def forecast() -> SimpleNamespace:
    """The answer on the last day of the latest quarter, and the rates to which its cohorts came by the horizon, years later."""
    method = Maturity(draws=600, tune=600, backtest_cohorts=2)
    sample = method.need(QUESTION).sample(market(0))
    evidence = method.answer(QUESTION, sample, stream(1, "maturity"))
    later = method.need(QUESTION).sample(market(5000))
    in_time = (later["closed"] - later["created"]).dt.days <= evidence.tables["curves"]["age"].max()
    ended = 100 * later[in_time].groupby("created_quarter")["won"].mean()
    return SimpleNamespace(method=method, sample=sample, evidence=evidence, ended=ended)


@pytest.fixture
def small() -> pd.DataFrame:
    """Five deals: closed on its first day, closed on the day asked about, closed after it, open, created after it."""
    ages = {"created": [0, 10, 20, 30, -5], "closed": [0, 0, -9, np.nan, -7], "won": [1.0, 0.0, 1.0, np.nan, 1.0]}
    created = DAY - pd.to_timedelta(ages["created"], unit="D")
    closed = pd.Series(DAY - pd.to_timedelta(ages["closed"], unit="D"))
    return pd.DataFrame({"cohort": ["a", "a", "b", "b", "b"], "created": created, "closed": closed, "won": ages["won"]})


def test_what_was_known_on_a_day(small: pd.DataFrame) -> None:
    """Deals created later are not there, closings after that day are not known, and an open deal is as old as it is that day."""
    known = known_on(small, DAY)

    assert known["cohort"].tolist() == ["a", "a", "b", "b"]
    assert known["days"].tolist() == [0, 10, 20, 30]
    assert known["won"].tolist() == pytest.approx([1.0, 0.0, np.nan, np.nan], nan_ok=True)
    assert known["reached"].tolist() == [0, 10, 20, 30]


def test_bands_end_at_the_horizon_or_at_the_longest_cycle(small: pd.DataFrame) -> None:
    """Bands ascend without a repeat, even where half the deals close on one day."""
    known = known_on(small, DAY)

    assert bands(known, 4, None)[-1] == 10
    assert bands(known, 4, 25)[-1] == 25
    assert (np.diff(bands(known.assign(days=[3, 3, 3, 3]), 5, None)) > 0).all()


def test_counts_keep_every_day_and_every_closing(small: pd.DataFrame) -> None:
    """Every cohort has every band, one with no deals too; days at risk are ages plus one, as far as the horizon."""
    counts = counted(known_on(small, DAY), ("a", "b", "c"), np.array([4, 20]))

    assert counts.groupby("cohort")["exposed"].sum().tolist() == [1 + 11, 21 + 21, 0]
    assert counts.groupby("cohort")[["won", "lost"]].sum().to_numpy().tolist() == [[1, 1], [0, 0], [0, 0]]


def chances(cohorts: int, last: list[int]) -> Chances:
    """Arbitrary draws."""
    rng = np.random.default_rng(3)
    shape = (400, cohorts, len(last))
    return Chances(rng.uniform(0.01, 0.1, shape), rng.uniform(0.2, 0.8, shape), np.array(last), {})


def test_without_open_deals_a_cohort_ends_at_its_observed_rate() -> None:
    """What is decided counts as it is, whatever the model says: here with one band of ages."""
    known = pd.DataFrame({"cohort": ["a"] * 3 + ["b"] * 2, "days": [1, 2, 9, 4, 0], "won": [1.0, 0.0, 1.0, 0.0, 1.0]})
    ended = endings(known, ("a", "b"), chances(2, [9]), np.random.default_rng(1))

    assert (ended.rate([0]) == 2 / 3).all()
    assert ended.rate([0, 1]) == pytest.approx(np.full(400, known["won"].mean()))


def test_open_deals_are_drawn_from_their_own_age() -> None:
    """Counts stay within the deals; the mean is the chance; a deal that is open past the horizon is not decided by it."""
    known = pd.DataFrame({"cohort": "a", "days": [5] * 300 + [30], "won": np.nan})
    drawn = Chances(np.full((2000, 1, 1), 0.05), np.full((2000, 1, 1), 0.4), np.array([20]), {})
    ended = endings(known, ("a",), drawn, np.random.default_rng(1))

    assert ended.won.mean() == pytest.approx(300 * 0.4 * (1 - 0.95**15), abs=1)
    assert ended.lost.mean() == pytest.approx(300 * 0.6 * (1 - 0.95**15), abs=1)
    assert (ended.won + ended.lost).max() <= 300


def tree(draws: int, tried: list[str], **attrs: float) -> object:
    """A posterior as an engine leaves it; with a k-hat it is the fast engine's, else NUTS's with one draw divergent."""
    import xarray as xr

    ends = {"chain": [0, 1], "draw": range(draws), "term": ["age"]}
    flat = np.zeros((2, draws))
    unknown = xr.Dataset({"intercept": (("chain", "draw"), flat), "sd": (("chain", "draw", "term"), flat[..., None])}, ends)
    groups = {"posterior": unknown, "constant_data": xr.Dataset()}
    if "khat" not in attrs:
        diverging = np.arange(2 * draws).reshape(2, draws) == 0
        groups["sample_stats"] = xr.Dataset(
            {"diverging": (("chain", "draw"), diverging), "energy": (("chain", "draw"), flat + 2.0)}
        )
    made = xr.DataTree.from_dict(groups)
    made.attrs.update(tried=tried, engine="laplace" if "khat" in attrs else "nuts", **attrs)
    return made


def test_both_posteriors_are_kept_and_judged_as_one() -> None:
    """Chains that diverge in either part count, the worse k-hat counts, and what was tried in vain is told of both."""
    drawn = chances(2, [9])
    fast = {"khat": 0.1, "khat_marginal": 0.0, "effective": 90.0, "candidates": 100}
    chains = replace(drawn, trees={"closing": tree(50, ["bad", "good"]), "winning": tree(40, ["fine"])}).joint()
    ratios = replace(
        drawn, trees={"closing": tree(40, ["a"], **fast), "winning": tree(40, ["b"], **(fast | {"khat": 0.3}))}
    ).joint()
    mixed = replace(drawn, trees={"closing": tree(40, ["a"], **fast), "winning": tree(40, ["b"])}).joint()

    assert set(chains.posterior.data_vars) == {
        f"{part}_{name}" for part in ("closing", "winning") for name in ("intercept", "sd")
    }
    assert chains.posterior.sizes["draw"] == 40
    assert (int(chains.sample_stats["diverging"].sum()), float(chains.sample_stats["energy"].max())) == (1, 4.0)
    assert chains.attrs["tried"] == ["closing: bad", "winning: fine"]
    assert (ratios.attrs["khat"], "sample_stats" in ratios.children) == (0.3, False)
    assert (mixed.attrs["engine"], "sample_stats" in mixed.children) == ("laplace and nuts", True)


def test_a_young_cohort_is_forecast_where_closed_deals_flatter_it(forecast: SimpleNamespace) -> None:
    """Closed deals put the latest quarter ten points too high; the forecast's interval holds what it came to, and so do the others."""
    table = forecast.evidence.tables["maturity"].set_index("cohort")
    young = table.loc["2024Q2"]

    assert young["decided"] < 60
    assert young["observed"] > forecast.ended["2024Q2"] + 10
    assert young["high"] < young["observed"]
    assert forecast.ended[table.index].between(table["low"] - 1e-9, table["high"] + 1e-9).all()


def test_a_cohort_is_surer_the_older_it_is(forecast: SimpleNamespace) -> None:
    """A cohort that is decided has its rate and no interval about it; the latest has the widest."""
    table = forecast.evidence.tables["maturity"]
    width = (table["high"] - table["low"]).to_numpy()

    assert width[0] < 0.5
    assert width[-1] == width.max() > 4 * width[2]


def test_the_answer_has_each_cohort_and_the_changes(forecast: SimpleNamespace) -> None:
    """Rates are told of all deals and of each cohort, changes of all; a chance is less sure than a count of what is there."""
    of = forecast.evidence.of
    changes = [row.quantity for row in forecast.evidence.estimates if row.unit == "points"]

    assert of("final win rate", "created_quarter=2024Q2").n == int((forecast.sample["created_quarter"] == "2024Q2").sum())
    assert changes == ["change in win rate", "change in final win rate", "change in win rate at the same age"]
    for name in ("win rate", "change in win rate"):
        final = of(name.replace("win", "final win"))
        assert of(name).high - of(name).low > final.high - final.low


def test_curves_rise_and_leave_room_for_open_deals(forecast: SimpleNamespace) -> None:
    """Shares won and lost never fall and never exceed all deals; they follow the nonparametric ones where those are known."""
    curves = forecast.evidence.tables["curves"]
    old = curves[curves["cohort"] == "2023Q1"]

    assert (curves.groupby("cohort")[["won", "lost"]].diff().dropna() >= 0).all(axis=None)
    assert (curves["won"] + curves["lost"] <= 100).all()
    assert (old["won"] - old["won_observed"]).abs().max() < 6
    assert curves.loc[(curves["cohort"] == "2024Q2") & (curves["age"] > 91), "won_observed"].isna().all()


def test_cohorts_are_compared_at_the_age_of_the_youngest(forecast: SimpleNamespace) -> None:
    """The age is that which half of the latest quarter's deals have reached; at it, every cohort stands higher than in the end."""
    table = forecast.evidence.tables["maturity"]

    assert len(set(table["same_age_days"])) == 1
    assert table["same_age_days"].between(40, 50).all()
    assert (table["same_age"] > table["final"]).all()


def test_the_backtest_says_what_was_said_and_what_came(forecast: SimpleNamespace) -> None:
    """The two latest decided cohorts on three days each, of the deals created by then; place and interval agree."""
    table = forecast.evidence.tables["backtest"]

    assert table["cohort"].tolist() == ["2023Q3"] * 3 + ["2023Q4"] * 3
    assert table["age"].tolist() == [30, 60, 90] * 2
    assert (table.groupby("cohort")["deals"].diff().dropna() > 0).all()
    assert (table["inside"] == table["ended"].between(table["low"], table["high"])).all()
    assert table["place"].between(0, 1).all()


def test_a_past_day_knows_nothing_of_later_ones(forecast: SimpleNamespace) -> None:
    """Given a day in the past, later deals and closings change no number: the backtest cannot look ahead."""
    method = Maturity(draws=100, tune=100, chains=2, as_of=pd.Timestamp("2024-05-15").date(), backtest_days=(), horizon_days=400)
    cut = forecast.sample[forecast.sample["created"] <= "2024-05-15"].copy()
    late = cut["closed"] > "2024-05-15"
    cut.loc[late, ["closed", "won"]] = [pd.NaT, np.nan]
    whole, part = (method.answer(QUESTION, table, stream(1, "maturity")) for table in (forecast.sample, cut))

    assert late.any()
    assert whole.estimates == part.estimates


@pytest.mark.parametrize("time", ["closed", None])
def test_only_cohorts_of_creation_ripen(time: str | None) -> None:
    """Deals by closing date have no open ones among them; the error says what to set."""
    with pytest.raises(QuestionError, match="set time: created"):
        Maturity().need(WinRates(("industry",), time=time))


def test_settings_and_days_that_make_no_sense_are_refused(forecast: SimpleNamespace) -> None:
    """A forecast on the first day has no deals, and a day before the first closing has nothing to learn from."""
    with pytest.raises(ConfigError, match="backtest_days"):
        Maturity(backtest_days=(0, 30))
    with pytest.raises(QuestionError, match="no deal was closed by 2023-01-02"):
        Maturity(as_of=pd.Timestamp("2023-01-02").date()).answer(QUESTION, forecast.sample, stream(1, "maturity"))


def backtested(inside: list[bool]) -> SimpleNamespace:
    """An answer whose backtest held or not, cohort by cohort, on day 30."""
    table = pd.DataFrame({"cohort": range(len(inside)), "age": 30, "inside": np.array(inside, dtype=bool)})
    return SimpleNamespace(label="maturity", evidence=Evidence((), tables={"backtest": table}))


@pytest.mark.parametrize(
    ("inside", "passed", "severity"),
    [([True] * 8, True, "serious"), ([True] * 6 + [False], True, "serious"), ([True] * 5 + [False] * 2, False, "note"),
     ([True] * 4 + [False] * 4, False, "serious"), ([], True, "note")],
)  # fmt: skip
def test_the_check_fails_when_intervals_held_too_seldom(inside: list[bool], passed: bool, severity: str) -> None:
    """One miss of seven is chance, two are a note, four of eight lower the grade; without old cohorts nothing is said against it."""
    (check,) = Backtest().check(QUESTION, (backtested(inside),), None, np.random.default_rng(1))

    assert (check.passed, check.severity, check.method) == (passed, severity, "maturity")
    assert check.says.endswith(".")


def test_the_check_is_silent_about_other_answers_and_counts_ages_apart() -> None:
    """A method without forecasts is not judged; three ages of one cohort are not three independent witnesses."""
    other = SimpleNamespace(label="observed", evidence=Evidence((Estimate("win rate", "all", 1, 0, 2, 0.95, 9, "percent"),)))
    three = pd.DataFrame({"cohort": ["a"] * 3, "age": [30, 60, 90], "inside": [False] * 3})

    assert Backtest().check(QUESTION, (other,), None, np.random.default_rng(1)) == ()
    assert p_value(three, 0.95) == pytest.approx(3 * 0.05)
