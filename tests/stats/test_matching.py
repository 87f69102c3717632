"""Matching on a line: published numbers, closed forms, and what must not change the answer."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whywin.stats.matching import Matched, match
from whywin.stats.neighbours import nearest, pool
from whywin.stats.propensity import propensity


def case(shared: Path, name: str) -> dict:
    """One known answer by its id."""
    cases = json.loads((shared / "known_answers" / "effects.json").read_text())["cases"]
    return next(known for known in cases if known["id"] == name)


@pytest.fixture(scope="module")
def births() -> pd.DataFrame:
    """Cattaneo's birth weights, which come with statsmodels."""
    import statsmodels

    return pd.read_csv(Path(statsmodels.__file__).parent / "treatment/tests/results/cataneo2.csv")


def made(seed: int, count: int = 300, columns: int = 3) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Covariates, treatment that depends on them, and outcomes that depend on both."""
    rng = np.random.default_rng(seed)
    matrix = rng.normal(size=(count, columns))
    treated = rng.uniform(size=count) < 1 / (1 + np.exp(0.4 - matrix @ np.full(columns, 0.5)))
    return matrix, treated, (rng.uniform(size=count) < 0.4 + 0.2 * treated).astype(float)


def matched(matrix: np.ndarray, treated: np.ndarray, outcome: np.ndarray, **settings: object) -> Matched:
    """Match on the estimated propensity in logits."""
    score = propensity(matrix, treated)
    return match(score.linear, treated, outcome, score=score, **{"everyone": False, **settings})


def test_stata_matches_on_the_propensity_score(births: pd.DataFrame, shared: Path) -> None:
    """Stata's `teffects psmatch` and its Abadie-Imbens standard errors of 2016, for everyone and for the treated."""
    known = case(shared, "stata_psmatch_5cov")
    matrix = births[["mmarried_", "mage", "fage", "medu", "prenatal1_"]].to_numpy(dtype=float)
    treated, weight = births["mbsmoke_"].to_numpy() == 1, births["bweight"].to_numpy(dtype=float)
    score = propensity(matrix, treated)

    for name, everyone in (("ate", True), ("atet", False)):
        found = match(score.chance, treated, weight, everyone=everyone, score=score)

        assert found.effect == pytest.approx(known["expected"][name], abs=known["tolerance"][name])
        assert found.variance**0.5 == pytest.approx(known["expected"][f"{name}_se"], abs=known["tolerance"][f"{name}_se"])


def test_imbens_matches_on_age(shared: Path) -> None:
    """Abadie's and Imbens's own program on LaLonde's experiment: one covariate, many ties."""
    known = case(shared, "matching_R_ai_age")
    trial = pd.read_csv(shared / "data/benchmarks/lalonde/causaldata_nsw_mixtape.csv")

    found = match(trial["age"].to_numpy(float), trial["treat"].to_numpy() == 1, trial["re78"].to_numpy(float), everyone=True)

    assert found.effect == pytest.approx(known["expected"]["ate_m1_age"], abs=known["tolerance"]["ate_m1_age"])


def test_exact_strata_give_standardisation() -> None:
    """With one covariate of few levels every tie is taken, so matching is Charig's kidney stones standardised, to the digit."""
    counts = {("A", 0): (81, 87), ("A", 1): (192, 263), ("B", 0): (234, 270), ("B", 1): (55, 80)}
    rows = [(arm == "A", float(large), float(i < won)) for (arm, large), (won, n) in counts.items() for i in range(n)]
    treated, large, won = (np.array(column) for column in zip(*rows, strict=True))

    found = match(large, treated, won, everyone=True)

    assert found.effect == pytest.approx(0.0537, abs=1e-4)
    assert (found.with_treatment, found.without_treatment) == (pytest.approx(0.8325, abs=1e-4), pytest.approx(0.7789, abs=1e-4))


def test_nothing_to_match_on_is_the_plain_difference() -> None:
    """With a constant place everyone ties with everyone, and the variance is that of two means."""
    _, treated, outcome = made(1)

    found = match(np.zeros(len(outcome)), treated, outcome, everyone=False)
    parts = [outcome[group].var(ddof=0) / group.sum() for group in (treated, ~treated)]

    assert found.effect == pytest.approx(outcome[treated].mean() - outcome[~treated].mean(), abs=1e-12)
    assert found.variance == pytest.approx(sum(parts), rel=0.02)


