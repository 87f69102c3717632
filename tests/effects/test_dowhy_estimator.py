"""Our methods from DoWhy: found by name, refitted each time, and with the numbers that they have here."""

import logging
import pickle
import warnings
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
import pytest

from whywin.effects.checks.placebo import Placebo
from whywin.effects.methods.matching import Matching
from whywin.effects.methods.weighting import Weighting
from whywin.effects.question import Effect
from whywin.errors import QuestionError
from whywin.evidence import Answered

OURS = "backdoor.whywin.effects.dowhy_estimator."
SEEN = ("engagement", "south")


@pytest.fixture(autouse=True)
def _quiet() -> Iterator[None]:
    """Keep DoWhy's log and the warnings of its frames to itself."""
    logging.getLogger("dowhy").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.fixture(scope="module")
def frame(made: Callable) -> pd.DataFrame:
    """Confounded deals as DoWhy likes them: numbers only."""
    deals = made(700, seed=4)
    numbers = deals[["called", "won", "engagement"]].assign(south=(deals["region"] == "South").astype(float))
    return numbers.astype({"called": int})


@pytest.fixture
def model(frame: pd.DataFrame) -> object:
    """DoWhy's model of them."""
    from dowhy import CausalModel

    return CausalModel(frame.copy(), "called", "won", common_causes=list(SEEN))


def estimated(model: object, name: str, target: str = "att", **given: object) -> object:
    """Ask DoWhy for an effect by an estimator of ours."""
    return model.estimate_effect(model.identify_effect(), method_name=OURS + name, target_units=target, **given)


@pytest.mark.parametrize(("target", "estimand"), [("att", "treated"), ("ate", "all")])
@pytest.mark.parametrize(("name", "method"), [("Matching", Matching(neighbours=3)), ("Weighting", Weighting())])
def test_the_numbers_are_ours(model: object, frame: pd.DataFrame, name: str, method: object, target: str, estimand: str) -> None:
    """Value, interval and standard error are the method's own, as shares, for the target that is asked for; the data are left alone."""
    settings = {"init_params": {"neighbours": 3}} if name == "Matching" else None
    found = estimated(model, name, target, method_params=settings, confidence_intervals=True, test_significance=True)
    row = method.answer(Effect("called", SEEN, estimand=estimand), frame, np.random.default_rng(0)).estimates[0]

    assert found.value == pytest.approx(row.value / 100)
    assert found.get_confidence_intervals() == pytest.approx((row.low / 100, row.high / 100))
    assert found.get_standard_error() == pytest.approx((row.high - row.low) / 392, rel=1e-3)
    assert 0 <= found.test_stat_significance()["p_value"] <= 1
    assert list(model._data.columns) == list(frame.columns)


def test_another_level_is_wider(model: object) -> None:
    """DoWhy may ask for another level afterwards."""
    found = estimated(model, "Weighting")
    low, high = found.get_confidence_intervals(confidence_level=0.99)
    inner_low, inner_high = found.get_confidence_intervals(confidence_level=0.9)

    assert low < inner_low < found.value < inner_high < high


def test_dowhys_refuters_refute_our_method(model: object) -> None:
    """The placebo of ours is near nothing, and a random common cause does change the estimate: nothing of an earlier fit is reused."""
    found = estimated(model, "Weighting", "ate")
    target = found.target_estimand
    given = {"num_simulations": 10, "random_state": 1, "n_jobs": 1}
    placebo = model.refute_estimate(target, found, method_name="placebo_treatment_refuter", placebo_type="permute", **given)
    noise = model.refute_estimate(target, found, method_name="random_common_cause", **given)

    assert abs(placebo.new_effect) < 0.04
    assert noise.new_effect != found.value
    assert noise.new_effect == pytest.approx(found.value, abs=0.02)


def test_dowhys_own_placebo_raises_a_false_alarm_and_ours_does_not(model: object, frame: pd.DataFrame) -> None:
    """DoWhy's placebo of its weighting reuses the propensity of the real treatment; ours refits it, and finds nothing."""
    target = model.identify_effect()
    theirs = model.estimate_effect(target, method_name="backdoor.propensity_score_weighting", target_units="ate")
    given = {"num_simulations": 20, "random_state": 1, "n_jobs": 1}
    refuted = model.refute_estimate(target, theirs, method_name="placebo_treatment_refuter", placebo_type="permute", **given)
    question = Effect("called", SEEN, estimand="all")
    evidence = Weighting().answer(question, frame, np.random.default_rng(0))
    (check,) = Placebo(refits=20).check(question, (Answered("w", Weighting(), frame, evidence),), frame, np.random.default_rng(0))

    assert abs(refuted.new_effect) > 0.02
    assert refuted.refutation_result["p_value"] < 0.01
    assert check.passed
    assert abs(check.value) < 2


def test_what_it_cannot_do_is_said_at_once(model: object) -> None:
    """Unknown settings, targets that are neither all nor the treated, and other identifications are refused by name."""
    with pytest.raises(QuestionError, match="'neighbors' is no setting of Matching"):
        estimated(model, "Matching", method_params={"init_params": {"neighbors": 3}})
    with pytest.raises(QuestionError, match="target_units: must be 'ate' or 'att', got 'atc'"):
        estimated(model, "Weighting", "atc")
    with pytest.raises(QuestionError, match="treatment_value, control_value: must be 1 and 0"):
        estimated(model, "Weighting", treatment_value=2)
    with pytest.raises(ImportError, match="Telepathy is not an existing causal estimator"):
        estimated(model, "Telepathy")


def test_an_estimator_is_found_by_name_and_travels() -> None:
    """The class of a method is one and the same, so that other processes find it."""
    from whywin.effects import dowhy_estimator

    assert pickle.loads(pickle.dumps(dowhy_estimator.DoublyRobust)) is dowhy_estimator.DoublyRobust  # noqa: S301 - our own bytes
    assert not hasattr(dowhy_estimator, "Telepathy")
