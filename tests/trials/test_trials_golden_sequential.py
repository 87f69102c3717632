"""The numerics of trials against published figures and against the figures of other software."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm

from whywin.stats.confidence_sequence import (
    asymptotic_p_value,
    bernstein_sequence,
    betting_interval,
    hoeffding_sequence,
    mixture_scale,
    mixture_test,
    multiplier,
)
from whywin.stats.group_sequential import bounds, classical_bounds, crossing, futility_bounds, inflation, spent
from whywin.stats.multiplicity import benjamini_hochberg, hochberg_sidak
from whywin.stats.power import deals_for_rates, design_effect, effective_deals, times_needed, units_for_t_test
from whywin.stats.randomization import randomization
from whywin.stats.sample_ratio import chi_square, sequential_p_values
from whywin.stats.streams import stream
from whywin.stats.two_samples import Moments, difference, relative_difference
from whywin.stats.wild_bootstrap import moments_of, moments_of_arms, wild_bootstrap

SEED = stream(0, "golden")


@pytest.fixture(scope="module")
def known(shared: Path) -> dict[str, Any]:
    """The known answers for trials by id."""
    cases = json.loads((shared / "known_answers/trials.json").read_text(encoding="utf-8"))["cases"]
    return {case["id"]: case for case in cases}


@pytest.fixture(scope="module")
def reps(shared: Path) -> pd.DataFrame:
    """Deals of eight reps of unequal size."""
    return pd.read_csv(shared / "known_answers/data/reps8.csv")


def sample_of(given: dict[str, float]) -> Moments:
    """Return a sample from sums, or from won deals."""
    return (
        Moments.of_rate(given["won"], given["n"]) if "won" in given else Moments(given["n"], given["sum"], given["sum_squares"])
    )


def equal(looks: int) -> np.ndarray:
    """Return equally spaced shares of the information."""
    return np.arange(1, looks + 1) / looks


@pytest.mark.parametrize(
    ("name", "metric", "columns"),
    [("won_arm", "won", ["arm"]), ("cycle_arm", "cycle", ["arm"]), ("cycle_arm_pre", "cycle", ["arm", "pre"])],
)
def test_the_wild_bootstrap_enumerates_all_signs(
    name: str, metric: str, columns: list[str], known: dict[str, Any], reps: pd.DataFrame
) -> None:
    """All 2^8 signs of the residuals under the null give the p-value that other software gives, ties counted."""
    rows = np.column_stack([np.ones(len(reps)), reps[columns]])

    test = wild_bootstrap(*moments_of(rows, reps[metric], reps["rep"]), np.eye(len(columns) + 1)[1], draws=9999, rng=SEED)

    assert test.complete
    assert test.p_value() == known["wcb_enumerated_eight_reps"]["expected"][name]["p_ge"]


def test_the_wild_bootstrap_of_a_real_trial(known: dict[str, Any], shared: Path) -> None:
    """Thirty-four schools of 1 to 146 pupils: the p-value is that of 19,999 draws by other software, to Monte Carlo error."""
    case = known["cluster_rct_achievement_girl"]
    pupils = pd.read_csv(shared / "known_answers" / case["input"]["csv"])
    units = pupils.groupby("school_id").agg(arm=("treated", "first"), total=("Bagrut_status", "sum"), size=("treated", "size"))

    test = wild_bootstrap(*moments_of_arms(units["total"], units["size"], units["arm"]), [-1.0, 1.0], draws=19999, rng=SEED)

    assert test.estimate == pytest.approx(case["expected"]["beta"], abs=1e-9)
    assert test.p_value() == pytest.approx(case["expected"]["peers"]["wild_cluster_bootstrap_p_B19999"], abs=0.01)


@pytest.mark.parametrize("metric", ["won", "cycle"])
def test_all_seventy_assignments_of_eight_reps(metric: str, known: dict[str, Any], reps: pd.DataFrame) -> None:
    """The plain difference and the one over its CR0 error give the p-values of an independent enumeration."""
    expected = known["ri_enumerated_eight_reps"]["expected"]
    units = reps.groupby("rep").agg(arm=("arm", "first"), total=(metric, "sum"), size=(metric, "size"))
    given = {"draws": 9999, "rng": SEED}

    plain = randomization(units["total"], units["size"], units["arm"], studentized=False, **given)
    over_error = randomization(units["total"], units["size"], units["arm"], **given)

    assert plain.draws == over_error.draws == expected["n_assignments"]
    assert plain.p_value() == pytest.approx(expected[metric]["p_diff"], abs=1e-12)
    assert over_error.p_value() == pytest.approx(expected[metric]["p_studentised"], abs=1e-12)


def test_the_lady_tasting_tea(known: dict[str, Any]) -> None:
    """Three cups of four told rightly: Fisher's exact one-sided p-value is that of the re-drawn assignments."""
    test = randomization([1, 1, 1, 0, 1, 0, 0, 0], np.ones(8), [1, 1, 1, 1, 0, 0, 0, 0], draws=99, studentized=False, rng=SEED)

    assert test.p_greater() == pytest.approx(known["fisher_lady_tasting_tea"]["expected"]["p"], abs=1e-12)


