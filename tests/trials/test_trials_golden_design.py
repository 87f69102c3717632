"""The design of trials, and tests of many trials at once, against published figures and those of other software."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from whywin.stats.many_trials import adjusted_tests, arm_tests
from whywin.stats.power import Clusters, deals_for_rates, design_effect, effective_deals, times_needed, units_for_t_test
from whywin.stats.streams import stream
from whywin.stats.trial_power import Layout, World, simulated_power, smallest_effect, trial_power, units_wanted
from whywin.trials.design import layout_of
from whywin.trials.design_checks import smallest_p_value
from whywin.trials.question import Trial


@pytest.fixture(scope="module")
def known(shared: Path) -> dict[str, Any]:
    """The known answers for trials by id."""
    cases = json.loads((shared / "known_answers/trials.json").read_text(encoding="utf-8"))["cases"]
    return {case["id"]: case for case in cases}


@pytest.fixture(scope="module")
def reps(shared: Path) -> pd.DataFrame:
    """Eight reps of unequal size: deals, won deals, sums of cycle days and of what was known before."""
    deals = pd.read_csv(shared / "known_answers/data/reps8.csv")
    sums = deals.groupby("rep").agg(size=("won", "size"), won=("won", "sum"), cycle=("cycle", "sum"), pre=("pre", "mean"))
    return sums.assign(treated=deals.groupby("rep")["arm"].first().astype(bool))


@pytest.mark.parametrize(("name", "metric"), [("cr2_eight_reps_won", "won"), ("cr2_eight_reps_cycle", "cycle")])
def test_many_trials_at_once_are_clubsandwich_s(name: str, metric: str, known: dict[str, Any], reps: pd.DataFrame) -> None:
    """The vectorised test has clubSandwich's CR2 error and Satterthwaite degrees of freedom in each row."""
    case = known[name]
    found = arm_tests(*(np.tile(reps[column], (3, 1)) for column in (metric, "size", "treated")))

    assert found.value == pytest.approx([case["expected"]["beta"]] * 3, abs=case["tolerance"])
    assert found.error == pytest.approx([case["expected"]["se"]["CR2"]] * 3, abs=case["tolerance"])
    assert found.degrees == pytest.approx([case["expected"]["df_cr2"]] * 3, abs=case["tolerance"])


def test_adjustment_by_unit_is_cr2_on_deals(known: dict[str, Any], reps: pd.DataFrame) -> None:
    """With what was known before as a covariate of the unit the same identity holds: sums of units are enough."""
    case = known["cr2_equals_weighted_hc2_bm"]
    found = adjusted_tests(*(reps[column].to_numpy() for column in ("cycle", "size", "treated", "pre")))

    assert found.value[0] == pytest.approx(case["expected"]["beta"], abs=1e-8)
    assert found.error[0] == pytest.approx(case["expected"]["se_cr2"], abs=1e-8)
    assert found.degrees[0] == pytest.approx(case["expected"]["df"], abs=1e-7)


def test_design_effects_of_unequal_units(known: dict[str, Any]) -> None:
    """Design effects and numbers of effective deals are those of Eldridge, Ashby and Kerry."""
    case = known["crt_design_effect"]
    m, correlation, variations = (case["input"][name] for name in ("m", "icc", "cv"))

    assert [design_effect(m, correlation, one) for one in variations] == pytest.approx(case["expected"]["deff"], abs=1e-9)
    found = [effective_deals(1200, m, correlation, one) for one in variations]
    assert found == pytest.approx(case["expected"]["effective_n_of_1200"], abs=1e-9)