@pytest.mark.parametrize("everyone", [False, True])
@pytest.mark.parametrize("extra", [{}, {"neighbours": 3}, {"caliper": 0.05}, {"adjust_for": True}, {"clusters": True}])
@given(seed=st.integers(0, 10_000))
@settings(max_examples=8, deadline=None)
def test_the_order_of_rows_and_the_units_of_columns_decide_nothing(everyone: bool, extra: dict, seed: int) -> None:
    """Permuting the rows, and moving or stretching a covariate, leave estimate and variance as they were."""
    matrix, treated, outcome = made(seed)
    order = np.random.default_rng(seed).permutation(len(outcome))
    codes = np.arange(len(outcome)) % 12

    def answered(rows: np.ndarray, columns: np.ndarray) -> Matched:
        more = dict(extra)
        if "adjust_for" in more:
            more["adjust_for"] = columns[rows]
        if "clusters" in more:
            more["clusters"] = codes[rows]
        return matched(columns[rows], treated[rows], outcome[rows], everyone=everyone, **more)

    plain = answered(np.arange(len(outcome)), matrix)
    for again in (answered(order, matrix), answered(np.arange(len(outcome)), matrix * [1000.0, 0.01, 1.0] + [5.0, -3.0, 0.0])):
        assert again.effect == pytest.approx(plain.effect, abs=1e-12)
        assert again.variance == pytest.approx(plain.variance, rel=1e-8)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_relabelling_the_groups_turns_the_sign(seed: int) -> None:
    """Who is called treated decides the sign of the mean effect over everyone, and nothing else."""
    matrix, treated, outcome = made(seed)

    one, other = (matched(matrix, group, outcome, everyone=True) for group in (treated, ~treated))

    assert one.effect == pytest.approx(-other.effect, abs=1e-12)
    assert one.variance == pytest.approx(other.variance, rel=1e-8)


@given(seed=st.integers(0, 10_000), neighbours=st.integers(1, 4))
@settings(max_examples=20, deadline=None)
def test_each_treated_unit_uses_one_unit_of_weight(seed: int, neighbours: int) -> None:
    """The controls' weights add up to the number of treated, and weigh as the effect does."""
    matrix, treated, outcome = made(seed)

    found = matched(matrix, treated, outcome, neighbours=neighbours)
    controls = np.average(outcome[~treated], weights=found.weight[~treated])

    assert found.weight[~treated].sum() == pytest.approx(treated.sum())
    assert found.effect == pytest.approx(outcome[treated].mean() - controls, abs=1e-12)


