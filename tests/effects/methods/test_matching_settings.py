"""The ways of matching as settings of the method: who is matched, who is dropped, which errors, and what is refused."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from whywin.effects.checks.balance import Balance
from whywin.effects.methods.matching import Matching
from whywin.effects.methods.weighting import OVERLAP, Weighting
from whywin.errors import ConfigError, QuestionError
from whywin.evidence import Answered, Check, Evidence
from whywin.report.words import known

WAYS = {
    "with replacement": Matching(),
    "adjusted": Matching(neighbours=3, bias_adjustment=True),
    "without replacement": Matching(replacement=False, caliper=0.2),
    "two each": Matching(replacement=False, neighbours=2, caliper=0.2, bias_adjustment=True),
    "optimal": Matching(replacement=False, pairs="optimal"),
    "full": Matching(replacement=False, pairs="full"),
    "mahalanobis": Matching(distance="mahalanobis", caliper=0.5, bias_adjustment=True),
    "exact": Matching(exact=("region",)),
    "ridge": Matching(ridge=5.0),
    "boosting": Matching(model="boosting", neighbours=3),
}


def remark(evidence: Evidence, name: str) -> Check:
    """The one remark of a name."""
    return next(check for check in evidence.checks if check.name == name)


@pytest.fixture(scope="module")
def few(made: Callable) -> pd.DataFrame:
    """Deals of which about a sixth are called, so that there are controls enough for all."""
    table = made(4000, seed=3)
    dropped = table.index[(table["called"] == 1) & (np.arange(len(table)) % 3 > 0)]
    return table.drop(index=dropped).reset_index(drop=True)


@pytest.mark.parametrize("way", WAYS)
def test_every_way_finds_the_effect(way: str, few: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """However deals are matched, the interval covers the effect that was put in, and balance is reached."""
    evidence = answered(WAYS[way], about(), few)
    row = evidence.estimates[0]
    (check,) = Balance().check(about(), (Answered(way, WAYS[way], few, evidence),), None, np.random.default_rng(0))

    assert row.low < 20 < row.high
    assert 2 < row.high - row.low < 18
    assert check.passed


@pytest.mark.parametrize("way", WAYS)
def test_a_refit_of_the_same_treatment_is_the_answer(way: str, deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """Answer, point and refitter agree to the last bit, and a refit does not depend on the one before it, nor on threads."""
    method, question = WAYS[way], about()
    sample = method.need(question).sample(deals)
    refit = method.refitter(question, sample)
    treated = sample["called"].to_numpy(float)
    others = [np.random.default_rng(seed).permutation(treated) for seed in range(4)]
    alone = [refit(other) for other in others]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(refit, others))

    assert refit(treated) == method.point(question, sample) == answered(method, question, deals).estimates[0].value
    assert together == alone == [method.point(question, sample.assign(called=other)) for other in others]


def test_weighting_refits_too(deals: pd.DataFrame, about: Callable) -> None:
    """Weighting's refitter is its point, whoever is asked about."""
    for estimand in ("treated", "all", "overlap"):
        question, method = about(estimand=estimand), Weighting()
        sample = method.need(question).sample(deals)
        other = np.random.default_rng(0).permutation(sample["called"].to_numpy(float))

        assert method.refitter(question, sample)(other) == method.point(question, sample.assign(called=other))


