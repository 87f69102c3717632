"""DoWhy behind our adapter: every defect of DoWhy 0.14 that it can meet, and the numbers by hand."""

import logging
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from whywin.effects.methods.dowhy import Dowhy
from whywin.effects.methods.matching import Matching
from whywin.effects.question import Effect
from whywin.errors import QuestionError

FEW = {"resamples": 20}


def by_hand(table: pd.DataFrame, *, everyone: bool, clip: float = 0.01) -> float:
    """Normalised inverse-probability weighting by statsmodels' logistic regression, in points."""
    import statsmodels.api as sm

    dummies = pd.get_dummies(table["region"], dtype=float).drop(columns="North")
    columns = sm.add_constant(pd.concat([table[["engagement"]], dummies], axis=1))
    chance = np.clip(sm.Logit(table["called"], columns).fit(disp=0, tol=1e-12).predict(), clip, 1 - clip)
    treated, won = table["called"].to_numpy() == 1, table["won"].to_numpy()
    weight = np.where(treated, 1 / chance, 1 / (1 - chance)) * (1.0 if everyone else chance)
    if not everyone:
        weight[treated] = 1.0
    return 100 * (np.average(won[treated], weights=weight[treated]) - np.average(won[~treated], weights=weight[~treated]))


@pytest.mark.parametrize(("estimand", "everyone"), [("treated", False), ("all", True)])
def test_weighting_is_weighting(deals: pd.DataFrame, about: Callable, answered: Callable, estimand: str, everyone: bool) -> None:
    """DoWhy's weighting gives the estimate by hand for the treated and for everyone, so that the estimand is not ignored."""
    value = answered(Dowhy(**FEW), about(estimand=estimand), deals).estimates[0].value

    assert value == pytest.approx(by_hand(deals, everyone=everyone), abs=1e-4)


