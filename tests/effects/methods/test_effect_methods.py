"""The plain difference and matching as methods: published numbers, the truth, tables and remarks."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import ttest_ind

from whywin.effects.methods.difference import Difference
from whywin.effects.methods.matching import Matching
from whywin.effects.question import Effect
from whywin.errors import ConfigError, QuestionError
from whywin.stats.proportions import newcombe


@pytest.fixture(scope="module")
def known(shared: Path) -> Callable[[str], tuple[dict, dict]]:
    """Expected numbers and tolerances of a known answer."""
    cases = json.loads((shared / "known_answers" / "effects.json").read_text())["cases"]
    return lambda name: next((case["expected"], case["tolerance"]) for case in cases if case["id"] == name)


@pytest.fixture(scope="module")
def lalonde(shared: Path) -> pd.DataFrame:
    """The Dehejia-Wahba sample of the experiment, as closed deals."""
    table = pd.read_csv(shared / "data/benchmarks/lalonde/causaldata_nsw_mixtape.csv")
    return table.assign(won=1.0)


def test_naive_weight_change_of_quitters(known: Callable, answered: Callable) -> None:
    """Hernán and Robins, chapter 12: 2.54 kg with its interval, unadjusted."""
    from causaldata import nhefs_complete

    expected, tolerance = known("nhefs_unadjusted")
    table = nhefs_complete.load_pandas().data.assign(won=1.0)
    row = answered(Difference(spread="pooled"), Effect("qsmk", ("age",), outcome="wt82_71"), table).estimates[0]

    for key, value in (("ate", row.value), ("ci_lo", row.low), ("ci_hi", row.high)):
        assert value == pytest.approx(expected[key], abs=tolerance[key]), key
    assert row.unit == "number"


def test_the_experiment_of_lalonde(known: Callable, answered: Callable, lalonde: pd.DataFrame) -> None:
    """Dehejia's and Wahba's benchmark of 1,794 with the standard error of unequal variances."""
    expected, tolerance = known("lalonde_nsw_experimental")
    row = answered(Difference(), Effect("treat", ("age",), outcome="re78"), lalonde).estimates[0]
    groups = [lalonde.loc[lalonde["treat"] == arm, "re78"] for arm in (1, 0)]
    welch = ttest_ind(*groups, equal_var=False)
    interval = welch.confidence_interval(0.95)
    student = ttest_ind(*groups).confidence_interval(0.95)
    pooled = answered(Difference(spread="pooled"), Effect("treat", ("age",), outcome="re78"), lalonde).estimates[0]

    assert row.value == pytest.approx(expected["att"], abs=tolerance["att"])
    assert row.value / welch.statistic == pytest.approx(expected["se_hc2"], abs=tolerance["se_hc2"])
    assert (row.low, row.high) == pytest.approx((interval.low, interval.high))
    assert row.value / ttest_ind(*groups).statistic == pytest.approx(expected["se_ols"], abs=tolerance["se_ols"])
    assert (pooled.low, pooled.high) == pytest.approx((student.low, student.high))


def test_the_usual_wrong_answers(known: Callable, answered: Callable, lalonde: pd.DataFrame, shared: Path) -> None:
    """Raw differences against CPS controls and in Cattaneo's births are what the literature warns of."""
    import statsmodels

    cps = pd.read_csv(shared / "data/benchmarks/lalonde/causaldata_cps_mixtape.csv").assign(won=1.0)
    both = pd.concat([lalonde[lalonde["treat"] == 1], cps])
    births = pd.read_csv(Path(statsmodels.__file__).parent / "treatment/tests/results/cataneo2.csv").assign(won=1.0)

    against_cps = answered(Difference(), Effect("treat", ("age",), outcome="re78"), both).estimates[0].value
    smokers = answered(Difference(), Effect("mbsmoke_", ("mage",), outcome="bweight"), births).estimates[0].value

    assert against_cps == pytest.approx(known("lalonde_cps_unadjusted")[0]["diff"], abs=0.01)
    assert smokers == pytest.approx(known("stata_naive")[0]["diff"], abs=0.01)


def test_stata_through_the_method(known: Callable, answered: Callable) -> None:
    """Matching on the propensity as a share is Stata's `teffects psmatch`, question and all."""
    import statsmodels

    expected, tolerance = known("stata_psmatch_5cov")
    births = pd.read_csv(Path(statsmodels.__file__).parent / "treatment/tests/results/cataneo2.csv").assign(won=1.0)
    given = ("mmarried_", "mage", "fage", "medu", "prenatal1_")
    for estimand, key in (("all", "ate"), ("treated", "atet")):
        question = Effect("mbsmoke_", given, outcome="bweight", estimand=estimand)
        row = answered(Matching(distance="propensity"), question, births).estimates[0]

        assert row.value == pytest.approx(expected[key], abs=tolerance[key])
        assert (row.high - row.low) / 2 / 1.959964 == pytest.approx(expected[f"{key}_se"], abs=tolerance[f"{key}_se"])