@pytest.mark.parametrize("looks", [2, 3, 4, 5])
def test_bounds_are_those_of_gsdesign_and_rpact(looks: int, known: dict[str, Any]) -> None:
    """O'Brien and Fleming's, Pocock's and Lan and DeMets's bounds agree to 1e-6, and the inflation factors to 1e-7."""
    t, name = equal(looks), f"K{looks}"
    brien_fleming, pocock = (classical_bounds(t, 0.025, power=power, sides=1) for power in (0.0, 0.5))
    lan_demets = bounds(t, spent("obrien_fleming", 0.025, t), sides=1)
    factors = known["gs_inflation_factors"]["expected"]

    assert brien_fleming == pytest.approx(known["gs_obrien_fleming_K2_5"]["expected"][name], abs=1e-6)
    assert pocock == pytest.approx([known["gs_pocock_K2_5"]["expected"][name]] * looks, abs=1e-6)
    assert lan_demets == pytest.approx(known["gs_lan_demets_of_equal"]["expected"][name], abs=1e-6)
    for bound, expected in ((brien_fleming, factors["OF"]), (pocock, factors["Pocock"])):
        assert inflation(t, bound, 0.025, 0.9, sides=1) == pytest.approx(expected[looks - 2], abs=1e-7)


def test_the_default_design_of_gsdesign() -> None:
    """Three looks with Hwang, Shih and DeCani's spending (-4, and -2 for futility): bounds and chances as gsDesign() prints them."""
    t = equal(3)
    upper = bounds(t, spent("hwang_shih_decani", 0.025, t, -4.0), sides=1)
    lower, drift = futility_bounds(t, upper, spent("hwang_shih_decani", 0.1, t, -2.0))
    stopped, given_up = crossing(t, lower, upper, drift)

    assert upper == pytest.approx([3.0107, 2.5465, 1.9992], abs=5e-5)
    assert lower == pytest.approx([-0.2387, 0.9411, 1.9992], abs=5e-5)
    assert (drift / (norm.isf(0.025) + norm.isf(0.1))) ** 2 == pytest.approx(1.0699, abs=5e-5)
    assert stopped == pytest.approx([0.1412, 0.4403, 0.3185], abs=5e-5)
    assert given_up == pytest.approx([0.0148, 0.0289, 0.0563], abs=5e-5)


def test_peeking_inflates_as_armitage_found(known: dict[str, Any]) -> None:
    """Repeated tests at 5 % reject too often, as published in 1969, to the last digit that is given."""
    for looks, rate in known["peeking_inflation_armitage"]["expected"].items():
        usual = np.full(int(looks), norm.isf(0.025))

        assert sum(side.sum() for side in crossing(equal(int(looks)), -usual, usual)) == pytest.approx(rate, abs=1e-6)


@pytest.mark.parametrize("name", ["asympcs_two_sided_relative", "asympcs_two_sided_proportion_default"])
def test_asymptotic_sequences_of_a_relative_difference(name: str, known: dict[str, Any]) -> None:
    """Interval and p-value are GrowthBook's."""
    given, expected = known[name]["input"], known[name]["expected"]
    effect = relative_difference(sample_of(given["control"]), sample_of(given["treatment"]))
    units, tuning = given["control"]["n"] + given["treatment"]["n"], given["tuning"]
    half = multiplier(units, 0.05, tuning) * effect.standard_error
    p_value = asymptotic_p_value(effect.value / effect.standard_error, units, 0.05, tuning)

    assert (effect.value, effect.standard_error) == pytest.approx((expected["effect"], expected["se"]), abs=1e-9)
    assert (effect.value - half, effect.value + half) == pytest.approx(expected["ci"], abs=1e-9)
    assert p_value == pytest.approx(expected["p"], rel=1e-9)


def test_the_width_of_an_asymptotic_sequence(known: dict[str, Any]) -> None:
    """The scale and the multipliers are the paper's; tuned to 5,000 a sequence of 40 reps is useless, tuned to 40 it is not."""
    expected, trap = known["asympcs_halfwidth_formula"]["expected"], known["asympcs_few_clusters_trap"]["expected"]

    assert mixture_scale(0.05, 5000) == pytest.approx(expected["rho"], abs=1e-12)
    for row in expected["rows"]:
        assert multiplier(row["n"], 0.05, 5000) == pytest.approx(row["z_equiv"], abs=1e-9)
    assert multiplier(40, 0.05, 5000) == pytest.approx(trap["z_equiv_default"], abs=1e-9)
    assert multiplier(40, 0.05, 40) == pytest.approx(trap["z_equiv_Nstar40"], abs=1e-9)


def test_sequences_of_a_share_are_confseq_s(known: dict[str, Any]) -> None:
    """After 100 values: betting on a grid of a thousand, empirical Bernstein, and Hoeffding."""
    case = known["confseq_betting_bernoulli"]
    x = np.tile(case["input"]["x_pattern"], case["input"]["repeats"])

    assert betting_interval(x, 0.05) == pytest.approx(case["expected"]["betting"], abs=1e-9)
    assert [end[-1] for end in bernstein_sequence(x, 0.05)] == pytest.approx(case["expected"]["empbern"], abs=1e-9)
    assert [end[-1] for end in hoeffding_sequence(x, 0.05)] == pytest.approx(case["expected"]["hoeffding"], abs=1e-9)


