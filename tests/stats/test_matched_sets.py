"""Matching without replacement and in space: published numbers, brute force, and what must not change the answer."""

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st

from whywin.stats.balance import balance
from whywin.stats.matched_sets import compare_sets, full_sets, greedy_sets, optimal_sets, total_distance
from whywin.stats.matching import match, matched_effect
from whywin.stats.neighbours import on_line
from whywin.stats.propensity import propensity
from whywin.stats.space import in_space

GIVEN = ["age", "educ", "black", "hispan", "married", "nodegree", "re74", "re75"]


def case(shared: Path, name: str) -> tuple[dict, dict]:
    """Expected numbers and tolerances of one known answer."""
    cases = json.loads((shared / "known_answers" / "effects.json").read_text())["cases"]
    return next((known["expected"], known["tolerance"]) for known in cases if known["id"] == name)


@pytest.fixture(scope="module")
def workers(shared: Path) -> pd.DataFrame:
    """LaLonde's data as R's MatchIt ships it."""
    table = pd.read_csv(shared / "data/benchmarks/lalonde/MatchIt_lalonde.csv")
    return table.assign(**{name: (table["race"] == name).astype(float) for name in ("black", "hispan", "white")})


def made(seed: int, count: int = 200) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Covariates, a fifth treated by them, and outcomes that depend on both."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(count, 3))
    treated = rng.uniform(size=count) < 1 / (1 + np.exp(1.6 - matrix @ np.full(3, 0.4)))
    return matrix, treated, (rng.uniform(size=count) < 0.4 + 0.2 * treated).astype(float)


def test_matchit_pairs_the_nearest_without_replacement(workers: pd.DataFrame, shared: Path) -> None:
    """MatchIt's default, as cobalt prints it: who is matched, the balance afterwards, and the difference of the means."""
    known, tolerance = case(shared, "matchit_nn_ps")
    treated, outcome = workers["treat"].to_numpy() == 1, workers["re78"].to_numpy(float)
    chance = propensity(workers[GIVEN].to_numpy(float), treated).chance
    names = [*GIVEN, "white", "distance"]

    sets = greedy_sets(on_line(chance), treated, chance)
    found = compare_sets(sets, treated, outcome)
    after = balance(np.column_stack([workers[names[:-1]], chance]), treated, found.weight, everyone=False)

    at = {name: place for place, name in enumerate(names)}
    assert (found.asked, int((sets[~treated] < 0).sum())) == (known["n_matched"], known["n_unmatched_control"])
    assert found.effect == pytest.approx(known["att_mean_diff"], abs=tolerance["att_mean_diff"])
    for key in (key for key in known if key.startswith(("smd_", "diff_"))):
        kind, name = key.split("_")
        got = after.difference if kind == "smd" else after.treated - after.controls
        assert got[at[name]] == pytest.approx(known[key], abs=tolerance["*"]), key


def test_full_matching_reaches_the_optimum(workers: pd.DataFrame, shared: Path) -> None:
    """On the probit propensity the sum of distances is the least there is, and all covariates are balanced, as in MatchIt's vignette."""
    known, tolerance = case(shared, "full_matching_probit_optimum")
    treated, matrix = workers["treat"].to_numpy() == 1, workers[GIVEN].to_numpy(float)
    chance = sm.Probit(treated.astype(float), sm.add_constant(matrix)).fit(disp=0).predict()
    ground = on_line(chance)

    sets = full_sets(ground, treated)
    found = compare_sets(sets, treated, workers["re78"].to_numpy(float))
    after = balance(np.column_stack([matrix, workers["white"], chance]), treated, found.weight, everyone=False)

    assert total_distance(ground, treated, sets) == pytest.approx(known["total_distance"], abs=tolerance["total_distance"])
    assert np.abs(after.difference).max() == pytest.approx(known["max_abs_smd"], abs=tolerance["max_abs_smd"])
    assert 1500 < found.effect < 2300
    assert (sets >= 0).all()


def test_stata_matches_on_the_covariates(shared: Path) -> None:
    """Stata's `teffects nnmatch`: Mahalanobis's distance, ties, and the standard errors of 2006; a wide caliper changes nothing."""
    import statsmodels

    known, tolerance = case(shared, "stata_nnmatch_1")
    births = pd.read_csv(Path(statsmodels.__file__).parent / "treatment/tests/results/cataneo2.csv")
    matrix = births[["mage", "prenatal1_", "mmarried_", "fbaby_"]].to_numpy(float)
    treated, weight = births["mbsmoke_"].to_numpy() == 1, births["bweight"].to_numpy(float)
    score = propensity(matrix, treated).linear

    for caliper in (None, 50.0):
        found = match(in_space(matrix, score, caliper), treated, weight, everyone=True)

        assert found.effect == pytest.approx(known["ate"], abs=tolerance["ate"])
        assert found.variance**0.5 == pytest.approx(known["se"], abs=tolerance["se"])


