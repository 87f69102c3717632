"""Inference for few clusters, against clubSandwich's numbers and against itself."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from whywin.stats.cluster import Contrast, arm_contrast, cr2, intracluster_correlation


@pytest.fixture(scope="module")
def known(shared: Path) -> dict[str, Any]:
    """The known answers for trials by id."""
    cases = json.loads((shared / "known_answers/trials.json").read_text(encoding="utf-8"))["cases"]
    return {case["id"]: case for case in cases}


@pytest.fixture(scope="module")
def reps(shared: Path) -> pd.DataFrame:
    """Eight reps of unequal size."""
    return pd.read_csv(shared / "known_answers/data/reps8.csv")


def with_intercept(*columns: object) -> np.ndarray:
    """Return regressors with an intercept in front."""
    return np.column_stack([np.ones(len(columns[0])), *columns])


@pytest.mark.parametrize("metric", ["won", "cycle"])
def test_eight_reps_agree_with_clubsandwich(metric: str, known: dict[str, Any], reps: pd.DataFrame) -> None:
    """Both routes give clubSandwich's coefficient, CR2 standard error and Satterthwaite degrees of freedom."""
    case = known[f"cr2_eight_reps_{metric}"]
    expected, tolerance = case["expected"], case["tolerance"]
    units = reps.groupby(["rep", "arm"])[metric].agg(["sum", "size"]).reset_index()

    general = cr2(with_intercept(reps["arm"]), reps[metric], reps["rep"], [0, 1])
    fast = arm_contrast(units["sum"], units["size"], units["arm"], [-1, 1])

    for found in (general, fast):
        assert found.value == pytest.approx(expected["beta"], abs=tolerance)
        assert found.standard_error == pytest.approx(expected["se"]["CR2"], abs=tolerance)
        assert found.degrees == pytest.approx(expected["df_cr2"], abs=tolerance)
        assert found.interval(0.95) == pytest.approx(expected["ci95_cr2"], abs=tolerance)


def test_a_real_trial_of_schools_agrees_with_clubsandwich(known: dict[str, Any], shared: Path) -> None:
    """The cash awards of Angrist and Lavy (2009), 34 schools of 1 to 146 pupils, with and without covariates and pair effects."""
    expected = known["cluster_rct_achievement_girl"]["expected"]
    pupils = pd.read_csv(shared / "known_answers/data/aa2001_girl.csv").dropna(subset=["Bagrut_status", "treated", "school_id"])
    kinds = pd.get_dummies(pupils["school_type"], drop_first=True).to_numpy(dtype=float)
    units = pupils.groupby(["school_id", "treated"])["Bagrut_status"].agg(["sum", "size"]).reset_index()

    plain = arm_contrast(units["sum"], units["size"], units["treated"], [-1, 1])
    adjusted = cr2(
        with_intercept(pupils["treated"], pupils["lagscore"], kinds),
        pupils["Bagrut_status"],
        pupils["school_id"],
        [0, 1, 0, *np.zeros(kinds.shape[1])],
    )

    assert (plain.value, plain.standard_error, plain.degrees) == pytest.approx(
        (expected["beta"], expected["CR2"], expected["df"]), abs=1e-6
    )
    assert plain.p_value == pytest.approx(expected["p_cr2"], abs=1e-6)
    wanted = expected["adjusted_cr2"]
    assert (adjusted.value, adjusted.standard_error, adjusted.degrees, adjusted.p_value) == pytest.approx(
        (wanted["beta"], wanted["se"], wanted["df"], wanted["p"]), abs=1e-6
    )


def test_pair_effects_use_the_generalised_inverse(known: dict[str, Any], shared: Path) -> None:
    """A cluster that its own fixed effect fits exactly needs Pustejovsky and Tipton's generalised inverse."""
    wanted = known["cluster_rct_achievement_girl"]["expected"]["pair_fe_cr2"]
    pupils = pd.read_csv(shared / "known_answers/data/aa2001_girl.csv").dropna(subset=["Bagrut_status", "treated", "pair"])
    pairs = pd.get_dummies(pupils["pair"]).to_numpy(dtype=float)

    found = cr2(
        np.column_stack([pupils["treated"], pairs]), pupils["Bagrut_status"], pupils["school_id"], [1, *np.zeros(pairs.shape[1])]
    )

    assert (found.value, found.standard_error, found.degrees) == pytest.approx(
        (wanted["beta"], wanted["se"], wanted["df"]), abs=1e-6
    )


def test_a_panel_with_fixed_effects_agrees_with_clubsandwich(known: dict[str, Any], shared: Path) -> None:
    """Traffic deaths and the drinking age: 50 states by year, effects of state and year."""
    expected = known["cr2_mortality_panel"]["expected"]
    deaths = pd.read_csv(shared / "known_answers/data/mv_deaths.csv")
    deaths = deaths[(deaths["cause"] == "Motor Vehicle") & (deaths["year"] <= 1983) & deaths["beertaxa"].notna()]
    effects = pd.concat([pd.get_dummies(deaths["state"]), pd.get_dummies(deaths["year"], drop_first=True)], axis=1)
    regressors = np.column_stack([deaths["legal"], deaths["beertaxa"], effects.to_numpy(dtype=float)])

    for place, name in enumerate(("legal", "beertaxa")):
        found = cr2(regressors, deaths["mrate"], deaths["state"], np.eye(regressors.shape[1])[place])
        wanted = expected[name]
        assert (found.value, found.standard_error, found.degrees, found.p_value) == pytest.approx(
            (wanted["beta"], wanted["se_cr2"], wanted["df_cr2"], wanted["p_cr2"]), abs=1e-6
        )