def test_matching_is_one_nearest_neighbour(deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """DoWhy's matching without ties is ours on the propensity, and its interval is not the invalid bootstrap."""
    question = about(estimand="all")
    theirs = answered(Dowhy(estimator="matching"), question, deals)
    ours = answered(Matching(distance="propensity"), question, deals).estimates[0]

    assert theirs.estimates[0].value == pytest.approx(ours.value, abs=1e-9)
    assert theirs.estimates[0].high - theirs.estimates[0].low == pytest.approx(ours.high - ours.low, rel=1e-6)
    assert "bootstrap is invalid" in theirs.checks[0].says


@pytest.mark.parametrize("estimator", ["weighting", "stratification", "matching"])
def test_the_effect_is_found(made: Callable, about: Callable, answered: Callable, estimator: str) -> None:
    """Each estimator's interval covers the effect that was put in."""
    row = answered(Dowhy(estimator=estimator, **FEW), about(), made(3000, seed=5)).estimates[0]

    assert row.low < 20 < row.high


@pytest.mark.parametrize("estimator", ["weighting", "stratification", "matching"])
def test_the_callers_frame_is_left_alone(deals: pd.DataFrame, about: Callable, estimator: str) -> None:
    """DoWhy writes a propensity column into its frame; the caller's has none afterwards."""
    question, method = about(), Dowhy(estimator=estimator, **FEW)
    sample = method.need(question).sample(deals)
    before = sample.copy(deep=True)

    method.answer(question, sample, np.random.default_rng(0))

    pd.testing.assert_frame_equal(sample, before)


def test_a_second_model_gives_a_second_answer(deals: pd.DataFrame, about: Callable) -> None:
    """DoWhy reuses the first propensity for every later fit on a frame; here another set of confounders changes the answer."""
    question, fewer = about(), about(confounders=("region",))
    sample = Dowhy().need(question).sample(deals)

    alone = Dowhy().point(fewer, sample.copy())
    first, second = Dowhy().point(question, sample), Dowhy().point(fewer, sample)

    assert second == alone
    assert abs(first - second) > 0.5


def test_clipped_scores_do_not_reach_the_next_estimator(deals: pd.DataFrame, about: Callable) -> None:
    """DoWhy's weighting clips the scores that a following matching would use; here matching is the same before and after."""
    question = about()
    sample = Dowhy().need(question).sample(deals)
    matching = Dowhy(estimator="matching")

    before = matching.point(question, sample)
    Dowhy(clip=0.3).point(question, sample)

    assert matching.point(question, sample) == before


def test_a_column_named_propensity_score_is_only_a_column(deals: pd.DataFrame, about: Callable) -> None:
    """DoWhy takes a column of that name for the propensity itself; here it is a confounder like any other."""
    named = deals.rename(columns={"engagement": "propensity_score"})

    theirs = Dowhy().point(about(confounders=("propensity_score", "region")), named)

    assert theirs == pytest.approx(Dowhy().point(about(), deals), abs=1e-12)


def test_every_resample_refits_the_propensity(
    deals: pd.DataFrame, about: Callable, answered: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The interval of 20 resamples takes 21 propensity models, each fitted once."""
    from sklearn.linear_model import LogisticRegression

    fits: list[int] = []
    fit = LogisticRegression.fit
    monkeypatch.setattr(LogisticRegression, "fit", lambda self, *a, **k: fits.append(id(self)) or fit(self, *a, **k))

    answered(Dowhy(**FEW), about(), deals)

    assert len(fits) == 21


def test_the_bootstrap_resamples_whole_clusters(deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """Deals that stand four times under one rep count once: the interval of clusters is about twice as wide."""
    twins = pd.concat([deals.head(300)] * 4, ignore_index=True)
    twins["rep"] = [f"R{number % 300}" for number in range(1200)]
    rows = [answered(Dowhy(resamples=60), about(cluster=by), twins) for by in (None, "rep")]
    plain, clustered = (found.estimates[0] for found in rows)

    assert 1.5 < (clustered.high - clustered.low) / (plain.high - plain.low) < 2.7
    assert "resamples of clusters" in rows[1].checks[0].says


def test_the_same_seed_gives_the_same_bits(deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """Estimate and interval repeat exactly; NumPy's global stream is left as it was."""
    np.random.seed(5)  # noqa: NPY002 - the global stream is what is watched
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    once, again, other = (answered(Dowhy(**FEW), about(), deals, seed).estimates for seed in (1, 1, 2))

    assert once == again
    assert once[0].value == other[0].value
    assert once[0].low != other[0].low
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_true_and_false_text_and_gaps_are_understood(deals: pd.DataFrame, about: Callable) -> None:
    """A treatment of True and False, labels, missing labels and missing numbers all have a finite answer."""
    table = deals.assign(called=deals["called"] == 1)
    table.loc[:20, "region"] = None
    table.loc[15:40, "engagement"] = np.nan
    question = about()

    assert question.faults(table) == []
    assert np.isfinite(Dowhy().point(question, Dowhy().need(question).sample(table)))


def test_missing_outcomes_are_not_averaged_over(deals: pd.DataFrame, about: Callable) -> None:
    """DoWhy's matching silently leaves missing outcomes out of its mean; here those deals are left out before."""
    table = deals.assign(meetings=deals["won"])
    table.loc[::7, "meetings"] = np.nan
    question = about(outcome="meetings")
    need = Dowhy().need(question)

    assert Dowhy().point(question, need.sample(table)) == Dowhy().point(question, need.sample(table.dropna(subset="meetings")))


@pytest.mark.parametrize("estimand", ["treated", "all"])
def test_strata_that_are_too_small_are_counted(deals: pd.DataFrame, about: Callable, answered: Callable, estimand: str) -> None:
    """The weights of stratification give DoWhy's own estimate back, and deals outside them are in a note."""
    question = about(estimand=estimand)
    method = Dowhy(estimator="stratification", **FEW)
    evidence = answered(method, question, deals)
    remark = next(check for check in evidence.checks if check.name == "strata")
    means = evidence.tables["outcomes"].set_index("treatment")["mean"]

    assert means["with"] - means["without"] == pytest.approx(evidence.estimates[0].value)
    assert remark.passed == (remark.value == 0)
    assert f"{remark.value:,.0f} deals lie in strata too small" in remark.says


def test_nothing_to_adjust_for_is_said(deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """Where the graph asks for no adjustment there is no propensity, and the way out is named."""
    with pytest.raises(QuestionError, match="use difference"):
        answered(Dowhy(), Effect("called", graph=(("called", "won"),)), deals)


def test_too_few_deals_for_strata_are_said(made: Callable, about: Callable, answered: Callable) -> None:
    """Where DoWhy finds no stratum with enough of both groups, the run ends with its reason and a way out."""
    with pytest.raises(QuestionError, match=r"stratification cannot compare these deals: .*; use weighting"):
        answered(Dowhy(estimator="stratification"), about(), made(30, seed=2))


def test_resamples_that_cannot_be_answered_are_drawn_again_and_not_for_ever(
    deals: pd.DataFrame, about: Callable, answered: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of resamples that DoWhy refuses others are drawn; when it refuses nearly all of them, the run says so."""
    estimated, refused = Dowhy._estimated, []

    def picky(self: Dowhy, comparison: object, rows: np.ndarray, *, never: bool) -> tuple[float, pd.DataFrame]:
        if (rows != np.arange(len(rows))).any() and (never or len(refused) < 7):
            refused.append(1)
            raise ValueError("no stratum")
        return estimated(self, comparison, rows)

    monkeypatch.setattr(Dowhy, "_estimated", lambda *given: picky(*given, never=False))
    assert answered(Dowhy(**FEW), about(), deals).checks[0].value == 20
    assert len(refused) == 7

    monkeypatch.setattr(Dowhy, "_estimated", lambda *given: picky(*given, never=True))
    with pytest.raises(QuestionError, match="only 0 of 100 resamples have treated and untreated deals"):
        answered(Dowhy(**FEW), about(), deals)


def test_dowhys_log_is_put_back(deals: pd.DataFrame, about: Callable) -> None:
    """The level of DoWhy's logger is silenced for the time of the fit only."""
    logger = logging.getLogger("dowhy")
    logger.setLevel(logging.ERROR)
    Dowhy().point(about(), Dowhy().need(about()).sample(deals))

    assert logger.level == logging.ERROR