@given(seed=st.integers(0, 10_000), columns=st.integers(1, 3), levels=st.integers(2, 6))
@settings(max_examples=25, deadline=None)
def test_neighbours_in_space_agree_with_looking_at_everyone(seed: int, columns: int, levels: int) -> None:
    """Matches within caliper and stratum are those of a full table of Mahalanobis distances, ties included."""
    rng = np.random.default_rng(seed)
    matrix = rng.integers(levels, size=(40, columns)) + rng.normal(size=columns)
    treated, strata, count = rng.uniform(size=40) < 0.4, rng.integers(2, size=40), int(rng.integers(1, 4))
    score = matrix @ rng.normal(size=columns)
    for caliper in (None, 0.8):
        space = in_space(matrix, score, caliper, strata)
        units, points = space.pool(~treated), space.pool(treated)
        found = space.matches(units, points, count)
        reach = np.inf if caliper is None else caliper * score.std()
        inverse = np.linalg.pinv(np.cov(matrix.T).reshape(columns, columns))
        outcome = rng.normal(size=40)
        means = found.mean(outcome[units.rows])
        for place, row in enumerate(points.rows):
            near = (np.abs(score[units.rows] - score[row]) <= reach + 1e-9) & (strata[units.rows] == strata[row])
            gap = matrix[units.rows] - matrix[row]
            apart = np.where(near, np.sqrt(np.einsum("ij,jk,ik->i", gap, inverse, gap)), np.inf)
            limit = np.sort(apart)[min(count, max(int(near.sum()), 1)) - 1] if len(apart) else np.inf
            wanted = np.flatnonzero(apart <= limit + 1e-7) if near.any() else np.array([], dtype=int)

            assert found.count[place] == len(wanted)
            assert means[place] == pytest.approx(outcome[units.rows[wanted]].mean() if len(wanted) else 0.0)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_one_covariate_in_space_is_a_line(seed: int) -> None:
    """With a single covariate Mahalanobis's distance orders as the line does, so that effects are the same, with strata too."""
    matrix, treated, outcome = made(seed)
    strata = np.arange(len(outcome)) % 3
    for codes in (None, strata):
        line, space = on_line(matrix[:, 0], None, codes), in_space(matrix[:, :1], matrix[:, 0], None, codes)
        effects = [matched_effect(ground, treated, outcome, everyone=True, neighbours=2) for ground in (line, space)]

        assert effects[0] == pytest.approx(effects[1], abs=1e-12)


