"""Weighting as a method: the truth, tables, remarks, and the overlap population."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from whywin.effects.checks.balance import Balance
from whywin.effects.checks.placebo import Placebo
from whywin.effects.methods.difference import Difference
from whywin.effects.methods.weighting import OVERLAP, Weighting
from whywin.errors import ConfigError, QuestionError
from whywin.evidence import Answered


@pytest.mark.parametrize("estimand", ["treated", "all"])
def test_weighting_finds_what_the_difference_misses(made: Callable, about: Callable, answered: Callable, estimand: str) -> None:
    """On confounded deals its interval covers the effect that was put in; the plain difference's does not."""
    table, question = made(6000, seed=1), about(estimand=estimand)
    weighted, naive = (answered(method, question, table).estimates[0] for method in (Weighting(), Difference()))

    assert weighted.low < 20 < weighted.high
    assert naive.low > 20


@pytest.mark.parametrize("weights", ["stabilised", "inverse"])
@pytest.mark.parametrize("estimand", ["treated", "all"])
def test_outcomes_differ_by_the_effect(
    deals: pd.DataFrame, about: Callable, answered: Callable, estimand: str, weights: str
) -> None:
    """The mean with treatment less the mean without is the estimate, and `point` is the estimate without its interval."""
    question, method = about(estimand=estimand), Weighting(weights=weights)
    evidence = answered(method, question, deals)
    means = evidence.tables["outcomes"].set_index("treatment")["mean"]

    assert means["with"] - means["without"] == pytest.approx(evidence.of(question.quantity).value)
    assert method.point(question, method.need(question).sample(deals)) == evidence.of(question.quantity).value


def test_the_overlap_population_stands_beside_the_answer(deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """The second row is the same whoever is asked about, is at least as precise, and goes when it is not wanted."""
    own, every = (answered(Weighting(), about(estimand=estimand), deals) for estimand in ("treated", "all"))
    rows = own.of(OVERLAP), every.of(OVERLAP)

    assert rows[0] == rows[1]
    assert all(rows[0].high - rows[0].low <= one.estimates[0].high - one.estimates[0].low for one in (own, every))
    assert len(answered(Weighting(overlap=False), about(), deals).estimates) == 1


def test_weights_balance_what_is_adjusted_for(made: Callable, about: Callable, answered: Callable) -> None:
    """After weighting no covariate differs by a tenth of a standard deviation, and the check on balance says so."""
    table, question = made(6000, seed=1), about()
    evidence = answered(Weighting(), question, table)
    (check,) = Balance().check(question, (Answered("weighting", Weighting(), table, evidence),), None, np.random.default_rng(0))

    assert check.passed
    assert evidence.tables["balance"]["smd_before"].abs().max() > 0.3
    assert evidence.tables["overlap"][["treated", "controls"]].to_numpy().sum() == len(table)


def test_clusters_take_students_quantile(deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """Deals that stand in the table four times under one rep count once, and few clusters widen the interval further."""
    fourfold = pd.concat([deals.head(200).assign(rep=[f"R{number}" for number in range(200)])] * 4, ignore_index=True)
    plain, clustered = (answered(Weighting(), about(cluster=by), fourfold).estimates[0] for by in (None, "rep"))
    once = answered(Weighting(), about(), deals.head(200)).estimates[0]

    assert clustered.value == plain.value == pytest.approx(once.value)
    assert clustered.high - clustered.low == pytest.approx(once.high - once.low, rel=0.02)


def test_trimming_says_whom_it_leaves_out(deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """Deals that were nearly sure to be treated are counted in a note and are not in n; when none is left the question does not fit."""
    evidence = answered(Weighting(trim=0.1), about(estimand="all"), deals)
    (remark,) = evidence.checks

    assert (remark.name, remark.passed, remark.severity) == ("trim", False, "note")
    assert evidence.estimates[0].n == len(deals) - remark.value
    with pytest.raises(QuestionError, match="trim: only"):
        answered(
            Weighting(trim=0.49),
            about(confounders=("engagement",), estimand="all"),
            deals.assign(engagement=deals["called"] * 1.0),
        )


def test_separation_is_said(deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """A column that tells who was called for certain needs a ridge, and a note says so."""
    evidence = answered(Weighting(), about(confounders=("engagement", "telling")), deals.assign(telling=deals["called"] * 1.0))

    assert [check.name for check in evidence.checks] == ["separation"]


@pytest.mark.parametrize("estimand", ["treated", "all"])
def test_units_and_order_decide_nothing(deals: pd.DataFrame, about: Callable, answered: Callable, estimand: str) -> None:
    """Stretching and moving a covariate, and shuffling the deals, leave every row as it was."""
    moved = deals.assign(engagement=1000 - 30 * deals["engagement"])
    shuffled = deals.sample(frac=1, random_state=0)

    rows = [answered(Weighting(), about(estimand=estimand), table).to_frame() for table in (deals, moved, shuffled)]

    for other in rows[1:]:
        assert other[["value", "low", "high"]].to_numpy() == pytest.approx(rows[0][["value", "low", "high"]].to_numpy(), abs=1e-6)


def test_the_other_treatment_turns_the_sign(deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """Not being called changes on all deals what being called changes, the other way round."""
    plain, turned = (
        answered(Weighting(), about(estimand="all"), table).estimates
        for table in (deals, deals.assign(called=1 - deals["called"]))
    )

    for one, other in zip(plain, turned, strict=True):
        assert (other.value, other.low, other.high) == pytest.approx((-one.value, -one.high, -one.low))


def test_placebo_is_quiet(made: Callable, about: Callable, answered: Callable) -> None:
    """With treatment dealt out anew weighting, whose peer raises false alarms here, finds nothing."""
    question, table = about(estimand="all"), made(800, 3, effect=0.4)
    evidence = answered(Weighting(), question, table)
    sample = Weighting().need(question).sample(table)
    answers = (Answered("weighting", Weighting(), sample, evidence),)
    (check,) = Placebo().check(question, answers, sample, np.random.default_rng(0))

    assert check.passed
    assert abs(check.value) < 3


def test_settings_of_weighting_keep_their_rules() -> None:
    """Unknown weights and a trim of half are refused at once."""
    with pytest.raises(ConfigError) as caught:
        Weighting(weights="entropy", trim=0.5)

    assert len(caught.value.faults) == 2


@pytest.mark.slow
@pytest.mark.parametrize("cluster", [None, "rep"])
@pytest.mark.parametrize("estimand", ["treated", "all"])
def test_intervals_of_weighting_cover(
    made: Callable, about: Callable, answered: Callable, estimand: str, cluster: str | None
) -> None:
    """In 500 confounded worlds the 95 % interval covers the effect in 92.5 to 97.5 of 100."""
    question = about(estimand=estimand, cluster=cluster)
    found = [answered(Weighting(overlap=False), question, made(1000, seed)).estimates[0] for seed in range(500)]
    covered = np.mean([row.low <= 20 <= row.high for row in found])

    assert 0.925 <= covered <= 0.975
