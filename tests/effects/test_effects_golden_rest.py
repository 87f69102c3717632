"""Known answers of effects that no other file holds: g-estimation, targeted maximum likelihood, least squares beside an instrument, a world."""

import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from scipy.special import expit

from whywin.effects.methods.doubly_robust import DoublyRobust
from whywin.effects.methods.matching import Matching
from whywin.effects.question import Effect
from whywin.stats.doubly_robust import augmented
from whywin.stats.g_estimation import structural_means
from whywin.stats.logistic import fitted
from whywin.stats.omitted_variable import coefficient
from whywin.stats.propensity import propensity
from whywin.stats.targeted import targeted

PUBLISHED = Path(__file__).with_name("published")
TESTS = Path(__file__).parents[1]
COLUMNS = ("x0", "x1", "x2", "x3", "b0", "b1")


@pytest.fixture(scope="module")
def cases(shared: Path) -> dict[str, dict]:
    """Every known answer about effects by its name."""
    return {case["id"]: case for case in json.loads((shared / "known_answers" / "effects.json").read_text())["cases"]}


@pytest.fixture(scope="module")
def known(cases: dict[str, dict]) -> Callable[[str], Callable[..., None]]:
    """Compare numbers with a known answer, each to the tolerance of the case."""

    def of(name: str) -> Callable[..., None]:
        case = cases[name]

        def agree(**found: float) -> None:
            for key, value in found.items():
                tolerance = case["tolerance"].get(key, case["tolerance"].get("*"))
                assert value == pytest.approx(case["expected"][key], abs=tolerance), key

        return agree

    return of