def test_a_rate_has_newcombes_interval(deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """Without a cluster the plain difference of win rates has the hybrid score interval, in points."""
    row = answered(Difference(), about(), deals).estimates[0]
    groups = [deals.loc[deals["called"] == arm, "won"] for arm in (1, 0)]
    low, high = newcombe(tuple(g.sum() for g in groups), tuple(len(g) for g in groups), 0.95)

    assert (row.value, row.low, row.high) == pytest.approx((100 * (groups[0].mean() - groups[1].mean()), 100 * low, 100 * high))


def test_a_cluster_widens_the_plain_difference(deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """Twins that share their rep count once: the clustered interval is wider than that of twice the deals."""
    twins = pd.concat([deals.head(200)] * 4, ignore_index=True)
    twins["rep"] = [f"R{number % 200}" for number in range(800)]

    plain, clustered = (answered(Difference(), about(cluster=by), twins).estimates[0] for by in (None, "rep"))

    assert (clustered.high - clustered.low) > 1.6 * (plain.high - plain.low)


def test_matching_finds_what_the_difference_misses(made: Callable, about: Callable, answered: Callable) -> None:
    """On confounded deals matching's interval covers the effect that was put in; the plain difference's does not."""
    table = made(6000, seed=1)
    matched, naive = (answered(method, about(), table).estimates[0] for method in (Matching(neighbours=3), Difference()))

    assert matched.low < 20 < matched.high
    assert naive.low > 20


def test_matching_shows_balance_overlap_and_who_is_compared(deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """Each covariate has a row before and after; every deal is in one bin of the propensity and in one group."""
    tables = answered(Matching(), about(), deals).tables
    groups = tables["groups"].set_index("group")

    assert tables["balance"]["covariate"].tolist() == ["engagement", "region=South", "region=West"]
    assert (tables["balance"]["smd_after"].abs() < tables["balance"]["smd_before"].abs().max()).all()
    assert tables["overlap"][["treated", "controls"]].to_numpy().sum() == len(deals)
    assert groups["deals"].tolist() == [(deals["called"] == 1).sum(), (deals["called"] == 0).sum()]
    assert groups.loc["controls", "effective"] <= groups.loc["controls", "compared"] <= groups.loc["controls", "deals"]


@pytest.mark.parametrize("estimand", ["treated", "all"])
@pytest.mark.parametrize("method", [Matching(), Matching(neighbours=2, bias_adjustment=True), Difference()])
def test_outcomes_differ_by_the_effect(
    deals: pd.DataFrame, about: Callable, answered: Callable, estimand: str, method: object
) -> None:
    """The mean with treatment less the mean without is the estimate, and `point` is the estimate without its interval."""
    question = about(estimand=estimand)
    evidence = answered(method, question, deals)
    means = evidence.tables["outcomes"].set_index("treatment")["mean"]

    assert means["with"] - means["without"] == pytest.approx(evidence.of(question.quantity).value)
    assert method.point(question, method.need(question).sample(deals)) == evidence.of(question.quantity).value


def test_a_caliper_says_whom_it_leaves_out(deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """Deals without a near match are counted in a note and are not in n; when none is left the question does not fit."""
    lonely = deals.copy()
    lonely.loc[deals.index[deals["called"] == 1][:3], "engagement"] = 60.0
    evidence = answered(Matching(caliper=0.2), about(), lonely)
    remark = next(check for check in evidence.checks if check.name == "caliper")

    assert (remark.passed, remark.value >= 3) == (False, True)
    assert "have no match within the caliper of 0.2" in remark.says
    with pytest.raises(QuestionError, match="caliper: only"):
        answered(Matching(caliper=1e-12), about(confounders=("engagement",)), deals)


def test_separation_is_said(deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """A column that tells who was called for certain needs a ridge, and a note says so."""
    telling = deals.assign(telling=deals["called"] * 1.0)
    evidence = answered(Matching(), about(confounders=("engagement", "telling")), telling)

    assert any(check.name == "separation" and not check.passed for check in evidence.checks)


def test_clusters_take_students_quantile(deals: pd.DataFrame, about: Callable, answered: Callable) -> None:
    """With few clusters the interval is wider than with none, at the same estimate."""
    plain, clustered = (answered(Matching(), about(cluster=by), deals).estimates[0] for by in (None, "rep"))

    assert clustered.value == plain.value
    assert clustered.high - clustered.low > plain.high - plain.low


def test_settings_of_matching_keep_their_rules() -> None:
    """No neighbours, a caliper of nothing and an unknown scale are refused at once."""
    with pytest.raises(ConfigError) as caught:
        Matching(neighbours=0, caliper=0.0, distance="probit")

    assert len(caught.value.faults) == 3


@pytest.mark.slow
def test_intervals_cover_in_confounded_worlds(made: Callable, about: Callable, answered: Callable) -> None:
    """In 400 confounded worlds the 95 % interval covers the effect in 92 to 98 of 100."""
    found = [answered(Matching(), about(), made(1000, seed)).estimates[0] for seed in range(400)]
    covered = np.mean([row.low <= 20 <= row.high for row in found])

    assert 0.92 <= covered <= 0.98
