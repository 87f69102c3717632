"""The doubly robust method: the truth, which models predict, clusters, and numbers of any kind."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from whywin.effects.methods.difference import Difference
from whywin.effects.methods.doubly_robust import DoublyRobust
from whywin.effects.methods.weighting import Weighting
from whywin.errors import ConfigError

QUICK = {"splits": 1, "learners": ("linear", "quadratic")}


def curved(count: int, seed: int) -> pd.DataFrame:
    """Deals whose treatment and outcome bend with engagement alike; the call adds 20 points to each deal's chance."""
    rng = np.random.default_rng(seed)
    engagement = rng.normal(size=count)
    bend = np.clip(engagement**2 - 1, -1, 3)
    called = rng.uniform(size=count) < 1 / (1 + np.exp(1 - 0.6 * bend))
    won = rng.uniform(size=count) < 0.35 + 0.1 * bend + 0.2 * called
    return pd.DataFrame({"called": called.astype(int), "won": won.astype(float), "engagement": engagement})


@pytest.mark.parametrize("estimand", ["treated", "all"])
def test_it_finds_what_the_difference_misses(made: Callable, about: Callable, answered: Callable, estimand: str) -> None:
    """On confounded deals its interval covers the effect that was put in; the plain difference's does not."""
    table, question = made(5000, seed=2), about(estimand=estimand)
    robust, naive = (answered(method, question, table).estimates[0] for method in (DoublyRobust(splits=1), Difference()))

    assert robust.low < 20 < robust.high
    assert naive.low > 20


@pytest.mark.parametrize("estimand", ["treated", "all"])
def test_a_bend_misleads_weighting_but_not_flexible_models(about: Callable, answered: Callable, estimand: str) -> None:
    """Where treatment and outcome bend alike, the logit-linear weights leave the bias, and the mixture takes it out."""
    table, question = curved(4000, 1), about(confounders=("engagement",), estimand=estimand)
    linear, flexible = (answered(method, question, table) for method in (Weighting(), DoublyRobust(splits=1)))
    shares = flexible.tables["nuisances"].set_index(["nuisance", "learner"])["share"]

    assert linear.estimates[0].low > 20
    assert flexible.estimates[0].low < 20 < flexible.estimates[0].high
    assert shares["treatment", "linear"] < 0.1


def test_the_table_says_which_models_predict(deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """For each nuisance the shares of the learners add up to one, and no learner is far better than the largest share's."""
    own, every = (answered(DoublyRobust(**QUICK), about(estimand=estimand), deals).tables for estimand in ("treated", "all"))

    assert list(dict.fromkeys(every["nuisances"]["nuisance"])) == [
        "treatment",
        "outcome without treatment",
        "outcome with treatment",
    ]
    assert list(dict.fromkeys(own["nuisances"]["nuisance"])) == ["treatment", "outcome without treatment"]
    assert every["nuisances"].groupby("nuisance")["share"].sum().to_numpy() == pytest.approx(np.ones(3))
    assert every["nuisances"]["loss"].between(0.3, 0.8).all()


@pytest.mark.parametrize("estimand", ["treated", "all"])
def test_outcomes_differ_by_the_effect(deals: pd.DataFrame, about: Callable, answered: Callable, estimand: str) -> None:
    """The mean with treatment less the mean without is the estimate, and `point` is near it: one split of several."""
    question, method = about(estimand=estimand), DoublyRobust(splits=3, learners=("linear",))
    evidence = answered(method, question, deals)
    row, means = evidence.of(question.quantity), evidence.tables["outcomes"].set_index("treatment")["mean"]

    assert means["with"] - means["without"] == pytest.approx(row.value)
    assert abs(method.point(question, method.need(question).sample(deals)) - row.value) < (row.high - row.low) / 8


def test_a_cluster_is_held_out_together_and_counted_once(deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """Deals that stand four times under one rep have the interval of once: copies help neither prediction nor precision."""
    fourfold = pd.concat([deals.head(300).assign(rep=[f"R{number}" for number in range(300)])] * 4, ignore_index=True)
    method = DoublyRobust(splits=3, learners=("linear",))
    copied = answered(method, about(cluster="rep"), fourfold).estimates[0]
    once = answered(method, about(), deals.head(300)).estimates[0]

    assert copied.high - copied.low == pytest.approx(once.high - once.low, rel=0.1)


def test_a_number_is_predicted_as_a_number(deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """An outcome in dollars is compared in dollars, and the effect that was put in is covered."""
    rng = np.random.default_rng(5)
    dollars = 1000 * deals["engagement"] + 500 * deals["called"] + 300 * rng.normal(size=len(deals))
    row = answered(DoublyRobust(splits=1), about(outcome="dollars"), deals.assign(dollars=dollars)).estimates[0]

    assert row.low < 500 < row.high
    assert row.high - row.low < 200
    assert row.unit == "number"


def test_units_of_covariates_decide_nothing(deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """Stretching and moving a covariate leaves the answer as it was, with every learner."""
    moved = deals.assign(engagement=1000 + 32 * deals["engagement"])
    plain, other = (answered(DoublyRobust(splits=1), about(), table).estimates[0] for table in (deals, moved))

    assert (other.value, other.low, other.high) == pytest.approx((plain.value, plain.low, plain.high), abs=0.05)


def test_certainty_is_clipped_and_said(deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """Where a column tells who was called, propensities are set to the clip, the answer stays finite, and a note counts them."""
    evidence = answered(
        DoublyRobust(**QUICK), about(confounders=("engagement", "telling")), deals.assign(telling=deals["called"] * 1.0)
    )
    note = next(check for check in evidence.checks if check.name == "clip")

    assert (note.passed, note.severity, note.value) == (False, "note", len(deals))
    assert np.isfinite(evidence.estimates[0].value)


def test_nothing_to_adjust_for_is_the_plain_difference(deals: pd.DataFrame, answered: Callable, about: Callable) -> None:
    """Where the graph asks for no adjustment the estimate is the difference of means, up to what folds make of means."""
    question = about(confounders=(), graph=(("called", "won"),))
    robust, naive = (answered(method, question, deals).estimates[0] for method in (DoublyRobust(), Difference()))

    assert robust.value == pytest.approx(naive.value, abs=0.3)


def test_settings_of_doubly_robust_keep_their_rules() -> None:
    """No learner, one fold, no split and no clip are refused at once."""
    with pytest.raises(ConfigError) as caught:
        DoublyRobust(learners=(), folds=1, splits=0, clip=0.0)

    assert len(caught.value.faults) == 4


@pytest.mark.slow
@pytest.mark.parametrize("cluster", [None, "rep"])
@pytest.mark.parametrize("estimand", ["treated", "all"])
def test_intervals_of_doubly_robust_cover(
    made: Callable, about: Callable, answered: Callable, estimand: str, cluster: str | None
) -> None:
    """In 300 confounded worlds the 95 % interval covers the effect in 92 to 98 of 100."""
    question = about(estimand=estimand, cluster=cluster)
    found = [answered(DoublyRobust(**QUICK), question, made(1000, seed)).estimates[0] for seed in range(300)]
    covered = np.mean([row.low <= 20 <= row.high for row in found])

    assert 0.92 <= covered <= 0.98