def test_matches_are_the_same_in_what_is_exact(deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """A column that is matched exactly is balanced to the digit, though nothing else adjusts for it."""
    question = about(confounders=("engagement", "region"))
    evidence = answered(Matching(exact=("region",)), question, deals)
    table = evidence.tables["balance"].set_index("covariate")

    assert table.loc[["region=South", "region=West"], "smd_after"].abs().max() < 1e-12
    assert table.loc["region=South", "smd_before"] > 0.05


def test_a_column_need_not_be_a_confounder_to_be_exact(deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """The method asks for the column itself, and names one that is not there."""
    method = Matching(exact=("rep",))

    assert "rep" in method.need(about()).names
    assert answered(method, about(), deals).estimates[0].n > 0
    with pytest.raises(QuestionError, match="exact: the deals have no column 'nowhere'"):
        answered(Matching(exact=("nowhere",)), about(), deals)


def test_who_is_dropped_is_shown(deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """Those without a match stand in a table beside those that are kept, with a title for the page; without them there is none."""
    lonely = deals.copy()
    far = deals.index[deals["called"] == 1][:5]
    lonely.loc[far, "engagement"] = 40.0
    evidence = answered(Matching(caliper=0.2), about(), lonely)
    table = evidence.tables["dropped"].set_index("covariate")
    treated = lonely[lonely["called"] == 1]

    assert remark(evidence, "caliper").value >= 5
    assert table.loc["engagement", "dropped"] > 10 > table.loc["engagement", "kept"]
    share = remark(evidence, "caliper").value / len(treated)
    mean = share * table["dropped"] + (1 - share) * table["kept"]
    assert mean["engagement"] == pytest.approx(treated["engagement"].mean())
    assert known("effect", "dropped").title == "Who is left out"
    assert "dropped" not in answered(Matching(), about(), deals).tables


def test_trimmed_deals_are_shown_too(deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """Weighting tells who was trimmed: the most and the least engaged."""
    table = answered(Weighting(trim=0.2), about(estimand="all"), deals).tables["dropped"].set_index("covariate")

    assert abs(table.loc["engagement", "difference"]) > 0.5


def test_when_controls_run_out_it_is_said(deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """Without replacement, more treated than untreated deals leave the least likely to be treated without a match, counted."""
    many = pd.concat([deals[deals["called"] == 1], deals[deals["called"] == 0].head(100)], ignore_index=True)
    evidence = answered(Matching(replacement=False), about(), many)
    count = int((many["called"] == 1).sum())

    assert remark(evidence, "caliper").value == count - 100
    assert "are left out" in remark(evidence, "caliper").says
    assert len(evidence.tables["dropped"]) == 3


@pytest.mark.parametrize(
    ("way", "says"),
    [
        ("with replacement", "2016"),
        ("ridge", "2016"),
        ("mahalanobis", "2006"),
        ("boosting", "2006"),
        ("full", "by matched set"),
        ("without replacement", "by matched set"),
    ],
)
def test_the_errors_are_named(way: str, says: str, deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """Which standard errors an interval is from stands beside it."""
    assert says in remark(answered(WAYS[way], about(), deals), "interval").says


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"pairs": "optimal"}, "pairs: optimal is a way of matching without replacement"),
        ({"pairs": "full", "replacement": False, "neighbours": 2}, "pairs: full has no number of neighbours, got 2"),
        ({"model": "boosting", "ridge": 1.0}, "ridge: 1 is a penalty of logistic regression"),
        ({"model": "boosting", "distance": "mahalanobis"}, "model: boosting decides nothing"),
        ({"exact": ("region", "region")}, "exact: 'region' stands there twice"),
    ],
)
def test_settings_that_contradict_are_refused(settings: dict, says: str) -> None:
    """Each contradiction has a sentence of its own."""
    with pytest.raises(ConfigError) as caught:
        Matching(**settings)

    assert len(caught.value.faults) == 1
    assert caught.value.faults[0].startswith(says)


@pytest.mark.parametrize(
    ("settings", "asked", "says"),
    [
        ({}, {"estimand": "overlap"}, "use weighting for the overlap"),
        ({"replacement": False}, {"estimand": "all"}, "ask for treated, or match with replacement"),
        ({"exact": ("won",)}, {}, "is what is compared"),
        ({"exact": ("stage",)}, {"known_after": ("stage",)}, "known only after the treatment"),
    ],
)
def test_questions_that_do_not_fit_are_faults(settings: dict, asked: dict, says: str, about: Callable) -> None:
    """What a way of matching cannot answer is said before anything is computed."""
    (fault,) = Matching(**settings).faults(about(**asked))

    assert says in fault
    assert fault.startswith(("estimand: ", "replacement: ", "exact: "))
    assert Matching().faults(about()) == []


def test_too_many_pairs_are_refused(
    monkeypatch: pytest.MonkeyPatch, deals: pd.DataFrame, about: Callable, answered: Callable
) -> None:
    """A table of all distances that would not fit is refused with a way out."""
    monkeypatch.setattr("whywin.effects.methods.matching.CELLS", 1000)

    with pytest.raises(QuestionError, match="use greedy, or compare fewer"):
        answered(WAYS["full"], about(), deals)


def test_the_overlap_can_be_the_answer(made: Callable, about: Callable, answered: Callable) -> None:
    """Asked for the overlap, weighting answers with what otherwise stands beside, balances exactly, and tells it once."""
    table = made(3000, seed=2)
    asked, beside = (answered(Weighting(), about(estimand=estimand), table) for estimand in ("overlap", "treated"))
    (row,) = asked.estimates

    assert replace(row, method="") == beside.of(OVERLAP)
    assert row.low < 20 < row.high
    assert asked.tables["balance"]["smd_after"].abs().max() < 1e-8
    assert row.high - row.low < beside.estimates[0].high - beside.estimates[0].low
