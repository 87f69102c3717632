"""The causal forest: effects by segment, and whether they differ."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from whywin.effects.methods.doubly_robust import DoublyRobust
from whywin.effects.methods.forest import Forest
from whywin.effects.question import Effect
from whywin.evidence import Evidence

QUICK = Forest(trees=40, splits=1)


def differing(count: int = 2000, seed: int = 2) -> pd.DataFrame:
    """Confounded deals in which the call adds forty points in the North and nothing elsewhere."""
    rng = np.random.default_rng(seed)
    engagement, region = rng.normal(size=count), rng.choice(["North", "South", "West"], size=count)
    called = (rng.uniform(size=count) < 1 / (1 + np.exp(0.3 - 0.7 * engagement))).astype(int)
    chance = 0.3 + 0.1 * np.tanh(engagement) + 0.4 * called * (region == "North")
    won = (rng.uniform(size=count) < chance).astype(float)
    rep = np.array([f"R{one}" for one in rng.integers(30, size=count)])
    return pd.DataFrame({"called": called, "won": won, "engagement": engagement, "region": region, "rep": rep})


@pytest.fixture(scope="module")
def found(answered: Callable[..., Evidence], about: Callable[..., Effect]) -> Evidence:
    """What the forest says of deals whose effects differ by region."""
    return answered(QUICK, about(modifiers=("region",), cluster="rep"), differing())


def test_planted_differences_are_found(found: Evidence) -> None:
    """The segment with the effect stands out in the table, the check, the calibration and the projection."""
    table = found.tables["segment_effects"].set_index("level")
    check = next(check for check in found.checks if check.name == "heterogeneity")

    assert table.loc["North", "low"] < 40 < table.loc["North", "high"]
    assert table.loc["North", "differs"]
    assert check.says.startswith("Effects differ detectably")
    assert found.tables["calibration"].set_index("prediction").loc["differences between deals", "p_value"] < 0.01
    assert found.tables["projection"]["p_together"].iloc[0] < 0.01


def test_ranked_groups_rise(found: Evidence) -> None:
    """The deals for which the forest predicts most gain most."""
    effects = found.tables["ranked"]["effect"].to_numpy()

    assert effects[-1] - effects[0] > 15


def test_segments_are_estimates_of_the_same_quantity(found: Evidence) -> None:
    """Each level is an estimate under its name, and the mean over treated deals is the effect of all."""
    table = found.tables["segment_effects"]
    mean = np.average(table["effect"], weights=table["treated"])

    assert [row.segment for row in found.estimates] == ["all", "region=North", "region=South", "region=West"]
    assert mean == pytest.approx(found.estimates[0].value)


@pytest.mark.parametrize("estimand", ["treated", "all"])
def test_the_mean_effect_is_that_of_doubly_robust(
    answered: Callable[..., Evidence], about: Callable[..., Effect], estimand: str
) -> None:
    """Another way to the same number: they differ by a fraction of the interval, which is about as wide."""
    question, deals = about(estimand=estimand), differing()
    ours, other = (answered(method, question, deals).of(question.quantity) for method in (QUICK, DoublyRobust(splits=1)))

    assert abs(ours.value - other.value) < 0.3 * (other.high - other.low) / 2
    assert ours.high - ours.low == pytest.approx(other.high - other.low, rel=0.1)


def test_the_overlap_has_an_effect_too(answered: Callable[..., Evidence], about: Callable[..., Effect]) -> None:
    """With the same effect everywhere all three estimands hold it."""
    question = about(estimand="overlap")
    rng = np.random.default_rng(4)
    deals = differing().assign(won=lambda frame: (rng.uniform(size=len(frame)) < 0.3 + 0.3 * frame["called"]).astype(float))
    row = answered(QUICK, question, deals).of(question.quantity)

    assert row.low < 30 < row.high
    assert row.high - row.low < 15


def test_a_forest_agrees_with_econml_called_directly() -> None:
    """What is predicted of held-out deals is what EconML's forest predicts when given the same residuals."""
    from econml.grf import CausalForest

    from whywin.effects.causal_forest import Growth, forest_effects
    from whywin.effects.comparison import compared
    from whywin.effects.scores import OUTCOME, split_of

    question = Effect("called", confounders=("engagement",))
    comparison = compared(question, differing(800))
    split = split_of(comparison, (OUTCOME,), ("linear",), 2, np.random.default_rng(0))
    ours = forest_effects(comparison, comparison.covariates.matrix, split, Growth(8, 10, 5000), np.random.default_rng(7))

    inside = split.fold == 0
    rest = comparison.outcome - split.found[OUTCOME].value
    treatment = comparison.treated - split.found["treatment"].value
    seed = int(np.random.default_rng(7).integers(2**31))
    peer = CausalForest(
        8, min_samples_leaf=10, min_samples_split=20, max_samples=0.45, inference=False, n_jobs=1, random_state=seed
    )
    peer.fit(comparison.covariates.matrix[~inside], treatment[~inside][:, None], rest[~inside][:, None])

    assert ours[inside] == pytest.approx(peer.predict(comparison.covariates.matrix[inside]).ravel())


def test_small_segments_are_named_and_left_out(answered: Callable[..., Evidence], about: Callable[..., Effect]) -> None:
    """A level with a handful of deals has no effect of its own, and a remark says so."""
    deals = differing().assign(kind=lambda frame: np.where(frame.index < 8, "rare", "common"))
    evidence = answered(QUICK, about(modifiers=("kind", "region")), deals)
    remark = next(check for check in evidence.checks if check.name == "small_segments")

    assert "kind=rare" in remark.says
    assert "kind=rare" not in {row.segment for row in evidence.estimates}


def test_the_forest_is_not_judged_as_straight(found: Evidence) -> None:
    """Its table of models names those that are not straight in logits."""
    from whywin.effects.checks.functional_form import _rests_on_linear

    assert not _rests_on_linear(found.tables)
    assert "causal forest" in set(found.tables["nuisances"]["learner"])


def test_a_refit_of_the_forest_is_near_its_answer(found: Evidence, about: Callable[..., Effect]) -> None:
    """The fast refit that checks use gives the same effect up to the wobble of a split."""
    point = QUICK.point(about(modifiers=("region",), cluster="rep"), differing())

    assert point == pytest.approx(found.estimates[0].value, abs=1.0)


@pytest.mark.slow
def test_equal_effects_seldom_seem_to_differ(
    answered: Callable[..., Evidence], about: Callable[..., Effect], made: Callable[..., pd.DataFrame]
) -> None:
    """Of a hundred worlds with one effect at most eleven are said to have several, as 5 % false alarms allow."""
    question = about(modifiers=("region", "engagement"), cluster="rep")
    evidence = [answered(QUICK, question, made(1200, seed, 0.15), seed) for seed in range(100)]
    alarms = sum(check.value < 0.05 for one in evidence for check in one.checks if check.name == "heterogeneity")

    assert alarms <= 11
