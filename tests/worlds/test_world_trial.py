"""The alert trial is randomised by rep, and its truth is the mean of what assignment and delivery do."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from whywin.worlds.market import Market, World, simulate
from whywin.worlds.trial import alert_trial

SEEDS = range(400)


def _true(world: World, quantity: str, segment: str = "arm=alert") -> float:
    truth = world.truth
    return float(
        truth[(truth["table"] == "trial") & (truth["quantity"] == quantity) & (truth["segment"] == segment)]["value"].iloc[0]
    )


@pytest.mark.parametrize("reps", [4, 7, 40])
def test_half_of_the_reps_get_the_alerts(reps: int) -> None:
    """The arms have equally many reps (one fewer alerted where the number is odd), and a rep is in one arm only."""
    trial = simulate(Market(trial_reps=reps, rep_size_variation=0.0)).tables["trial"]
    arms = trial.groupby("rep")["arm"]

    assert arms.nunique().eq(1).all()
    assert arms.first().value_counts().to_dict() == {"alert": reps // 2, "control": reps - reps // 2}


def test_any_rep_may_be_alerted() -> None:
    """Over markets every rep is alerted about as often as not."""
    alerted = np.zeros(10)
    for seed in range(200):
        trial = alert_trial(Market(seed=seed, deals=300, trial_reps=10, rep_size_variation=0.0)).table
        alerted += trial.groupby("rep")["arm"].first().eq("alert").to_numpy()

    assert (np.abs(alerted - 100) < 4 * np.sqrt(50)).all()


def test_the_trial_has_its_own_closed_deals_after_the_pipeline() -> None:
    """Trial deals carry ids of their own, are created in the quarter after the deals' last, and are all closed."""
    tables = simulate(Market()).tables
    trial = tables["trial"]

    assert trial["deal_id"].is_unique
    assert not set(trial["deal_id"]) & set(tables["deals"]["deal_id"])
    assert not set(trial["rep"]) & set(tables["deals"]["rep"])
    assert trial["created"].between(pd.Timestamp("2024-07-01"), pd.Timestamp("2024-09-30")).all()
    assert (trial["closed"] > trial["created"]).all()
    assert set(trial["outcome"]) == {"Won", "Lost"}


def test_alerts_are_delivered_to_the_asked_share_of_the_alerted_only() -> None:
    """No control deal gets an alert; of the alerted ones the share that complies does."""
    trial = simulate(Market(deals=20_000, compliance=0.7)).tables["trial"]
    delivered = trial.groupby("arm")["alert_delivered"].mean()

    assert delivered["control"] == 0
    assert delivered["alert"] == pytest.approx(0.7, abs=0.02)


def test_the_truth_of_the_trial_follows_from_its_columns() -> None:
    """Without segments and skill every true number can be worked out by hand from engagement, champion and amount."""
    market = Market(segment_sd=0.0, rep_sd=0.0, alert_effect=0.6, compliance=0.75)
    world = simulate(market)
    trial = world.tables["trial"]
    size = (np.log(trial["amount"]) - 9.6) / 0.8
    logits = logit(0.42) + 0.55 * trial["engagement"] + 0.45 * (trial["champion"] - 0.4) - 0.15 * size
    without, delivered = expit(logits), expit(logits + 0.6)
    assigned = 0.75 * delivered + 0.25 * without
    alert = trial["arm"] == "alert"

    assert _true(world, "effect of delivery") == pytest.approx(100 * (delivered - without).mean(), abs=1e-9)
    assert _true(world, "effect of assignment") == pytest.approx(75 * (delivered - without).mean(), abs=1e-9)
    assert _true(world, "win rate") == pytest.approx(100 * assigned[alert].mean(), abs=1e-9)
    assert _true(world, "win rate", "arm=control") == pytest.approx(100 * without[~alert].mean(), abs=1e-9)


@pytest.mark.parametrize("null", [{"alert_effect": 0.0}, {"compliance": 0.0}])
def test_alerts_that_do_nothing_have_no_effect(null: dict[str, float]) -> None:
    """An alert without an effect, and one that is never delivered, change no deal's chance beyond rounding."""
    trial = alert_trial(Market(**null))

    np.testing.assert_allclose(trial.assigned, trial.without, rtol=0, atol=1e-15)
    assert _true(simulate(Market(**null)), "effect of assignment") == pytest.approx(0, abs=1e-13)


def test_with_full_compliance_assignment_is_delivery() -> None:
    """Where every alert arrives, the effects of assignment and of delivery are one."""
    world = simulate(Market(compliance=1.0))

    assert _true(world, "effect of assignment") == _true(world, "effect of delivery") > 0


def test_the_difference_of_the_arms_is_unbiased_across_markets() -> None:
    """Over markets the difference of the arms has the true effect of assignment as its mean, and each arm its true win rate."""
    errors = []
    for seed in SEEDS:
        trial = alert_trial(Market(seed=seed, deals=1000, rep_size_variation=0.0))
        alert, won = trial.table["arm"].eq("alert").to_numpy(), trial.table["outcome"].eq("Won").to_numpy()
        arms = won[alert].mean() - trial.assigned[alert].mean(), won[~alert].mean() - trial.without[~alert].mean()
        effect = won[alert].mean() - won[~alert].mean() - np.mean(trial.assigned - trial.without)
        errors.append([100 * effect, *(100 * arm for arm in arms)])
    scores = np.mean(errors, axis=0) / (np.std(errors, axis=0, ddof=1) / np.sqrt(len(SEEDS)))

    assert (np.abs(scores) < 4).all()
    assert np.std(errors, axis=0)[0] / np.sqrt(len(SEEDS)) < 0.3  # points: a bias of a tenth of the effect would be seen


def test_deals_of_one_rep_are_alike_where_reps_have_skill() -> None:
    """Rates of reps scatter as deals would on their own without skill, and much more with it: why reps are the unit."""
    ratios = {}
    for spread in (0.0, 0.6):
        market = Market(deals=20_000, rep_sd=spread, segment_sd=0.0, alert_effect=0.0, rep_size_variation=0.0)
        won = simulate(market).tables["trial"].assign(won=lambda table: table["outcome"].eq("Won")).groupby("rep")["won"]
        rate = won.mean()
        ratios[spread] = rate.var() / (rate * (1 - rate) / won.size()).mean()

    assert 0.5 < ratios[0.0] < 1.7
    assert ratios[0.6] > 4