def test_the_mixture_test_of_a_vendor(known: dict[str, Any]) -> None:
    """The documented formula: prior, critical value, p-value and interval."""
    given, expected = (known["msprt_statsig_formula"][part] for part in ("input", "expected"))

    test = mixture_test(given["delta"], (given["var_t"], given["var_c"]), (given["n_t"], given["n_c"]), given["alpha"])

    assert (test.variance, test.prior, test.critical) == pytest.approx(
        [expected[name] for name in ("V", "tau", "z_star")], abs=1e-9
    )
    assert test.p_value == pytest.approx(expected["p"], abs=1e-9)
    assert test.interval == pytest.approx(expected["ci"], abs=1e-9)


def test_welch_from_sums(known: dict[str, Any]) -> None:
    """Absolute and relative difference with interval, error and p-value are GrowthBook's."""
    for name, compare in (("welch_absolute_summary", difference), ("welch_relative_delta_summary", relative_difference)):
        given, expected = known[name]["input"], known[name]["expected"]
        found = compare(sample_of(given["control"]), sample_of(given["treatment"]))

        assert (found.value, found.standard_error) == pytest.approx((expected["effect"], expected["se"]), abs=1e-9)
        assert found.interval(0.95) == pytest.approx(expected["ci"], abs=1e-9)
        assert found.p_value == pytest.approx(expected["p"], abs=1e-9)


@pytest.mark.parametrize("name", ["srm_kohavi", "srm_osc_garden"])
def test_sample_ratio_mismatch(name: str, known: dict[str, Any]) -> None:
    """Pearson's statistic and p-value of two published mismatches."""
    case = known[name]
    statistic, p_value = chi_square(case["input"]["observed"], case["input"]["weights"])

    assert statistic == pytest.approx(case["expected"]["chi2"], rel=1e-9)
    assert p_value == pytest.approx(case["expected"]["p"], rel=1e-6)


def test_sequential_sample_ratio(known: dict[str, Any]) -> None:
    """The p-values after each batch are those of the authors' package."""
    given, expected = (known["ssrm_sequential_two_arm"][part] for part in ("input", "expected"))

    found = sequential_p_values(given["batches"], given["weights"], concentration=given["concentration"])

    assert found == pytest.approx(expected["p_values"], abs=1e-8)


def test_adjusted_p_values(known: dict[str, Any]) -> None:
    """Benjamini and Hochberg's, Benjamini and Yekutieli's, and Hochberg's with Šidák's bound, of six p-values."""
    p, expected = known["bh_by_six_pvalues"]["input"]["pvalues"], known["bh_by_six_pvalues"]["expected"]

    assert benjamini_hochberg(p) == pytest.approx(expected["bh"], abs=1e-9)
    assert benjamini_hochberg(p, dependent=True) == pytest.approx(expected["by"], abs=1e-9)
    assert hochberg_sidak(p) == pytest.approx(expected["hochberg_sidak"], abs=1e-9)


def test_sizes_of_trials(known: dict[str, Any]) -> None:
    """Rates one-sided, Cohen's medium effect by the t-test, and design effects of units of unequal size."""
    rates, design = known["sample_size_one_sided_proportion"], known["crt_design_effect"]
    p, change = rates["input"]["p"], rates["input"]["mde_rel"]
    size, correlation = design["input"]["m"], design["input"]["icc"]

    assert 2 * deals_for_rates(p, p * (1 + change), 0.8, 0.05, sides=1) == pytest.approx(rates["expected"]["total"], abs=1)
    assert units_for_t_test(0.5, 0.8, 0.05) == pytest.approx(known["power_ttest_cohen"]["expected"]["n_per_arm"], abs=1e-3)
    for place, variation in enumerate(design["input"]["cv"]):
        assert design_effect(size, correlation, variation) == pytest.approx(design["expected"]["deff"][place], abs=1e-9)
        assert effective_deals(1200, size, correlation, variation) == pytest.approx(
            design["expected"]["effective_n_of_1200"][place], abs=1e-9
        )


def test_what_a_running_trial_still_needs(known: dict[str, Any]) -> None:
    """How many times its present sample, for one look and for a confidence sequence, to the peer's own search step."""
    case = known["mid_experiment_power"]
    given, expected = case["input"], case["expected"]
    variance = relative_difference(sample_of(given["control"]), sample_of(given["treatment"])).standard_error ** 2
    units = given["control"]["n"] + given["treatment"]["n"]

    fixed = times_needed(given["target_mde"], variance, given["power"], given["alpha"])
    sequential = times_needed(given["target_mde"], variance, given["power"], given["alpha"], units=units, tuning=given["tuning"])

    assert fixed == pytest.approx(expected["scaling_factor_fixed"], abs=case["tolerance"])
    assert sequential == pytest.approx(expected["scaling_factor_sequential"], abs=case["tolerance"])