def test_a_unit_of_one_deal_is_a_t_test(known: dict[str, Any]) -> None:
    """Units that are single deals need what R's power.t.test says; the layout's power is that of the same test."""
    case = known["power_ttest_cohen"]
    single = Clusters(1.0, 0.0, 0.0, 1.0)

    assert units_for_t_test(0.5) == pytest.approx(case["expected"]["n_per_arm"], abs=case["tolerance"])
    assert units_wanted(single, Layout(50, 50), 0.5) == 2 * np.ceil(case["expected"]["n_per_arm"])
    assert trial_power(single, Layout(*[case["expected"]["n_per_arm"]] * 2), 0.5) == pytest.approx(0.8, abs=1e-6)
    assert smallest_effect(single, Layout(*[case["expected"]["n_per_arm"]] * 2)) == pytest.approx(0.5, abs=1e-5)


def test_sizes_and_times_of_other_software(known: dict[str, Any]) -> None:
    """The one-sided sample size is Spotify's, and what a running trial still needs is GrowthBook's."""
    case = known["sample_size_one_sided_proportion"]
    p, relative = case["input"]["p"], case["input"]["mde_rel"]
    assert 2 * deals_for_rates(p, p * (1 + relative), sides=1) == pytest.approx(case["expected"]["total"], abs=case["tolerance"])

    case = known["mid_experiment_power"]
    control, treated = case["input"]["control"], case["input"]["treatment"]
    means = [one["sum"] / one["n"] for one in (control, treated)]
    spreads = [(one["sum_squares"] - one["sum"] ** 2 / one["n"]) / (one["n"] - 1) / one["n"] for one in (control, treated)]
    variance = spreads[1] / means[0] ** 2 + spreads[0] * means[1] ** 2 / means[0] ** 4
    effect = case["input"]["target_mde"]
    assert times_needed(effect, variance) == pytest.approx(case["expected"]["scaling_factor_fixed"], rel=case["tolerance"])
    sequential = times_needed(effect, variance, units=control["n"] + treated["n"], tuning=case["input"]["tuning"])
    assert sequential == pytest.approx(case["expected"]["scaling_factor_sequential"], rel=case["tolerance"])


def test_three_against_three_can_never_decide(known: dict[str, Any]) -> None:
    """No permutation of 3 v 3 reps has a p-value below .10; 4 v 4 reach the figure of the enumeration, and pairs 2 / 2^pairs."""
    case = known["ri_enumerated_eight_reps"]

    assert smallest_p_value(3, 3) == pytest.approx(0.1)
    assert smallest_p_value(4, 4) == pytest.approx(case["expected"]["min_two_sided_p"])
    assert smallest_p_value(5, 5, ((1, 1),) * 5) == pytest.approx(2 / 32)


def test_looks_cost_what_rpact_says(known: dict[str, Any]) -> None:
    """A design with five looks has the bounds of rpact's Lan-DeMets functions, and Pocock's cost more than O'Brien and Fleming's."""
    bounds = known["gs_lan_demets_of_equal"]["expected"]["K5"]
    looks = tuple((pd.Timestamp(f"2024-0{month}-01").date(), month / 5) for month in range(1, 6))
    question = Trial("arm", "control", "rep", looks=looks)
    layout = layout_of(question, 40, "obrien_fleming", 0.0)

    assert layout.bounds == pytest.approx(bounds, abs=1e-5)
    assert 1 < layout.inflation < layout_of(question, 40, "pocock", 0.0).inflation < 1.3


def test_the_error_rates_with_few_clusters(known: dict[str, Any]) -> None:
    """In every row of the table of few clusters the simulation behind designs finds the error rate of CR2 that stands there."""
    case = known["calibration_few_clusters_type1"]
    for row in case["expected"]:
        clusters = Clusters(60.0, row["icc"], float(np.sqrt(row["cv"] ** 2 + 1 / 60)), 0.25 * 0.75)
        layout = Layout(row["T"], row["G"] - row["T"])
        found = simulated_power(World(clusters, 0.25, rates=True), layout, 0.0, worlds=20_000, rng=stream(1, str(row["G"])))
        assert found == pytest.approx(row["CR2+Satterthwaite (ours)"], abs=case["tolerance"]["abs"]), row
        assert found < 0.065, row
