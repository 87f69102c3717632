"""What DoWhy 0.14 gets wrong without an error, one test each: that it still does, and that our adapter does not.

Where a test of DoWhy itself fails, DoWhy has been mended, and the adapter may do less.
"""

import warnings
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from whywin.effects.checks.placebo import Placebo
from whywin.effects.methods.dowhy import Dowhy
from whywin.effects.methods.instrument import Instrument
from whywin.effects.question import Effect
from whywin.evidence import Answered

FEW = {"resamples": 20}
RUN = ["weighting", "stratification", "matching", "doubly_robust", "linear_regression", "generalized_linear_model"]
REFUSED = {
    "backdoor.distance_matching": "use matching",
    "backdoor.econml": "use double_ml",
    "iv.instrumental_variable": "use instrument",
    "iv.regression_discontinuity": "use discontinuity",
    "frontdoor.two_stage_regression": "no interval that refits both stages",
}


def asked_of_dowhy(table: pd.DataFrame, method: str, **further: object) -> object:
    """DoWhy's own answer about a table, by its own model, on the frame that it is given."""
    from dowhy import CausalModel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = CausalModel(table, "called", "won", common_causes=["engagement"], instruments=further.pop("instruments", None))
        return model, model.estimate_effect(model.identify_effect(), method_name=method, **further)


@pytest.fixture
def plain(deals: pd.DataFrame) -> pd.DataFrame:
    """The columns that DoWhy's own models are asked about."""
    return deals[["called", "won", "engagement"]].copy()


def test_dowhy_writes_into_the_frame_and_reads_it_again(plain: pd.DataFrame) -> None:
    """The defect: a propensity column is left in the caller's frame, and a later estimate with another model is the first one's."""
    from sklearn.dummy import DummyClassifier

    other = {"method_params": {"init_params": {"propensity_score_model": DummyClassifier(strategy="prior")}}}
    _, first = asked_of_dowhy(plain, "backdoor.propensity_score_weighting")
    _, second = asked_of_dowhy(plain, "backdoor.propensity_score_weighting", **other)
    _, fresh = asked_of_dowhy(plain.drop(columns="propensity_score"), "backdoor.propensity_score_weighting", **other)

    assert "propensity_score" in plain
    assert second.value == first.value
    assert abs(fresh.value - first.value) > 0.01


@pytest.mark.parametrize("estimator", RUN)
def test_no_estimator_leaves_anything_behind(deals: pd.DataFrame, about: Callable, estimator: str) -> None:
    """Whichever estimator ran before, each gives the answer that it gives alone, and the frame is as it was."""
    question = about(estimand="all")
    sample = Dowhy().need(question).sample(deals)
    before = sample.copy(deep=True)
    alone = Dowhy(estimator=estimator).point(question, sample.copy())
    for other in RUN:
        Dowhy(estimator=other, clip=0.2).point(question, sample)

    assert Dowhy(estimator=estimator).point(question, sample) == alone
    pd.testing.assert_frame_equal(sample, before)


@pytest.mark.parametrize("estimator", ["weighting", "stratification", "matching"])
def test_a_random_common_cause_is_refitted(deals: pd.DataFrame, about: Callable, estimator: str) -> None:
    """DoWhy's refuter gives the same number to 15 digits, since its propensity is never refitted; here it moves, and only little."""
    noise = deals.assign(noise=np.random.default_rng(3).normal(size=len(deals)))
    before = Dowhy(estimator=estimator).point(about(), noise)
    after = Dowhy(estimator=estimator).point(about(confounders=("engagement", "region", "noise")), noise)

    assert before != after
    assert abs(before - after) < 8


def test_dowhys_random_common_cause_is_vacuous(plain: pd.DataFrame) -> None:
    """The defect: with a column of noise added to what is adjusted for, DoWhy's estimate does not move at all."""
    model, found = asked_of_dowhy(plain, "backdoor.propensity_score_weighting")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        refuted = model.refute_estimate(
            model.identify_effect(),
            found,
            method_name="random_common_cause",
            num_simulations=3,
            show_progress_bar=False,
            n_jobs=1,
        )

    assert refuted.new_effect == pytest.approx(found.value, abs=1e-14)