@given(seed=st.integers(0, 10_000), strata=st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_exact_strata_are_matched_one_by_one(seed: int, strata: int) -> None:
    """Matching exactly within strata is the mean of matching each stratum alone, by how many of its treated have a match."""
    matrix, treated, outcome = made(seed, 120)
    codes = np.arange(120) % strata
    place = matrix[:, 0] * 100 + 3000

    found = match(on_line(place, None, codes), treated, outcome, everyone=False)
    parts = [
        match(place[codes == code], treated[codes == code], outcome[codes == code], everyone=False)
        for code in range(strata)
        if treated[codes == code].any()
    ]

    assert found.effect == pytest.approx(np.average([part.effect for part in parts], weights=[part.asked for part in parts]))
    assert found.asked == sum(part.asked for part in parts)


@given(seed=st.integers(0, 10_000), neighbours=st.integers(1, 3), caliper=st.sampled_from([None, 0.1, 1.0]))
@settings(max_examples=30, deadline=None)
def test_a_control_stands_in_one_set(seed: int, neighbours: int, caliper: float | None) -> None:
    """A set has one treated unit and at most so many controls, none beyond the caliper; the fast way takes the same as looking at all."""
    matrix, treated, _ = made(seed, 80)
    place = np.round(matrix[:, 0], 1)
    sets = greedy_sets(on_line(place, caliper), treated, place, neighbours)
    for code in set(sets[sets >= 0].tolist()):
        inside = sets == code

        assert (inside & treated).sum() == 1
        assert 1 <= (inside & ~treated).sum() <= neighbours
        assert caliper is None or np.ptp(place[inside]) <= 2 * caliper * place.std() + 1e-9

    left, order = set(np.flatnonzero(~treated)), sorted(np.flatnonzero(treated), key=lambda row: (-place[row], row))
    again = np.full(80, -1)
    reach = np.inf if caliper is None else caliper * place.std() + 1e-9
    for _ in range(neighbours):
        for row in order:
            near = min(left, key=lambda other: (round(abs(place[other] - place[row]), 6), other), default=None)
            if near is not None and abs(place[near] - place[row]) <= reach:
                again[row] = again[near] = row
                left.remove(near)

    assert (sets == again).all()


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_optimal_pairs_are_the_best_of_all(seed: int) -> None:
    """The sum of distances is the least over every way of pairing, and never more than the greedy one's."""
    rng = np.random.default_rng(seed)
    place, treated = rng.normal(size=9), np.arange(9) < 3
    ground = on_line(place)
    best = min(sum(abs(place[one] - place[other]) for one, other in enumerate(chosen)) for chosen in permutations(range(3, 9), 3))

    optimal, greedy = (
        total_distance(ground, treated, sets) for sets in (optimal_sets(ground, treated), greedy_sets(ground, treated, place))
    )

    assert optimal == pytest.approx(best)
    assert greedy >= optimal - 1e-12


def test_optimal_pairs_keep_the_caliper() -> None:
    """As many are paired as can be within the caliper, and nobody beyond it."""
    place = np.array([0.0, 1.0, 9.0, 0.1, 0.2, 50.0])
    treated = np.array([True, True, True, False, False, False])

    sets = optimal_sets(on_line(place, 1.0 / place.std()), treated)

    assert sets[2] == sets[5] == -1
    assert (sets[[0, 1]] >= 0).all()
    assert (sets[[3, 4]] >= 0).all()


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_full_sets_are_stars(seed: int) -> None:
    """Everyone stands in a set, and a set has one treated unit or one control."""
    matrix, treated, _ = made(seed, 60)
    ground = on_line(matrix[:, 0])
    sets = full_sets(ground, treated)

    assert (sets >= 0).all()
    for code in np.unique(sets):
        assert min((treated & (sets == code)).sum(), (~treated & (sets == code)).sum()) == 1


def test_pairs_have_the_errors_of_a_paired_comparison() -> None:
    """One to one, the variance is that of the mean of the pairs' differences."""
    matrix, treated, outcome = made(3)
    sets = greedy_sets(on_line(matrix[:, 0]), treated, matrix[:, 0])
    differences = [
        outcome[(sets == code) & treated].mean() - outcome[(sets == code) & ~treated].mean() for code in set(sets) - {-1}
    ]

    found = compare_sets(sets, treated, outcome)

    assert found.effect == pytest.approx(np.mean(differences))
    assert found.variance == pytest.approx(np.var(differences, ddof=1) / len(differences))


def test_errors_by_set_are_those_of_a_clustered_regression() -> None:
    """With covariates the effect and its error are statsmodels' weighted regression, clustered by set."""
    matrix, treated, outcome = made(4, 400)
    sets = greedy_sets(on_line(matrix[:, 0]), treated, matrix[:, 0], 2)
    found = compare_sets(sets, treated, outcome, adjust_for=matrix)
    rows = sets >= 0
    centred = matrix[rows] - matrix[treated & rows].mean(axis=0)
    one = treated[rows].astype(float)
    design = np.column_stack([np.ones(rows.sum()), one, centred, centred * one[:, None]])
    fit = sm.WLS(outcome[rows], design, weights=found.weight[rows])
    by_set = fit.fit(cov_type="cluster", cov_kwds={"groups": sets[rows], "use_correction": False})
    groups = len(np.unique(sets[rows]))

    assert found.effect == pytest.approx(by_set.params[1])
    assert found.variance == pytest.approx(by_set.bse[1] ** 2 * groups / (groups - 1))


def test_clusters_across_sets_widen() -> None:
    """Shared shocks of treated units in different sets widen the interval; clusters that are the sets themselves do not."""
    rng = np.random.default_rng(5)
    codes = np.arange(600) % 20
    treated = (codes < 8) & (rng.uniform(size=600) < 0.5)
    place = rng.normal(size=600)
    outcome = rng.normal(size=20)[codes] + rng.normal(size=600)
    sets = greedy_sets(on_line(place), treated, place)

    plain, clustered, same = (
        compare_sets(sets, treated, outcome, clusters=groups).variance for groups in (None, codes, np.where(sets < 0, 600, sets))
    )

    assert clustered > 1.5 * plain
    assert same == pytest.approx(plain)


@pytest.mark.parametrize("everyone", [False, True])
def test_the_effect_alone_is_the_same_to_the_last_bit(everyone: bool) -> None:
    """What is refitted often leaves out the errors and nothing else."""
    matrix, treated, outcome = made(6, 500)
    place = np.round(matrix[:, 0], 2)
    for adjust_for in (None, matrix):
        ground = on_line(place, 0.5)
        whole = match(ground, treated, outcome, everyone=everyone, neighbours=2, adjust_for=adjust_for)

        assert matched_effect(ground, treated, outcome, everyone=everyone, neighbours=2, adjust_for=adjust_for) == whole.effect


def test_nobody_to_match_with_is_no_effect() -> None:
    """Where no control shares a stratum with the treated, nobody is asked, whichever way sets are made."""
    place, treated, codes = np.arange(6.0), np.arange(6) < 3, (np.arange(6) < 3).astype(int)
    ground = on_line(place, None, codes)

    for sets in (greedy_sets(ground, treated, place), optimal_sets(ground, treated), full_sets(ground, treated)):
        assert compare_sets(sets, treated, place).asked == 0
    assert match(ground, treated, place, everyone=False).asked == 0
