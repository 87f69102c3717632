"""Metrics, adjustment, clusters and posteriors of trials against figures of other software and of definitions."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from whywin.stats.cluster import arm_contrast, cr2, robust
from whywin.stats.normal_posterior import decision
from whywin.stats.ratios import Gap, cuped, ratio_gap, winsorised
from whywin.stats.streams import stream
from whywin.stats.two_samples import Moments, relative_difference
from whywin.trials.methods.fixed import Fixed
from whywin.trials.metric import Metric
from whywin.trials.question import Trial

METRICS = {
    "sessions": ("sessions", None),
    "orders_per_session": ("orders", "sessions"),
    "orders": ("orders", None),
    "revenue": ("revenue", None),
}


@pytest.fixture(scope="module")
def known(shared: Path) -> dict[str, Any]:
    """The known answers for trials by id."""
    cases = json.loads((shared / "known_answers/trials.json").read_text(encoding="utf-8"))["cases"]
    return {case["id"]: case for case in cases}


def said(found: Gap) -> dict[str, float]:
    """Return a difference under the names that the known answers have."""
    low, high = found.interval(0.95)
    relative_low, relative_high = found.relative_interval(0.95)
    return {
        "control": found.control,
        "treatment": found.treated,
        "effect_size": found.value,
        "effect_size_ci_lower": low,
        "effect_size_ci_upper": high,
        "rel_effect_size": found.relative,
        "rel_effect_size_ci_lower": relative_low,
        "rel_effect_size_ci_upper": relative_high,
        "pvalue": found.p_value,
        "statistic": found.value / found.standard_error,
    }


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("case", ["tea_readme_four_metrics", "tea_cuped_four_metrics"])
def test_means_and_ratios_of_users(case: str, name: str, known: dict[str, Any], shared: Path) -> None:
    """Differences, relative differences and p-values of 4,000 users, plain and adjusted for covariates, are tea-tasting's."""
    users = pd.read_csv(shared / "known_answers" / known[case]["input"]["csv"])
    top, bottom = METRICS[name]
    ones = np.ones(len(users))
    before = {}
    if "cuped" in case:
        before["numerator_before"] = users[f"{top}_covariate"]
        before["denominator_before"] = users[f"{bottom}_covariate"] if bottom else ones

    found = ratio_gap(users[top], users[bottom] if bottom else ones, users["variant"] == 1, **before)

    for key, value in known[case]["expected"][name].items():
        assert said(found)[key] == pytest.approx(value, abs=known[case]["tolerance"]), key


def test_the_delta_method_of_rep_totals(known: dict[str, Any]) -> None:
    """Wins over deals with reps as units: effect, error, both variances and Welch's p-value; CR2's error is the larger one."""
    given, expected = (known["delta_ratio_rep_totals"][part] for part in ("input", "expected"))
    wins, deals, arm = (np.array(given[name]) for name in ("wins", "deals", "arm"))

    found = ratio_gap(wins, deals, arm == 1)

    assert (found.value, found.standard_error) == pytest.approx((expected["effect"], expected["se"]), abs=1e-10)
    assert found.p_value == pytest.approx(expected["tea_pvalue_welch"], abs=1e-9)
    assert found.standard_error**2 == pytest.approx(expected["var_treatment"] + expected["var_control"], abs=1e-12)
    assert arm_contrast(wins, deals, arm, [-1.0, 1.0]).standard_error == pytest.approx(0.160734, abs=1e-6)


def test_a_ratio_in_a_trial_is_wins_over_deals(known: dict[str, Any]) -> None:
    """The whole method, asked for a ratio of two columns by rep, gives the same effect with CR2's error."""
    given = known["delta_ratio_rep_totals"]["input"]
    table = pd.DataFrame({"rep": list("abcdefgh"), "arm": [str(one) for one in given["arm"]], "won": 1.0})
    table = table.assign(wins=given["wins"], deals_held=given["deals"])
    metric = Metric("wins", kind="ratio", per="deals_held", role="primary")

    evidence = Fixed().answer(Trial("arm", "0", "rep", metrics=(metric,)), table, stream(0, "ratio"))
    effect = evidence.of("effect of assignment", "arm=1")

    assert effect.value == pytest.approx(known["delta_ratio_rep_totals"]["expected"]["effect"], abs=1e-12)
    assert effect.n == 8


def test_what_a_covariate_takes_off_a_variance(known: dict[str, Any], shared: Path) -> None:
    """Slope, correlation and the variance that is left, of deals and of rep means: only those of what was randomised matter."""
    case = known["cuped_variance_reduction_identity"]
    deals = pd.read_csv(shared / "known_answers" / case["input"]["csv"])
    reps = deals.groupby("rep")[["cycle", "pre"]].mean()

    for level, rows in (("deal", deals), ("rep", reps)):
        found = cuped(rows["cycle"], rows["pre"])
        expected = [case["expected"][f"{name}_{level}"] for name in ("theta", "rho", "var_ratio")]
        assert (found.slope, found.correlation, found.variance_left) == pytest.approx(expected, abs=1e-10)