@pytest.mark.parametrize("estimator", ["weighting", "stratification"])
def test_a_placebo_raises_no_false_alarm(made: Callable, about: Callable, answered: Callable, estimator: str) -> None:
    """DoWhy's placebo of weighting keeps the true treatment's propensity and finds an effect; here the placebo's own is fitted."""
    table, question = made(1_500, seed=4), about()
    method = Dowhy(estimator=estimator, **FEW)
    sample = method.need(question).sample(table)
    answers = (Answered(estimator, method, sample, answered(method, question, table)),)

    (check,) = Placebo(refits=20).check(question, answers, sample, np.random.default_rng(0))

    assert check.passed
    assert abs(check.value) < 2


def test_resamples_differ_from_one_another(deals: pd.DataFrame, about: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    """DoWhy's seeded subset refuter draws one subset a hundred times; the adapter's resamples are all different."""
    from whywin.effects.methods import dowhy

    drawn: list[bytes] = []
    resampled = dowhy._resampled
    monkeypatch.setattr(dowhy, "_resampled", lambda *given: drawn.append((rows := resampled(*given)).tobytes()) or rows)
    question = about()
    Dowhy(**FEW).answer(question, Dowhy().need(question).sample(deals), np.random.default_rng(0))

    assert (len(drawn), len(set(drawn))) == (20, 20)


@pytest.mark.parametrize("estimator", ["doubly_robust", "linear_regression", "generalized_linear_model"])
def test_whose_effect_is_never_ignored(about: Callable, deals: pd.DataFrame, answered: Callable, estimator: str) -> None:
    """What tells the effect on all deals only says so when another is asked for, rather than answer the wrong question."""
    method = Dowhy(estimator=f"backdoor.{estimator}", **FEW)

    (fault,) = method.faults(about())
    assert f"DoWhy's {estimator} tells the effect on all deals whatever is asked for" in fault
    assert method.faults(about(estimand="all")) == []
    assert answered(method, about(estimand="all"), deals).estimates[0].quantity == "effect on all deals"


def test_dowhys_regression_ignores_whose_effect(plain: pd.DataFrame) -> None:
    """The defect: the effect on the treated is the effect on all of them, to the last bit, where the effect differs."""
    found = [
        asked_of_dowhy(plain, "backdoor.generalized_linear_model", target_units=units, method_params={"glm_family": binomial()})[
            1
        ]
        for units in ("ate", "att")
    ]

    assert found[0].value == found[1].value


def binomial() -> object:
    """A logistic regression, in which the effect differs between deals."""
    from statsmodels.api import families

    return families.Binomial()


@pytest.mark.parametrize(("estimator", "instead"), REFUSED.items())
def test_what_goes_wrong_inside_dowhy_is_not_run(about: Callable, estimator: str, instead: str) -> None:
    """An estimator that gives wrong numbers without an error is refused by name, with its reason and what to use instead."""
    (fault,) = Dowhy(estimator=estimator).faults(about())

    assert fault.startswith(f"{estimator} is not run: its ")
    assert instead in fault


@pytest.fixture
def two_instruments() -> pd.DataFrame:
    """A treatment that an unobserved cause and two lotteries move, and whose effect is 2; the outcome has a mean far from nought."""
    rng = np.random.default_rng(0)
    hidden, first, second = rng.normal(size=(3, 4_000))
    called = (0.8 * first + 0.8 * second + hidden + rng.normal(size=4_000) > 0).astype(int)
    return pd.DataFrame(
        {
            "called": called,
            "first": first + 1,
            "second": second + 1,
            "worth": 10 + 2 * called + 2 * hidden + rng.normal(size=4_000),
        }
    )


def test_dowhys_two_stage_least_squares_has_no_intercept(two_instruments: pd.DataFrame) -> None:
    """The defect: with two instruments DoWhy's answer is far from the truth of 2; ours, which has an intercept, covers it."""
    from dowhy import CausalModel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = CausalModel(two_instruments, "called", "worth", instruments=["first", "second"])
        theirs = model.estimate_effect(
            model.identify_effect(proceed_when_unidentifiable=True), method_name="iv.instrumental_variable"
        )
    table = two_instruments.assign(won=1.0)
    question = Effect(
        "called",
        graph=(("called", "worth"), ("first", "called"), ("second", "called"), ("u", "called"), ("u", "worth")),
        outcome="worth",
        instruments=("first", "second"),
    )
    ours = Instrument().answer(question, Instrument().need(question).sample(table), np.random.default_rng(0)).estimates[0]

    assert abs(theirs.value - 2) > 1
    assert ours.low < 2 < ours.high
    assert ours.high - ours.low < 1


def test_the_interval_knows_no_direction(deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """DoWhy's bootstrap p-value looks to one side; with won and lost changed over, the adapter's interval changes sign and no more."""
    one = answered(Dowhy(**FEW), about(), deals).estimates[0]
    other = answered(Dowhy(**FEW), about(), deals.assign(won=1 - deals["won"])).estimates[0]

    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low), abs=1e-9)


