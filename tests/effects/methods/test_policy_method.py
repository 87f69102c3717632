"""Whom to treat at a given capacity, and what it gains on deals that it was not learned from."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from whywin.effects.methods.policy import OVER_CURRENT, OVER_RANDOM, Policy
from whywin.effects.question import Effect
from whywin.effects.rules import honest_choice, learned_rule, rule_table
from whywin.evidence import Evidence


def helpful(count: int = 3000, seed: int = 1) -> pd.DataFrame:
    """Deals in which the call adds forty points where there is no champion, and none where there is one."""
    rng = np.random.default_rng(seed)
    engagement, champion = rng.normal(size=count), (rng.uniform(size=count) < 0.6).astype(int)
    called = (rng.uniform(size=count) < 1 / (1 + np.exp(0.3 - 0.5 * engagement - 0.5 * champion))).astype(int)
    chance = 0.3 + 0.1 * np.tanh(engagement) + 0.4 * called * (champion == 0)
    won = (rng.uniform(size=count) < chance).astype(float)
    rep = np.array([f"R{one}" for one in rng.integers(30, size=count)])
    return pd.DataFrame({"called": called, "won": won, "engagement": engagement, "champion": champion, "rep": rep})


@pytest.fixture(scope="module")
def asked(about: Callable[..., Effect]) -> Effect:
    """The question about these deals."""
    return about(confounders=("engagement", "champion"), cluster="rep")


@pytest.fixture(scope="module")
def found(answered: Callable[..., Evidence], asked: Effect) -> Evidence:
    """What the policy says when a fifth of the deals can be treated."""
    return answered(Policy(capacity=0.2, splits=1), asked, helpful())


def test_the_rule_finds_who_is_helped(found: Evidence) -> None:
    """Only deals without a champion are treated, and the rule says so in words."""
    table = found.tables["rule"]
    treated = table[table["treat"] > 0]

    assert treated["deals_that"].str.contains("champion is 0").all()
    assert table["deals"].sum() == 3000


def test_the_capacity_is_kept_exactly(found: Evidence) -> None:
    """Over all deals a fifth is treated, neither more nor less, since so many gain from it."""
    table = found.tables["rule"]
    values = found.tables["values"].set_index("who")

    assert (table["treat"] * table["deals"]).sum() / table["deals"].sum() == pytest.approx(20.0)
    assert values.loc["the rule", "treated"] == pytest.approx(20.0)


def test_its_gain_is_what_it_should_be_and_no_more_than_an_oracle(found: Evidence) -> None:
    """A fifth of the deals, each of which gains forty points instead of sixteen: 4.8 points more than by chance."""
    row = found.of(OVER_RANDOM)

    assert row.low < 4.8 < row.high
    assert row.low > 0
    assert found.of(OVER_CURRENT).unit == "points"


def test_the_current_choice_is_judged_beside_it(found: Evidence) -> None:
    """People who call where there is a champion do worse than chance would."""
    values = found.tables["values"].set_index("who")

    assert values.loc["whom people choose now", "over_random"] < 0
    assert values.loc["everyone", "mean"] > values.loc["nobody", "mean"]


def test_where_effects_are_alike_it_claims_nothing(answered: Callable[..., Evidence], asked: Effect) -> None:
    """The sentence says that the gain cannot be told from noise, and its interval covers nought."""
    rng = np.random.default_rng(6)
    deals = helpful(2000, 6).assign(won=lambda frame: (rng.uniform(size=len(frame)) < 0.3 + 0.2 * frame["called"]).astype(float))
    evidence = answered(Policy(splits=1), asked, deals)
    row, check = evidence.of(OVER_RANDOM), next(check for check in evidence.checks if check.name == "policy")

    assert row.low < 0 < row.high
    assert "treating as many deals at random it gains" in check.says
    assert "cannot be told from noise" in check.says


def test_what_costs_more_than_it_gains_is_not_done(answered: Callable[..., Evidence], asked: Effect) -> None:
    """At a cost of thirty points only the deals without a champion are worth it, however large the capacity."""
    evidence = answered(Policy(capacity=1.0, cost=30.0, splits=1), asked, helpful())
    table = evidence.tables["rule"]

    assert table.loc[table["treat"] > 0, "deals_that"].str.contains("champion is 0").all()
    assert evidence.tables["values"].set_index("who").loc["the rule", "treated"] < 60


def test_no_deal_is_judged_by_a_rule_that_it_taught() -> None:
    """Changing the scores of the last fold changes no choice in any fold: each is judged by folds before it."""
    rng = np.random.default_rng(9)
    features, net, fold = rng.normal(size=(500, 3)), rng.normal(size=500), rng.integers(5, size=500)
    shares = np.full(5, 0.3)
    plain = honest_choice(features, net, net, fold, shares, 2, 0.1)
    moved = honest_choice(features, np.where(fold == 4, 100.0, net), np.where(fold == 4, 9.0, net), fold, shares, 2, 0.1)

    assert (plain.rows == moved.rows).all()
    assert (plain.chance == moved.chance).all()
    assert set(fold[plain.rows]) == {2, 3, 4}


def test_rules_are_told_in_words() -> None:
    """Logarithms are undone, levels are named, and two conditions on one number are one range."""
    rng = np.random.default_rng(0)
    features = np.column_stack([rng.normal(9, 1, size=2000), rng.uniform(size=2000) < 0.5])
    net = np.where((features[:, 0] > 9) & (features[:, 1] == 1), 1.0, -0.5)
    rule = learned_rule(features, net, net, 0.5, 2, 50)
    table = rule_table(rule, features, ["log amount", "region=North"], 0.5, 100.0)
    first = table["deals_that"].iloc[0]

    assert "region is North" in first
    amount = float(first.split("amount is over ")[1].split(" and")[0].replace(",", ""))
    assert amount == pytest.approx(np.exp(9), rel=0.05)


@pytest.mark.slow
def test_gains_of_rules_that_found_noise_cover_nought(answered: Callable[..., Evidence], asked: Effect) -> None:
    """Of a hundred worlds with one effect the interval of the gain leaves out nought in at most eleven."""
    misses = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        deals = helpful(1000, seed).assign(
            won=lambda frame, rng=rng: (rng.uniform(size=len(frame)) < 0.3 + 0.2 * frame["called"]).astype(float)
        )
        row = answered(Policy(splits=1), asked, deals, seed).of(OVER_RANDOM)
        misses += not row.low <= 0 <= row.high

    assert misses <= 11
