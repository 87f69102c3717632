"""Published and exact numbers that the hierarchical model has to find."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from whywin.winrates.priors import Priors
from whywin.winrates.segments import between_levels


@pytest.fixture(scope="module")
def known(shared: Path) -> dict:
    """The expected numbers by case."""
    cases = json.loads((shared / "known_answers" / "winrates.json").read_text())["cases"]
    return {case["id"]: case["expected"] for case in cases}


def flat(values: object) -> np.ndarray:
    """All draws in one row."""
    return np.asarray(values).reshape(-1)


def population(sd: np.ndarray, intercept: np.ndarray, groups: int, width: float) -> np.ndarray:
    """Draws of the mean of all groups that there might be, given the mean of those that there are, which the intercept holds."""
    precision = groups / sd**2
    share = precision / (precision + 1 / width**2)
    return np.random.default_rng(2).normal(intercept * share, 1 / np.sqrt(precision + 1 / width**2))


def as_known(found: np.ndarray, expected: dict, draws: float) -> None:
    """Mean within three Monte Carlo errors and 2 % of the sd; median and quartiles within 5 % of the sd and three errors of theirs."""
    error = 3 / np.sqrt(draws)
    assert found.mean() == pytest.approx(expected["mean"], abs=(error + 0.02) * expected["sd"])
    for name, share in (("q25", 0.25), ("q50", 0.5), ("q75", 0.75)):
        assert np.quantile(found, share) == pytest.approx(expected[name], abs=(0.05 + 1.3 * error) * expected["sd"]), name


@pytest.mark.parametrize("engine", ["laplace", "nuts"])
def test_rat_tumours_by_exact_quadrature(shared: Path, known: dict, fitted: Callable, engine: str) -> None:
    """The logit-normal model of 71 groups (BDA3 table 5.1): sd, population mean, a new group, every group's rate, by both engines."""
    rats = pd.read_csv(shared / "data/hierarchical/binary_trials/rat-tumors.csv", comment="#")
    table = pd.DataFrame({"group": [f"{i:02d}" for i in range(1, 72)], "deals": rats["K"], "won": rats["y"]})
    draws = fitted(table, ["group"], Priors(0.0, 1.5, 1.0), draws=4000, engine=engine).posterior
    expected = known["rat_tumors_logitnormal"]
    sd, intercept = flat(draws["sd"]), flat(draws["intercept"])
    mean = population(sd, intercept, 71, 1.5)
    rates = expit(draws["intercept"].to_numpy()[..., None] + draws["effect"].to_numpy()).mean(axis=(0, 1))

    as_known(sd, expected["sigma"], 2000)
    as_known(mean, expected["mu"], 2000)
    as_known(expit(mean + sd * np.random.default_rng(3).normal(size=len(sd))), expected["theta_new"], 4000)
    for group, row in expected["theta"].items():
        assert rates[int(group) - 1] == pytest.approx(row["mean"], abs=0.05 * row["sd"] + 1e-5)


@pytest.mark.parametrize("engine", ["laplace", "nuts"])
def test_surgical_mortality_as_bugs_models_it(shared: Path, known: dict, fitted: Callable, engine: str) -> None:
    """Twelve hospitals under the BUGS manual's priors (variance inverse gamma .001): mean, sd, a new hospital, each one's rate."""
    hospitals = pd.read_csv(shared / "data/hierarchical/binary_trials/surgical-mortality.csv", comment="#")
    table = pd.DataFrame({"hospital": list("ABCDEFGHIJKL"), "deals": hospitals["K"], "won": hospitals["y"]})
    draws = fitted(table, ["hospital"], Priors(0.0, 1000.0, 0.001, "inverse_gamma"), draws=4000, engine=engine).posterior
    expected = known["surgical_bugs"]
    sd, intercept = flat(draws["sd"]), flat(draws["intercept"])
    mean = population(sd, intercept, 12, 1000.0)
    rates = expit(draws["intercept"].to_numpy()[..., None] + draws["effect"].to_numpy()).reshape(-1, 12)

    as_known(sd, expected["sigma"], 1500)
    as_known(mean, expected["mu"], 1500)
    as_known(expit(mean + sd * np.random.default_rng(3).normal(size=len(sd))), expected["theta_new"], 3000)
    for place, row in enumerate(expected["theta"].values()):
        as_known(rates[:, place], row, 1500)