def test_matching_does_not_depend_on_the_unit_of_a_column(deals: pd.DataFrame, about: Callable) -> None:
    """DoWhy's default penalises columns as they stand; here an amount in thousands gives the same matches."""
    question = about(confounders=("amount", "engagement"))
    thousands = deals.assign(amount=deals["amount"] / 1000)
    matching = Dowhy(estimator="matching")

    assert matching.point(question, deals) == matching.point(question, thousands)


def test_matching_does_not_hang_on_the_order_of_deals(deals: pd.DataFrame, about: Callable) -> None:
    """Without ties the order of the table changes nothing."""
    matching = Dowhy(estimator="matching")
    turned = deals.iloc[::-1].reset_index(drop=True)

    assert matching.point(about(), deals) == pytest.approx(matching.point(about(), turned), abs=1e-9)


@pytest.mark.parametrize("estimator", ["linear_regression", "generalized_linear_model"])
def test_what_has_no_weights_says_so(deals: pd.DataFrame, about: Callable, answered: Callable, estimator: str) -> None:
    """A regression has no balance to show: it is said, and the grade, which needs it, cannot be more than D."""
    evidence = answered(Dowhy(estimator=estimator, **FEW), about(estimand="all"), deals)
    check = next(check for check in evidence.checks if check.name == "weights")

    assert "balance" not in evidence.tables
    assert "the balance which it reaches is not known" in check.says


@pytest.mark.parametrize("estimator", RUN)
def test_every_estimator_that_is_run_covers(made: Callable, about: Callable, answered: Callable, estimator: str) -> None:
    """By its DoWhy name each finds the effect that was put in, and repeats to the last bit."""
    prefix = "backdoor.propensity_score_" if estimator in {"weighting", "stratification", "matching"} else "backdoor."
    question, table = about(estimand="all"), made(3_000, seed=5)
    once, again = (answered(Dowhy(estimator=prefix + estimator, **FEW), question, table).estimates for _ in range(2))

    assert once == again
    assert once[0].low < 20 < once[0].high


def test_the_regression_is_statsmodels(deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """The linear regression's answer is the coefficient by hand."""
    import statsmodels.api as sm

    columns = pd.get_dummies(deals[["called", "engagement", "region"]], columns=["region"], drop_first=True, dtype=float)
    expected = sm.OLS(deals["won"], sm.add_constant(columns)).fit().params["called"]

    assert Dowhy(estimator="linear_regression").point(about(estimand="all"), deals) == pytest.approx(100 * expected, abs=1e-8)