def test_a_regressor_that_is_constant_within_reps_agrees(known: dict[str, Any], reps: pd.DataFrame) -> None:
    """The pre-period mean of each rep beside its arm: the identity with weighted HC2 holds for the general route."""
    wanted = known["cr2_equals_weighted_hc2_bm"]["expected"]
    mean = reps.groupby("rep")["pre"].transform("mean")

    found = cr2(with_intercept(reps["arm"], mean), reps["cycle"], reps["rep"], [0, 1, 0])

    assert (found.value, found.standard_error, found.degrees) == pytest.approx(
        (wanted["beta"], wanted["se_cr2"], wanted["df"]), abs=1e-9
    )


def test_the_degrees_of_bell_and_mccaffrey(known: dict[str, Any]) -> None:
    """Singletons in groups of 3 and 27, the design of Imbens and Kolesar (2016)."""
    case = known["bm_df_behrens_fisher"]
    arm = np.repeat([0, 1], [case["input"]["N0"], case["input"]["N1"]])
    outcome = np.random.default_rng(0).normal(size=len(arm))

    assert arm_contrast(outcome, np.ones(len(arm)), arm, [-1, 1]).degrees == pytest.approx(case["expected"]["df"], abs=1e-8)


Trials = st.lists(st.tuples(st.integers(1, 30), st.floats(0, 1)), min_size=4, max_size=14)


def units_of(trial: list[tuple[int, float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return wins, sizes and arms of a drawn trial."""
    size = np.array([n for n, _ in trial])
    return np.round(size * np.array([share for _, share in trial])), size, np.arange(len(trial)) % 2


@settings(max_examples=60, deadline=None)
@given(Trials)
def test_the_fast_route_is_the_general_one(trial: list[tuple[int, float]]) -> None:
    """One row a rep gives what all deals give, whatever the sizes and the wins."""
    won, size, arm = units_of(trial)
    deals = np.concatenate([np.r_[np.ones(int(w)), np.zeros(int(n - w))] for w, n in zip(won, size, strict=True)])
    rep = np.repeat(np.arange(len(size)), size)

    fast, general = arm_contrast(won, size, arm, [-1, 1]), cr2(with_intercept(arm[rep]), deals, rep, [0, 1])

    assert fast.value == pytest.approx(general.value, abs=1e-9)
    assert fast.standard_error == pytest.approx(general.standard_error, abs=1e-7)
    assert fast.degrees == pytest.approx(general.degrees, rel=1e-6)


@settings(max_examples=40, deadline=None)
@given(Trials, st.integers(1, 50))
def test_equal_reps_give_the_t_test_on_their_means(trial: list[tuple[int, float]], size: int) -> None:
    """With equally many deals everywhere the answer is the two-sample t test on rep means."""
    assume(len(trial) % 2 == 0)
    means = np.array([share for _, share in trial])
    arm = np.arange(len(trial)) % 2
    assume(all(np.ptp(means[arm == one]) > 1e-3 for one in (0, 1)))

    found = arm_contrast(means * size, np.full(len(means), size), arm, [-1, 1])
    classic = ttest_ind(means[arm == 1], means[arm == 0], equal_var=False)

    assert found.value / found.standard_error == pytest.approx(classic.statistic, rel=1e-6)
    assert found.degrees == pytest.approx(len(means) - 2, rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(Trials, st.floats(-5, 5), st.floats(0.1, 10), st.randoms(use_true_random=False))
def test_shift_scale_and_order_do_what_they_should(
    trial: list[tuple[int, float]], shift: float, scale: float, random: Any
) -> None:
    """Adding a number to every deal changes nothing, scaling scales, and the order of the reps does not matter."""
    won, size, arm = units_of(trial)
    order = list(range(len(size)))
    random.shuffle(order)

    plain = arm_contrast(won, size, arm, [-1, 1])
    other = arm_contrast((scale * won + shift * size)[order], size[order], arm[order], [-1, 1])

    assert other.value == pytest.approx(scale * plain.value, abs=1e-8)
    assert other.standard_error == pytest.approx(scale * plain.standard_error, abs=1e-7)
    assert other.degrees == pytest.approx(plain.degrees, rel=1e-9)


def test_without_any_variation_the_p_value_is_one_or_zero() -> None:
    """Reps that are all alike leave no noise: no difference is certain, and so is one."""
    assert Contrast(0.0, 0.0, 4.0).p_value == 1.0
    assert Contrast(0.1, 0.0, 4.0).p_value == 0.0


def test_the_correlation_within_reps_is_found() -> None:
    """On beta-binomial reps the estimate is near the correlation that they were drawn with, and near zero without one."""
    rng = np.random.default_rng(3)
    for true in (0.0, 0.1):
        chance = rng.beta(0.4 * (1 / true - 1), 0.6 * (1 / true - 1), size=3000) if true else np.full(3000, 0.4)
        size = rng.integers(5, 60, size=3000)
        won = rng.binomial(size, chance)
        assert intracluster_correlation(won, won, size, np.arange(3000) % 2) == pytest.approx(true, abs=0.01)