def test_eight_schools(shared: Path, known: dict) -> None:
    """Effects with known errors, half-Cauchy prior of their sd: the reference posterior's mean, sd, and each school."""
    from whywin.winrates.fitting import fit
    from whywin.winrates.pieces import pieces_of_values
    from whywin.winrates.sampling import Effort

    schools = json.loads((shared / "data/hierarchical/posteriordb/eight_schools.json").read_text())
    table = pd.DataFrame({"school": list("ABCDEFGH"), "value": schools["y"], "error": schools["sigma"]})
    tree = fit(
        pieces_of_values(table, ["school"]),
        Priors(0.0, 5.0, 5.0, "half_cauchy"),
        Effort(5000, 0, 4, 0.9),
        np.random.default_rng(5),
    )
    expected = known["eight_schools"]
    tau, intercept = flat(tree.posterior["sd"]), flat(tree.posterior["intercept"])
    schools_of = tree.posterior["intercept"].to_numpy()[..., None] + tree.posterior["effect"].to_numpy()
    mean = population(tau, intercept, 8, 5.0)

    assert tree.attrs["khat"] < 0.5
    as_known(tau, expected["tau"], 2000)
    for name, found in (("mu", mean), *((f"theta[{k + 1}]", schools_of[..., k].ravel()) for k in range(8))):
        assert found.mean() == pytest.approx(expected[name]["mean"], abs=(3 / np.sqrt(4000) + 0.02) * expected[name]["sd"]), name
        assert found.std() == pytest.approx(expected[name]["sd"], rel=0.05), name


@pytest.mark.parametrize(
    ("case", "folder", "column", "outcome", "won"),
    [
        ("skygeni_industry", "skygeni/skygeni_sales_data.csv", "industry", "outcome", "Won"),
        ("skygeni_sales_rep_id", "skygeni/skygeni_sales_data.csv", "sales_rep_id", "outcome", "Won"),
        ("ibm_Route_To_Market", "ibm_sales_win_loss/ibm_sales_win_loss.parquet", "Route To Market", "Opportunity Result", "Won"),
        (
            "ibm_Supplies_Subgroup",
            "ibm_sales_win_loss/ibm_sales_win_loss.parquet",
            "Supplies Subgroup",
            "Opportunity Result",
            "Won",
        ),
        ("ibm_RegionxSupplies_Subgroup", "ibm_sales_win_loss/ibm_sales_win_loss.parquet", "both", "Opportunity Result", "Won"),
    ],
)
def test_between_segment_variation_is_the_exact_one(
    case: str, folder: str, column: str, outcome: str, won: str, *, shared: Path, known: dict, fitted: Callable
) -> None:
    """The standard deviation between levels agrees with exact beta-binomial quadrature, whose prior is flat in it.

    Ours is half-normal with ten points, which matters where few levels differ much: the median may lie an eighth of the exact
    90 % interval off (five routes to market at ten points: .094 against .106), and the 5 % quantile as far.
    """
    path = shared / "data" / "crm" / folder
    table = pd.read_parquet(path) if path.suffix == ".parquet" else pd.read_csv(path)
    if column == "both":
        table = table.assign(both=table["Region"].astype(str) + " × " + table["Supplies Subgroup"].astype(str))
    counts = table.assign(won=table[outcome] == won).groupby(column)["won"].agg(["size", "sum"]).reset_index()
    draws = fitted(counts.rename(columns={"size": "deals", "sum": "won"}), [column]).posterior
    found = between_levels(flat(draws["intercept"]), flat(draws["sd"]))
    expected = known[f"between_sd_{case}"]
    room = (expected["between_sd_q95"] - expected["between_sd_q05"]) / 8

    assert np.median(found) == pytest.approx(expected["between_sd_q50"], abs=room)
    assert np.quantile(found, 0.05) == pytest.approx(expected["between_sd_q05"], abs=room)
    assert np.quantile(found, 0.95) <= expected["between_sd_q95"] + room


def test_cattle_herds_as_lme4_fits_them(shared: Path, known: dict, fitted: Callable) -> None:
    """lme4's cbpp: log odds of the first period and contrasts to it, and the sd between herds.

    lme4 takes the four periods as fixed and maximises; here they are pooled too, which draws each contrast in by the factor
    sd^2 / (sd^2 + error^2), about .9: half a posterior standard deviation is allowed, and the ML sd must lie in the 80 % interval.
    """
    herds = pd.read_csv(shared / "data/hierarchical/lme4_refs/cbpp.csv").rename(columns={"size": "deals", "incidence": "won"})
    draws = fitted(herds, ["period", "herd"], Priors(0.0, 10.0, 3.0)).posterior
    effect = draws["effect"].to_numpy()
    betas = [draws["intercept"].to_numpy() + effect[..., 0], *(effect[..., j] - effect[..., 0] for j in (1, 2, 3))]

    for found, expected in zip(betas, known["cbpp_laplace"]["beta"], strict=True):
        assert found.mean() == pytest.approx(expected, abs=0.5 * found.std())
    low, high = np.quantile(draws["sd"].sel(term="herd"), [0.1, 0.9])
    assert low < known["cbpp_laplace"]["sd"][0] < high
