"""Published and exact numbers that the hierarchical model has to find."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from whywin.winrates.sampling import Priors
from whywin.winrates.segments import between_levels


@pytest.fixture(scope="module")
def known(shared: Path) -> dict:
    """The expected numbers by case."""
    cases = json.loads((shared / "known_answers" / "winrates.json").read_text())["cases"]
    return {case["id"]: case["expected"] for case in cases}


def flat(values: object) -> np.ndarray:
    """All draws in one row."""
    return np.asarray(values).reshape(-1)


def test_rat_tumours_by_exact_quadrature(shared: Path, known: dict, fitted: Callable) -> None:
    """The logit-normal model of 71 groups (BDA3 table 5.1): sd, every group's rate, and the population's mean log odds.

    The population's mean is drawn given the mean of the 71 effects, which is what the intercept of the zero-sum pieces holds.
    """
    rats = pd.read_csv(shared / "data/hierarchical/binary_trials/rat-tumors.csv", comment="#")
    table = pd.DataFrame({"group": [f"{i:02d}" for i in range(1, 72)], "deals": rats["K"], "won": rats["y"]})
    draws = fitted(table, ["group"], Priors(0.0, 1.5, 1.0), draws=4000).posterior
    expected = known["rat_tumors_logitnormal"]
    sd, intercept = flat(draws["sd"]), flat(draws["intercept"])
    precision = 71 / sd**2
    share = precision / (precision + 1 / 1.5**2)
    population = np.random.default_rng(2).normal(intercept * share, 1 / np.sqrt(precision + 1 / 1.5**2))
    rates = expit(draws["intercept"].to_numpy()[..., None] + draws["effect"].to_numpy()).mean(axis=(0, 1))

    for name, found in (("sigma", sd), ("mu", population)):
        error = 3 / np.sqrt(3000) + 0.02
        assert found.mean() == pytest.approx(expected[name]["mean"], abs=error * expected[name]["sd"])
        assert np.median(found) == pytest.approx(expected[name]["q50"], abs=0.05 * expected[name]["sd"])
    for group, row in expected["theta"].items():
        assert rates[int(group) - 1] == pytest.approx(row["mean"], abs=0.03 * row["sd"] + 1e-5)


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