@pytest.fixture(scope="module")
def confounded_worlds(shared: Path) -> ModuleType:
    """The worlds of known effect that stand beside the known answers."""
    spec = importlib.util.spec_from_file_location("confounded_worlds", shared / "known_answers" / "confounded_worlds.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_known_answer_has_a_test(cases: dict[str, dict]) -> None:
    """No case is forgotten: the name of each stands in some test."""
    written = "\n".join(path.read_text(encoding="utf-8") for path in TESTS.rglob("test_*.py"))

    assert [name for name in cases if f'"{name}"' not in written] == []


def test_weight_change_of_quitters_by_g_estimation(known: Callable) -> None:
    """Hernán and Robins, chapter 14: 3.446 kg, and 2.859 with .030 for each cigarette; those lost to follow-up are made up for by weights."""
    from causaldata import nhefs

    table = nhefs.load_pandas().data
    dummies = pd.get_dummies(table[["education", "exercise", "active"]].astype(int).astype(str), drop_first=True, dtype=float)
    numbers = table[["age", "smokeintensity", "smokeyrs", "wt71"]].astype(float)
    matrix = np.column_stack([table[["sex", "race"]].astype(float), numbers, numbers**2, dummies])
    quit_, there = table["qsmk"].to_numpy(dtype=float), table["wt82_71"].notna().to_numpy()
    weight = 1 / propensity(np.column_stack([matrix, quit_]), there).chance[there]
    columns = sm.add_constant(matrix[there])
    chance = sm.GLM(quit_[there], columns, family=sm.families.Binomial(), freq_weights=weight).fit().fittedvalues
    gained, smoked = table["wt82_71"].to_numpy(dtype=float)[there], numbers[["smokeintensity"]].to_numpy()[there]

    (alone,) = structural_means(gained, quit_[there], chance, weight=weight)
    constant, slope = structural_means(gained, quit_[there], chance, smoked, weight)

    known("nhefs_gestimation")(psi=alone, psi0=constant, psi1=slope)


def test_g_estimation_without_confounding_is_a_difference_of_means() -> None:
    """With the same propensity for everyone it is the plain difference of means, whatever else moves the outcome."""
    rng = np.random.default_rng(0)
    treated, outcome = (np.arange(50) % 2).astype(float), rng.normal(size=50)
    (found,) = structural_means(outcome, treated, np.full(50, 0.5))

    assert found == pytest.approx(outcome[treated == 1].mean() - outcome[treated == 0].mean())


def restricted(values: pd.Series) -> np.ndarray:
    """A quadratic spline with knots at the 5th, 50th and 95th percentile that is straight beyond the last."""
    steps = [np.maximum(values - knot, 0.0) ** 2 for knot in np.percentile(values, [5, 50, 95])]
    bent = [
        np.where(values > knot, step - steps[2], 0.0) for knot, step in zip(np.percentile(values, [5, 50]), steps, strict=False)
    ]
    return np.column_stack([values, *bent])


def logit_chances(columns: np.ndarray, outcome: np.ndarray, *asked: np.ndarray) -> list[np.ndarray]:
    """Chances by a logistic regression without a penalty, on columns in standard deviations."""
    centre, spread = columns.mean(axis=0), columns.std(axis=0)

    def scaled(rows: np.ndarray) -> np.ndarray:
        return np.column_stack([np.ones(len(rows)), (rows - centre) / spread])

    beta = fitted(scaled(columns), outcome, 0.0).coefficients
    return [expit(scaled(rows) @ beta) for rows in asked or (columns,)]


def test_deaths_under_treatment_by_both_doubly_robust_ways(known: Callable) -> None:
    """The package zEpid and R's tmle: a risk lower by .0849 by augmented weighting, by .0844 (.0147 to .1541) by targeted likelihood."""
    table = pd.read_csv(PUBLISHED / "art.csv.gz")
    matrix = np.column_stack([table["male"], restricted(table["age0"]), restricted(table["cd40"]), table["dvl0"]])
    there = table["dead"].notna().to_numpy()
    matrix, treated = matrix[there], table["art"].to_numpy(dtype=float)[there]
    dead, one = table["dead"].to_numpy(dtype=float)[there], np.ones(there.sum())
    (chance,) = logit_chances(matrix, treated)
    columns = [np.column_stack([matrix, value]) for value in (treated, 0 * one, one)]
    without, given = logit_chances(columns[0], dead, *columns[1:])

    plain = augmented(dead, treated == 1, chance, without, given, stabilised=False)
    moved = targeted(dead, treated == 1, chance, without, given)
    half = 1.96 * np.sqrt(moved.influence.var(ddof=1) / len(dead))

    known("zepid_art_binary_rd")(aipw_rd=plain.effect, tmle_rd=moved.effect, tmle_eps1=moved.moved[0])
    known("zepid_art_binary_rd")(tmle_lo=moved.effect - half, tmle_hi=moved.effect + half)


def test_targeted_chances_stay_chances_and_leave_nothing() -> None:
    """However wrong the predictions, the means stay within 0 and 1 and the influences add up to nothing."""
    rng = np.random.default_rng(0)
    treated, chance = rng.uniform(size=300) < 0.3, np.clip(rng.uniform(size=300), 0.05, 0.95)
    found = targeted((rng.uniform(size=300) < 0.9).astype(float), treated, chance, np.full(300, 0.01), np.full(300, 0.99))

    assert 0 <= found.without_treatment <= 1
    assert 0 <= found.with_treatment <= 1
    assert found.influence.mean() == pytest.approx(0, abs=1e-9)


def test_targeting_outcomes_that_are_all_alike_ends() -> None:
    """Where every treated one had the outcome and no other, predictions become certain, and the effect is 1."""
    treated, half = np.arange(40) % 2 == 0, np.full(40, 0.5)

    assert targeted(treated.astype(float), treated, half, half, half).effect == pytest.approx(1.0)


def test_schooling_by_least_squares(known: Callable) -> None:
    """Card (1995) and the Mixtape: what least squares says beside the instrument, 7.5 and 7.1 % a year."""
    from causaldata import close_college

    card = pd.read_csv(PUBLISHED / "card.csv.gz").astype(float)
    mixtape = close_college.load_pandas().data.astype(float).dropna()
    controls = card.drop(columns=["lwage", "educ", "nearc4"])
    first = coefficient(card["lwage"].to_numpy(), card["educ"].to_numpy(), controls.to_numpy())
    others = mixtape[["exper", "black", "south", "married", "smsa"]].to_numpy()
    second = coefficient(mixtape["lwage"].to_numpy(), mixtape["educ"].to_numpy(), others)

    known("card1995_iv")(ols=first.value, ols_se=first.error)
    known("mixtape_close_college")(ols=second.value, ols_se=second.error)


def test_the_world_has_its_effects(known: Callable, confounded_worlds: ModuleType) -> None:
    """World A's effects on the treated and on all deals, over two million of them."""
    _, chance, without, given = confounded_worlds.world("A", 2_000_000, 0)

    known("sim_A_truth")(att=np.average(given - without, weights=chance), ate=(given - without).mean())


@pytest.mark.slow
def test_methods_keep_the_acceptance_of_the_world(
    cases: dict[str, dict], confounded_worlds: ModuleType, answered: Callable
) -> None:
    """Over 200 worlds: bias below .003, coverage of 92 to 98 %, half-width at most .0440, and .0615 for one-to-one matching."""
    expected = cases["sim_A_truth"]["expected"]
    truth = {"treated": 100 * expected["att"], "all": 100 * expected["ate"]}
    asked = [
        (DoublyRobust(splits=1), "treated", 4.40),
        (DoublyRobust(splits=1), "all", 4.40),
        (Matching(), "treated", 6.15),
    ]
    rows = []
    for seed in range(200):
        table = confounded_worlds.world("A", 2000, seed)[0].rename(columns={"y": "won"}).astype({"won": float})
        found = [
            answered(method, Effect("t", COLUMNS, estimand=whom), table, seed).of(Effect("t", COLUMNS, estimand=whom).quantity)
            for method, whom, _ in asked
        ]
        rows.append([(row.value, row.low, row.high) for row in found])
    numbers = np.array(rows)
    for place, (method, whom, widest) in enumerate(asked):
        value, low, high = numbers[:, place].T
        assert abs(value.mean() - truth[whom]) < 0.3, (method, whom)
        assert 0.92 <= ((low <= truth[whom]) & (truth[whom] <= high)).mean() <= 0.98, (method, whom)
        assert ((high - low) / 2).mean() <= widest, (method, whom)