@given(seed=st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_doubling_every_unit_leaves_the_estimate(seed: int) -> None:
    """Each unit twice is the same comparison: ties share their weight, so the estimate does not move."""
    matrix, treated, outcome = made(seed)

    once = matched(matrix, treated, outcome)
    twice = matched(np.repeat(matrix, 2, axis=0), np.repeat(treated, 2), np.repeat(outcome, 2))

    assert twice.effect == pytest.approx(once.effect, abs=1e-12)


@given(
    places=st.lists(st.integers(0, 20), min_size=3, max_size=40),
    points=st.lists(st.integers(0, 20), min_size=1, max_size=10),
    count=st.integers(1, 5),
)
@settings(max_examples=100, deadline=None)
def test_nearest_agrees_with_looking_at_everyone(places: list[int], points: list[int], count: int) -> None:
    """The sorted search finds the units that a full table of distances finds, ties included."""
    values, at = np.array(places, dtype=float), np.array(points, dtype=float)
    units = pool(values, np.ones(len(values), dtype=bool))
    found = nearest(units, at, count, 1e-9)

    for point, first, last in zip(at, found.first, found.last, strict=True):
        distances = np.abs(values - point)
        wanted = np.flatnonzero(distances <= np.sort(distances)[min(count, len(values)) - 1])
        assert sorted(units.rows[first:last]) == sorted(wanted)


def test_a_caliper_leaves_out_and_counts() -> None:
    """A treated unit far from every control is left out of the effect; when all are, nobody is asked."""
    places = np.array([0.0, 0.1, 1.0, 1.1, 9.0])
    treated = np.array([True, False, True, False, True])
    outcome = np.array([1.0, 0.0, 1.0, 1.0, 1.0])

    near = match(places, treated, outcome, everyone=False, caliper=0.2)
    none = match(places, treated, outcome, everyone=False, caliper=1e-6)

    assert (near.asked, near.effect, near.kept[4]) == (2, 0.5, False)
    assert none.asked == 0


def test_bias_adjustment_recovers_a_straight_line() -> None:
    """Where the outcome is a straight line in the covariate plus the effect, the adjusted estimate is the effect exactly."""
    rng = np.random.default_rng(3)
    place = rng.normal(size=200)
    treated = place + rng.normal(size=200) > 0.5
    outcome = 2.0 * place + 1.5 * treated

    plain = match(place, treated, outcome, everyone=True)
    adjusted = [match(place, treated, outcome, everyone=every, adjust_for=place[:, None]) for every in (True, False)]

    assert abs(plain.effect - 1.5) > 0.01
    assert [found.effect for found in adjusted] == pytest.approx([1.5, 1.5], abs=1e-9)


def test_clusters_widen_where_outcomes_hang_together() -> None:
    """Shared shocks within clusters of treatment widen the interval, and clusters of one do not."""
    rng = np.random.default_rng(4)
    codes = np.repeat(np.arange(40), 25)
    treated = rng.uniform(size=1000) < (0.25 + 0.5 * rng.uniform(size=40))[codes]
    place = rng.normal(size=1000)
    outcome = rng.normal(size=40)[codes] * (1 + treated) + rng.normal(size=1000)

    plain, clustered, single = (
        match(place, treated, outcome, everyone=False, clusters=groups).variance for groups in (None, codes, np.arange(1000))
    )

    assert clustered > 1.5 * plain
    assert single == pytest.approx(plain, rel=0.01)


@pytest.mark.slow
def test_a_million_deals_take_seconds() -> None:
    """Propensity, match and both standard errors of 1,000,000 units and 10 covariates."""
    from time import perf_counter

    matrix, treated, outcome = made(0, 1_000_000, 10)
    start = perf_counter()
    matched(matrix, treated, outcome)

    assert perf_counter() - start < 30


def test_few_controls_used_often_leave_few_degrees_of_freedom() -> None:
    """Where the variance rests on a few units it says so: one control that all are matched with, against as many as there are treated."""
    rng = np.random.default_rng(7)
    outcome = rng.normal(size=400)
    alone = np.where(np.arange(400) < 300, 5.0 + rng.normal(size=400), rng.normal(size=400) / 10)
    alone[399] = 5.0
    spread = rng.normal(size=400)

    few, many = (match(places, np.arange(400) < 300, outcome, everyone=False).freedom for places in (alone, spread))

    assert few < 5
    assert many > 10 * few


@pytest.mark.slow
def test_intervals_cover_where_few_controls_are_used_often() -> None:
    """With three quarters treated 95 % intervals by Student's quantile cover in at least 93 %, where the normal one's do not."""
    from scipy.stats import t as student

    covered, normal = [], []
    for seed in range(500):
        rng = np.random.default_rng([9, seed])
        matrix = rng.normal(size=(1500, 4))
        treated = rng.uniform(size=1500) < 1 / (1 + np.exp(-1.6 - matrix @ [0.8, -0.6, 0.4, 0.0]))
        outcome = (rng.uniform(size=1500) < 1 / (1 + np.exp(0.5 - matrix @ [0.7, 0.5, 0.0, 0.3]))).astype(float)
        found = matched(matrix, treated, outcome)
        away = abs(found.effect) / found.variance**0.5
        covered.append(away <= (student.ppf(0.975, found.freedom) if found.freedom < 30 else 1.96))
        normal.append(away <= 1.96)

    assert np.mean(covered) >= 0.93
    assert np.mean(normal) < np.mean(covered)
