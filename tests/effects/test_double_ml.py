"""Double machine learning: EconML's last stage, our influences, and the truth."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from whywin.effects.methods.difference import Difference
from whywin.effects.methods.double_ml import DoubleMl, _by_econml
from whywin.errors import ConfigError
from whywin.stats.influence import variance_of
from whywin.stats.partialling_out import partialled_out

QUICK = {"splits": 1, "learners": ("linear", "quadratic")}


def test_econml_and_our_influence_agree() -> None:
    """EconML's coefficients are least squares of what is left, and its robust standard error of a constant effect is ours."""
    from econml.dml import LinearDML

    from whywin.effects.methods.double_ml import _Foretold

    rng = np.random.default_rng(0)
    place = rng.normal(size=(400, 2))
    treated = rng.uniform(size=400) < 1 / (1 + np.exp(-place[:, 0]))
    outcome = place[:, 1] + treated + rng.normal(size=400)
    foretold = np.column_stack([place[:, 1] + 0.5, np.full(400, 0.5)])
    fold = np.arange(400) % 5
    found = _by_econml(outcome, treated, place, foretold, fold)
    left, rest = treated - foretold[:, 1], outcome - foretold[:, 0]
    columns = np.column_stack([np.ones(400), place])

    assert found == pytest.approx(np.linalg.lstsq(columns * left[:, None], rest, rcond=None)[0])
    constant = _by_econml(outcome, treated, place[:, :0], foretold, fold)
    ours = partialled_out(rest, left, columns[:, :1], constant, np.ones(400, dtype=bool))
    parts = [(np.flatnonzero(fold != part), np.flatnonzero(fold == part)) for part in range(5)]
    model = LinearDML(model_y=_Foretold(0), model_t=_Foretold(1), cv=parts).fit(outcome, treated * 1.0, W=foretold)
    theirs = float(np.ravel(model.ate_inference().stderr_mean)[0])

    assert variance_of(ours.influence) ** 0.5 == pytest.approx(theirs, rel=0.01)


@pytest.mark.parametrize("estimand", ["treated", "all"])
def test_it_finds_what_the_difference_misses(made: Callable, about: Callable, answered: Callable, estimand: str) -> None:
    """On confounded deals its interval covers the effect that was put in; the plain difference's does not."""
    table, question = made(5000, seed=2), about(estimand=estimand)
    ours, naive = (answered(method, question, table).estimates[0] for method in (DoubleMl(splits=1), Difference()))

    assert ours.low < 20 < ours.high
    assert naive.low > 20


@pytest.mark.parametrize("estimand", ["treated", "all"])
def test_outcomes_differ_by_the_effect(deals: pd.DataFrame, about: Callable, answered: Callable, estimand: str) -> None:
    """The mean with treatment less the mean without is the estimate, and `point` is near it: one split of several."""
    question, method = about(estimand=estimand), DoubleMl(splits=3, learners=("linear",))
    evidence = answered(method, question, deals)
    row, means = evidence.of(question.quantity), evidence.tables["outcomes"].set_index("treatment")["mean"]

    assert means["with"] - means["without"] == pytest.approx(row.value)
    assert 0 < means["without"] < means["with"] < 100
    assert abs(method.point(question, method.need(question).sample(deals)) - row.value) < (row.high - row.low) / 8


def test_an_effect_that_grows_is_asked_of_whom_it_is_asked(about: Callable, answered: Callable) -> None:
    """Where the promising deals are called and gain more, the treated gain more than all do; one constant effect is neither."""
    rng = np.random.default_rng(1)
    engagement = rng.normal(size=6000)
    called = rng.uniform(size=6000) < 1 / (1 + np.exp(-engagement))
    dollars = engagement + called * (1 + engagement) + rng.normal(size=6000)
    table = pd.DataFrame({"called": called.astype(int), "won": 1.0, "engagement": engagement, "dollars": dollars})
    asked = {
        estimand: about(confounders=("engagement",), outcome="dollars", estimand=estimand) for estimand in ("treated", "all")
    }
    found = {estimand: answered(DoubleMl(**QUICK), question, table).estimates[0] for estimand, question in asked.items()}

    assert found["all"].low < 1.0 < found["all"].high
    assert found["treated"].low < 1.413 < found["treated"].high  # 1 + 2 E[x expit(x)]
    assert found["treated"].low > found["all"].high


def test_a_cluster_is_held_out_together_and_counted_once(deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """Deals that stand four times under one rep have the interval of once: copies help neither prediction nor precision."""
    fourfold = pd.concat([deals.head(300).assign(rep=[f"R{number}" for number in range(300)])] * 4, ignore_index=True)
    method = DoubleMl(splits=3, learners=("linear",))
    copied = answered(method, about(cluster="rep"), fourfold).estimates[0]
    once = answered(method, about(), deals.head(300)).estimates[0]

    assert copied.high - copied.low == pytest.approx(once.high - once.low, rel=0.1)


def test_columns_that_follow_from_others_change_nothing(deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """A copy of a covariate, stretched, leaves the answer as it was, without a warning."""
    copied = deals.assign(again=deals["engagement"] * 2 + 1)
    method = DoubleMl(splits=1, learners=("linear",))
    plain = answered(method, about(), deals).estimates[0]
    other = answered(method, about(confounders=("engagement", "region", "again")), copied).estimates[0]

    assert (other.value, other.low, other.high) == pytest.approx((plain.value, plain.low, plain.high), abs=0.01)


def test_a_constant_effect_weighs_by_the_overlap(deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """With one effect for every deal, what is asked does not matter, and both groups are alike in what is adjusted for."""
    method = DoubleMl(effect="constant", **QUICK)
    own, every = (answered(method, about(estimand=estimand), deals) for estimand in ("treated", "all"))

    assert own.estimates[0].value == every.estimates[0].value
    assert own.tables["balance"]["smd_after"].abs().max() < 0.05
    assert own.checks[0].value == 0.0


def test_nothing_to_adjust_for_is_the_plain_difference(deals: pd.DataFrame, answered: Callable, about: Callable) -> None:
    """Where the graph asks for no adjustment the estimate is the difference of means, up to what folds make of means."""
    question = about(confounders=(), graph=(("called", "won"),))
    ours, naive = (answered(method, question, deals).estimates[0] for method in (DoubleMl(), Difference()))

    assert ours.value == pytest.approx(naive.value, abs=0.3)


def test_settings_of_double_ml_keep_their_rules() -> None:
    """No learner, an unknown effect, one fold and no split are refused at once."""
    with pytest.raises(ConfigError) as caught:
        DoubleMl(learners=(), effect="curved", folds=1, splits=0)

    assert len(caught.value.faults) == 4


@pytest.mark.slow
@pytest.mark.parametrize("cluster", [None, "rep"])
@pytest.mark.parametrize("estimand", ["treated", "all"])
def test_intervals_of_double_ml_cover(
    made: Callable, about: Callable, answered: Callable, estimand: str, cluster: str | None
) -> None:
    """In 300 confounded worlds the 95 % interval covers the effect in 92 to 98 of 100."""
    question = about(estimand=estimand, cluster=cluster)
    found = [answered(DoubleMl(**QUICK), question, made(1000, seed)).estimates[0] for seed in range(300)]
    covered = np.mean([row.low <= 20 <= row.high for row in found])

    assert 0.92 <= covered <= 0.98
