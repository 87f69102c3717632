"""Risk-set matching of deals: immortal time stays out, open deals are counted honestly, and it says what it lacks."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from whywin.effects.methods.difference import Difference
from whywin.effects.methods.risk_set_matching import NEVER, RiskSetMatching
from whywin.effects.question import Effect
from whywin.errors import QuestionError
from whywin.evidence import Evidence

QUESTION = Effect("called", confounders=("engagement",), treated_at="called_at")
Ask = Callable[..., Evidence]


def dying_young(count: int = 3000, seed: int = 0, gain: float = 0.0) -> pd.DataFrame:
    """Deals that are called at random days while they are open, where lost deals close early; a call adds `gain` to each chance."""
    rng = np.random.default_rng(seed)
    engagement, luck = rng.normal(size=count), rng.uniform(size=count)
    chance = 0.4 + 0.1 * np.clip(engagement, -2, 2)
    days = np.maximum(1, np.round(rng.exponential(40, size=count) * np.where(luck < chance, 1.0, 0.4)))
    age = 1 + np.floor(rng.exponential(60, size=count) / np.exp(0.5 * engagement))
    called = age < days
    again = age + 1 + np.floor(rng.exponential(60, size=count) / np.exp(0.5 * engagement)) < days  # had it not been called then
    gained = 100.0 * ((luck >= chance) & (luck < chance + gain))
    created = pd.Series(pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 300, size=count), unit="D"))
    return pd.DataFrame(
        {
            "engagement": engagement,
            "region": rng.choice(["North", "South"], size=count),
            "created": created,
            "closed": created + pd.to_timedelta(days, unit="D"),
            "called": called.astype(int),
            "called_at": (created + pd.to_timedelta(age, unit="D")).where(called),
            "won": (luck < chance + gain * called).astype(float),
            "gained": gained,
            "gained_now": np.where(again, 0.0, gained),
        }
    )


@pytest.fixture(scope="module")
def young() -> pd.DataFrame:
    """Three thousand deals on which a call has no effect."""
    return dying_young()


def test_immortal_time_stays_out(young: pd.DataFrame, answered: Ask) -> None:
    """Where a call does nothing, the plain difference finds much, and both effects in risk sets nothing."""
    plain = answered(Difference(), QUESTION, young).of(QUESTION.quantity)
    found = answered(RiskSetMatching(), QUESTION, young)

    assert plain.low > 10
    for quantity in (QUESTION.quantity, NEVER):
        row = found.of(quantity)
        assert row.low < 0 < row.high
        assert row.high - row.low < 16


def test_an_effect_that_is_there_is_found_and_later_calls_dilute_it(answered: Ask) -> None:
    """Against no call at all the gain is that of a call; now rather than not yet it is less, by the matches called later."""
    deals = dying_young(8000, seed=1, gain=0.25)
    found = answered(RiskSetMatching(), QUESTION, deals)
    later = next(check.value for check in found.checks if check.name == "treated_later")
    never, now = found.of(NEVER), found.of(QUESTION.quantity)

    gained, gained_now = deals.loc[deals["called"] == 1, ["gained", "gained_now"]].mean()

    assert never.low < gained < never.high
    assert now.low < gained_now < now.high
    assert gained_now < 0.8 * gained
    assert 0.2 < later < 0.6


def test_its_point_is_its_estimate(young: pd.DataFrame, answered: Ask) -> None:
    """Checks refit it by `point`, which must be the same number."""
    method = RiskSetMatching(exact=("region",), follow_up_days=30)

    assert (
        method.point(QUESTION, method.need(QUESTION).sample(young))
        == answered(method, QUESTION, young).of(QUESTION.quantity).value
    )


def test_open_deals_stand_in_risk_sets_and_are_counted(young: pd.DataFrame, answered: Ask) -> None:
    """A deal still open has no outcome; beyond the share that is granted the check fails, and says what they could do to the effect."""
    late = young["closed"] > pd.Timestamp("2024-10-01")
    still = young.assign(won=young["won"].mask(late), closed=young["closed"].mask(late))
    still = still[still["created"] < pd.Timestamp("2024-10-01")].reset_index(drop=True)
    still = still.assign(called_at=still["called_at"].where(still["called_at"] <= pd.Timestamp("2024-10-01")))
    still = still.assign(called=still["called_at"].notna().astype(int))
    check = next(c for c in answered(RiskSetMatching(), QUESTION, still).checks if c.name == "open_deals")
    waited = next(c for c in answered(RiskSetMatching(follow_up_days=120), QUESTION, still).checks if c.name == "open_deals")

    assert (check.passed, check.severity, check.value) == (False, "serious", pytest.approx(still["won"].isna().mean()))
    assert "were all of them lost, the effect would be " in check.says
    assert waited.passed
    assert waited.value < check.value


def test_deals_created_too_late_are_left_out_whether_closed_or_not(young: pd.DataFrame, answered: Ask) -> None:
    """Waiting for long leaves nobody, which is said; waiting until half of the deals are old enough leaves fewer deals."""
    half = float((young["closed"].max() - young["created"].median()).days)
    few = answered(RiskSetMatching(follow_up_days=half), QUESTION, young).of(QUESTION.quantity)

    assert few.n < answered(RiskSetMatching(), QUESTION, young).of(QUESTION.quantity).n
    with pytest.raises(QuestionError, match="no deal was created 900 days before"):
        answered(RiskSetMatching(follow_up_days=900), QUESTION, young)


def test_a_deal_treated_on_the_day_that_it_closes_is_nobodys_treated(young: pd.DataFrame, answered: Ask) -> None:
    """At that moment no deal is still open beside it, so that it is counted among those left out."""
    one = young.index[young["called"] == 1][0]
    moved = young.copy()
    moved.loc[one, "called_at"] = moved.loc[one, "closed"]
    says = next(check.says for check in answered(RiskSetMatching(), QUESTION, moved).checks if check.name == "matched")

    assert "1 were treated at the moment that they closed" in says


def test_matches_are_balanced(young: pd.DataFrame, answered: Ask) -> None:
    """Deals that are called early are more engaged; their matches are as engaged."""
    balance = answered(RiskSetMatching(), QUESTION, young).tables["balance"].iloc[0]

    assert abs(balance["smd_before"]) > 0.3
    assert abs(balance["smd_after"]) < 0.05


def test_it_says_what_the_question_lacks() -> None:
    """Without a time of treatment, or asked for all deals, it does not run; both faults are told."""
    faults = RiskSetMatching().faults(replace(QUESTION, treated_at=None, estimand="all"))

    assert len(faults) == 2
    assert RiskSetMatching().faults(QUESTION) == []


def test_a_stratum_that_is_no_column_is_refused(young: pd.DataFrame, answered: Ask) -> None:
    """A name that the deals do not have is told, not skipped."""
    with pytest.raises(QuestionError, match="the deals have no column 'regoin'"):
        answered(RiskSetMatching(exact=("regoin",)), QUESTION, young)


def test_reps_that_decide_together_widen_the_interval(young: pd.DataFrame, answered: Ask) -> None:
    """Deals of one cluster are added up: where reps differ in calling and in winning, the interval is wider than over deals."""
    rng = np.random.default_rng(3)
    rep = 2 * rng.integers(0, 10, size=len(young)) + young["called"].to_numpy()
    lucky = rng.uniform(size=20) < 0.5
    alike = young.assign(rep=rep, won=np.where(rng.uniform(size=len(young)) < 0.5, lucky[rep], young["won"]).astype(float))
    widths = [
        (row := answered(RiskSetMatching(), asked, alike).of(asked.quantity)).high - row.low
        for asked in (QUESTION, replace(QUESTION, cluster="rep"))
    ]

    assert widths[1] > 1.2 * widths[0]


@pytest.mark.slow
def test_its_interval_covers_at_its_nominal_rate(answered: Ask) -> None:
    """Over 400 worlds without an effect, 95 % intervals of both effects cover nought in 93 to 97 %, give or take the noise of 400."""
    rows = [answered(RiskSetMatching(), QUESTION, dying_young(1200, seed)) for seed in range(400)]
    for quantity in (QUESTION.quantity, NEVER):
        covered = np.mean([found.of(quantity).low <= 0 <= found.of(quantity).high for found in rows])
        assert 0.92 <= covered <= 0.98