def test_values_are_capped_at_a_pooled_quantile(known: dict[str, Any]) -> None:
    """The cap is NumPy's linear quantile of all values, and the mean is of the capped ones."""
    given, expected = (known["winsorise_p90_pooled"][part] for part in ("input", "expected"))

    values, cap = winsorised(given["x"], given["q"])

    assert cap == pytest.approx(expected["cap"], abs=1e-9)
    assert (np.mean(given["x"]), values.mean()) == pytest.approx((expected["mean_raw"], expected["mean_capped"]), abs=1e-9)


def test_a_flat_prior_posterior_of_a_relative_lift(known: dict[str, Any]) -> None:
    """Chance to win, and the expected losses of both choices, are GrowthBook's."""
    given, expected = (known["bayes_flat_prior_relative"][part] for part in ("input", "expected"))
    effect = relative_difference(*(Moments.of_rate(given[arm]["won"], given[arm]["n"]) for arm in ("control", "treatment")))
    found = decision(effect.value, effect.standard_error)
    half = 1.959963984540054 * effect.standard_error

    assert effect.value == pytest.approx(expected["effect"], abs=1e-9)
    assert (effect.value - half, effect.value + half) == pytest.approx(expected["ci"], abs=1e-5)
    assert found.better == pytest.approx(expected["chance_to_win"], abs=1e-5)
    assert found.loss_of_control == pytest.approx(expected["risk_control"], abs=1e-5)
    assert found.loss_of_treating == pytest.approx(expected["risk_treatment"], abs=1e-5)


def test_nulls_of_a_metric_do_not_count(known: dict[str, Any], shared: Path) -> None:
    """The default counts the values of each metric: 299 of 500 users; with one row a user its p-value is Welch's but for the degrees of freedom."""
    case = known["null_outcomes_must_not_count"]
    users = pd.read_csv(shared / "known_answers" / case["input"]["csv"])
    sample = pd.DataFrame({"arm": users["variant"].astype(str), "rep": users["user"].astype(str), "revenue": users["revenue"]})

    evidence = Fixed().answer(Trial("arm", "0", "rep", metric="revenue"), sample, stream(0, "nulls"))

    assert evidence.of("effect of assignment", "arm=1").n == case["expected"]["n_nonnull"]
    assert evidence.tables["arms"]["p_value"].iloc[1] == pytest.approx(case["expected"]["p_correct"], abs=2e-4)


def test_eight_reps_cycle_days(known: dict[str, Any], shared: Path) -> None:
    """CR2, degrees, p-value and interval of cycle days by rep are clubSandwich's, by either road."""
    case = known["cr2_eight_reps_cycle"]
    expected, deals = case["expected"], pd.read_csv(shared / "known_answers" / case["input"]["csv"])
    units = deals.groupby("rep").agg(arm=("arm", "first"), total=("cycle", "sum"), size=("cycle", "size"))
    matrix, root = np.column_stack([np.ones(len(units)), units["arm"]]), np.sqrt(units["size"])

    for found in (
        arm_contrast(units["total"], units["size"], units["arm"], [-1.0, 1.0]),
        arm_contrast(deals["cycle"], np.ones(len(deals)), deals["arm"], [-1.0, 1.0], deals["rep"]),
        robust(matrix * root.to_numpy()[:, None], units["total"] / root, units.index, [0.0, 1.0]),
        cr2(np.column_stack([np.ones(len(deals)), deals["arm"]]), deals["cycle"], deals["rep"], [0.0, 1.0]),
    ):
        assert found.value == pytest.approx(expected["beta"], abs=1e-8)
        assert found.standard_error == pytest.approx(expected["se"]["CR2"], abs=1e-8)
        assert found.degrees == pytest.approx(expected["df_cr2"], abs=1e-8)
        assert found.p_value == pytest.approx(expected["p"]["CR2_satt"], abs=1e-8)
        assert found.interval(0.95) == pytest.approx(expected["ci95_cr2"], abs=1e-8)


@pytest.mark.slow
def test_the_default_keeps_its_error_rate_in_every_row(known: dict[str, Any]) -> None:
    """Beta-binomial deals without effect, in each setting of the published simulation: the default rejects in 3.5 to 7 of 100."""
    for row in known["calibration_few_clusters_type1"]["expected"]:
        rng, worlds, spread = stream(5, f"{row}"), 2000, 1 / row["icc"] - 1
        variance, mean = (row["cv"] * 60) ** 2, 59
        arm = (np.arange(row["G"]) < row["T"]).astype(np.int64)
        p_values = []
        for _ in range(worlds):
            size = 1 + rng.negative_binomial(mean**2 / (variance - mean), mean / variance, size=row["G"])
            won = rng.binomial(size, rng.beta(0.25 * spread, 0.75 * spread, size=row["G"]))
            p_values.append(arm_contrast(won, size, arm, [-1.0, 1.0]).p_value)
        rejected = np.mean(np.array(p_values) <= 0.05)
        error = np.sqrt(rejected * (1 - rejected) / worlds)
        assert 0.035 - 2 * error <= rejected <= 0.07 + 2 * error, row
