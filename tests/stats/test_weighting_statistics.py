"""Weighting by the propensity: the sandwich, exact balance, and what must not change the answer."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whywin.stats.propensity import propensity
from whywin.stats.weighting import Weighted, weigh

TARGETS = ("treated", "all", "overlap")


def made(seed: int, count: int = 300) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Covariates, treatment that depends on them, and outcomes that depend on both."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(count, 3))
    treated = rng.uniform(size=count) < 1 / (1 + np.exp(0.4 - matrix @ np.full(3, 0.5)))
    return matrix, treated, matrix[:, 0] + (1 + matrix[:, 1]) * treated + rng.normal(size=count)


def weighed(matrix: np.ndarray, treated: np.ndarray, outcome: np.ndarray, **more: object) -> Weighted:
    """Weigh by the propensity fitted to these units."""
    return weigh(propensity(matrix, treated), treated, outcome, **{"target": "all", **more})


def equations(parameters: np.ndarray, columns: np.ndarray, treated: np.ndarray, outcome: np.ndarray, target: str) -> np.ndarray:
    """The stacked estimating equations of Lunceford and Davidian, one row a unit: propensity, then both means."""
    chance = 1 / (1 + np.exp(-columns @ parameters[:-2]))
    upper, lower = {
        "treated": (np.ones(len(chance)), chance / (1 - chance)),
        "all": (1 / chance, 1 / (1 - chance)),
        "overlap": (1 - chance, chance),
    }[target]
    means = [treated * upper * (outcome - parameters[-2]), (1 - treated) * lower * (outcome - parameters[-1])]
    return np.column_stack([columns * (treated - chance)[:, None], *means])


@pytest.mark.parametrize("clustered", [False, True])
@pytest.mark.parametrize("target", TARGETS)
def test_the_variance_is_the_sandwich_of_the_stacked_equations(target: str, clustered: bool) -> None:
    """With many units it is the sandwich with numerical derivatives of all equations together, with clusters too."""
    matrix, treated, outcome = made(1, 20_000)
    score = propensity(matrix, treated)
    codes = np.arange(len(outcome)) % 500
    found = weigh(score, treated, outcome, target=target, clusters=codes if clustered else None)
    at = np.r_[score.coefficients, found.with_treatment, found.without_treatment]

    def summed(parameters: np.ndarray) -> np.ndarray:
        return equations(parameters, score.columns, treated.astype(float), outcome, target).sum(axis=0)

    steps = np.eye(len(at)) * 1e-6
    bread = np.column_stack([(summed(at + step) - summed(at - step)) / 2e-6 for step in steps])
    rows = equations(at, score.columns, treated.astype(float), outcome, target)
    if clustered:
        rows = np.stack([rows[codes == code].sum(axis=0) for code in range(500)]) * np.sqrt(500 / 499)
    sandwich = np.linalg.solve(bread, np.linalg.solve(bread, rows.T @ rows).T)
    contrast = np.r_[np.zeros(len(at) - 2), 1, -1]

    assert summed(at) == pytest.approx(np.zeros(len(at)), abs=1e-6)
    assert found.variance == pytest.approx(contrast @ sandwich @ contrast, rel=3e-3)


@pytest.mark.parametrize("target", TARGETS)
def test_the_variance_is_that_of_leaving_out(target: str) -> None:
    """With few units it is the jackknife in one step: everything refitted with each unit left out in turn."""
    matrix, treated, outcome = made(2, 600)
    whole = weighed(matrix, treated, outcome, target=target)
    rest = [np.arange(600) != one for one in range(600)]
    moves = [weighed(matrix[rows], treated[rows], outcome[rows], target=target).effect - whole.effect for rows in rest]

    assert whole.variance == pytest.approx(np.sum(np.square(moves)), rel=0.06)


@pytest.mark.parametrize("target", TARGETS)
def test_with_clusters_it_is_that_of_leaving_out_clusters(target: str) -> None:
    """With few clusters it is the jackknife over clusters in one step; clusters of one unit are no clusters."""
    matrix, treated, outcome = made(5, 1200)
    codes = np.arange(1200) % 20
    whole = weighed(matrix, treated, outcome, target=target, clusters=codes)
    rest = [codes != code for code in range(20)]
    moves = [weighed(matrix[rows], treated[rows], outcome[rows], target=target).effect - whole.effect for rows in rest]
    single, plain = (weighed(matrix, treated, outcome, target=target, clusters=groups) for groups in (np.arange(1200), None))

    assert whole.variance == pytest.approx(np.sum(np.square(moves)) * 19 / 20, rel=0.06)
    assert single.variance == pytest.approx(plain.variance * 1199 / 1200)


def test_horvitz_and_thompson_divide_by_the_target() -> None:
    """Without stabilising, sums of weighted outcomes are divided by how many are asked for; moving all outcomes then moves the effect."""
    matrix, treated, outcome = made(2)
    chance = propensity(matrix, treated).chance
    every = np.mean(treated * outcome / chance) - np.mean(~treated * outcome / (1 - chance))
    own = (outcome[treated].sum() - (~treated * outcome * chance / (1 - chance)).sum()) / treated.sum()

    assert weighed(matrix, treated, outcome, stabilised=False).effect == pytest.approx(every)
    assert weighed(matrix, treated, outcome, target="treated", stabilised=False).effect == pytest.approx(own)
    assert weighed(matrix, treated, outcome + 100).effect == pytest.approx(weighed(matrix, treated, outcome).effect)
    assert abs(weighed(matrix, treated, outcome + 100, stabilised=False).effect - every) > 1e-3


@pytest.mark.parametrize("stabilised", [True, False])
@pytest.mark.parametrize("target", ["treated", "all"])
def test_the_variance_is_that_of_repetition(target: str, stabilised: bool) -> None:
    """Over 400 samples the mean of the stated standard errors is the standard deviation of the estimates."""
    found = [weighed(*made(seed, 400), target=target, stabilised=stabilised) for seed in range(400)]
    stated = np.mean([one.variance**0.5 for one in found])

    assert stated == pytest.approx(np.std([one.effect for one in found]), rel=0.12)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_overlap_weights_balance_exactly(seed: int) -> None:
    """Whatever the logistic model adjusts for has the same weighted mean in both groups."""
    matrix, treated, outcome = made(seed)
    weight = weighed(matrix, treated, outcome, target="overlap").weight

    means = [np.average(matrix[group], axis=0, weights=weight[group]) for group in (treated, ~treated)]

    assert means[0] == pytest.approx(means[1], abs=1e-9)


@pytest.mark.parametrize("target", TARGETS)
@given(seed=st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_the_order_of_rows_and_the_units_of_columns_decide_nothing(target: str, seed: int) -> None:
    """Permuting the rows, and mixing, moving or stretching the covariates, leave estimate and variance as they were."""
    matrix, treated, outcome = made(seed)
    order = np.random.default_rng(seed).permutation(len(outcome))
    mixed = matrix @ np.array([[1000.0, 0.0, 2.0], [0.0, 0.01, 1.0], [0.0, 0.0, -3.0]]) + [5.0, -3.0, 0.0]

    plain = weighed(matrix, treated, outcome, target=target)
    for again in (
        weighed(matrix[order], treated[order], outcome[order], target=target),
        weighed(mixed, treated, outcome, target=target),
    ):
        assert again.effect == pytest.approx(plain.effect, abs=1e-8)
        assert again.variance == pytest.approx(plain.variance, rel=1e-6)


@pytest.mark.parametrize("target", ["all", "overlap"])
@given(seed=st.integers(0, 10_000))
@settings(max_examples=10, deadline=None)
def test_relabelling_the_groups_turns_the_sign(target: str, seed: int) -> None:
    """Who is called treated decides the sign of an effect that is not of the treated, and nothing else."""
    matrix, treated, outcome = made(seed)

    one, other = (weighed(matrix, group, outcome, target=target) for group in (treated, ~treated))

    assert one.effect == pytest.approx(-other.effect, abs=1e-9)
    assert one.variance == pytest.approx(other.variance, rel=1e-6)


def test_trimming_leaves_out_by_the_target() -> None:
    """For the treated only propensities near 1 are left out; for all those near 0 too."""
    matrix, treated, outcome = made(3)
    chance = propensity(matrix, treated).chance

    own, every = (weighed(matrix, treated, outcome, target=target, trim=0.2) for target in ("treated", "all"))

    assert (own.kept == (chance <= 0.8)).all()
    assert (every.kept == ((chance >= 0.2) & (chance <= 0.8))).all()
    assert (every.weight[~every.kept] == 0).all()
