"""Tests by drawing anew: the fast routes against the plain definition, and the intervals against their tests."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whywin.stats.cluster import arm_contrast
from whywin.stats.randomization import assignments, count_of, randomization
from whywin.stats.redrawn import Redrawn
from whywin.stats.streams import stream
from whywin.stats.wild_bootstrap import moments_of, moments_of_arms, wild_bootstrap


def trial(seed: int, units: int = 9) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return totals and sizes of units, and which are treated."""
    rng = np.random.default_rng(seed)
    size = rng.integers(2, 30, size=units)
    return rng.binomial(size, rng.beta(4, 6, size=units)).astype(float), size, rng.permutation(units) < units // 2


def cr0(total: np.ndarray, size: np.ndarray, treated: np.ndarray) -> tuple[float, float]:
    """Return the difference of the arms' means and its CR0 standard error, from the definition."""
    means = [total[arm].sum() / size[arm].sum() for arm in (treated, ~treated)]
    parts = [((total - size * mean)[arm] / size[arm].sum()) for mean, arm in zip(means, (treated, ~treated), strict=True)]
    return means[0] - means[1], float(np.sqrt(sum((part**2).sum() for part in parts)))


@pytest.mark.parametrize("null", [0.0, -0.15, 0.4])
def test_a_re_drawn_statistic_is_that_of_the_shifted_outcomes(null: float) -> None:
    """Lines and parabolas in the null value give what shifting the treated and comparing anew gives, in every assignment."""
    total, size, treated = trial(3)
    test = randomization(total, size, treated, draws=50, rng=stream(0, "a"))
    drawn, complete = assignments(treated, np.zeros(9, dtype=np.int64), 50, stream(0, "a"))
    expected = [cr0(total - null * size * treated, size, arm) for arm in drawn]

    line = test.line @ [1.0, null]
    square = test.square @ [1.0, null, null**2]

    assert not complete
    assert line == pytest.approx([value for value, _ in expected], abs=1e-12)
    assert square == pytest.approx([error**2 for _, error in expected], abs=1e-12)
    assert test.p_value(null) >= 1 / 51


def test_a_wild_bootstrap_statistic_is_that_of_new_outcomes() -> None:
    """With deals as rows and a covariate, each draw's statistic is what refitting the bootstrapped outcomes gives."""
    rng = np.random.default_rng(5)
    clusters = np.repeat(np.arange(7), rng.integers(2, 9, size=7))
    rows = np.column_stack([np.ones(len(clusters)), clusters % 2, rng.normal(size=len(clusters))])
    y, null, c = rng.normal(size=len(clusters)) + clusters % 3, 0.3, np.array([0.0, 1.0, 0.0])
    test = wild_bootstrap(*moments_of(rows, y, clusters), c, draws=128, rng=rng)
    signs = np.array([[1.0 if (draw >> bit) & 1 == 0 else -1.0 for bit in range(5, -1, -1)] for draw in range(64)])
    bread = np.linalg.inv(rows.T @ rows)
    rest = np.delete(rows, 1, axis=1)
    fitted = null * rows[:, 1] + rest @ np.linalg.lstsq(rest, y - null * rows[:, 1], rcond=None)[0]
    for place, sign in enumerate(np.column_stack([np.ones(64), signs])):
        new = fitted + sign[clusters] * (y - fitted)
        beta = bread @ rows.T @ new
        scores = [rows[clusters == g].T @ (new - rows @ beta)[clusters == g] for g in range(7)]
        variance = sum((c @ bread @ score) ** 2 for score in scores)

        assert test.line[place] @ [1.0, null] == pytest.approx(beta[1] - null, abs=1e-10)
        assert test.square[place] @ [1.0, null, null**2] == pytest.approx(variance, abs=1e-10)


@given(st.integers(0, 10**6))
@settings(max_examples=15, deadline=None)
def test_an_interval_ends_where_the_test_begins_to_reject(seed: int) -> None:
    """Just inside an end the p-value is above 10 %, from just outside on it never is again; the estimate lies between."""
    total, size, treated = trial(seed)
    tests = (
        randomization(total, size, treated, draws=9999, rng=stream(seed, "r")),
        wild_bootstrap(*moments_of_arms(total, size, treated), [-1.0, 1.0], draws=9999, rng=stream(seed, "w")),
    )
    for test in tests:
        low, high = test.interval(0.9)

        assert test.complete
        assert low <= test.estimate <= high
        for sign, end in ((-1, low), (1, high)):
            if np.isfinite(end) and end != test.estimate:
                step = 1e-7 * max(1e-3, abs(end - test.estimate))
                beyond = end + sign * np.linspace(step, 5 * abs(end - test.estimate), 30)
                assert test.p_value(end - sign * step) > 0.1
                assert (test.p_values(beyond) <= 0.1 + 1e-12).mean() > 0.9


@given(st.integers(0, 10**6), st.floats(-5, 5), st.floats(0.1, 10))
@settings(max_examples=15, deadline=None)
def test_intervals_move_with_the_outcomes(seed: int, shift: float, factor: float) -> None:
    """Outcomes in another unit, and an effect added to every treated deal, move estimate and interval and leave p as it was."""
    total, size, treated = trial(seed)
    moved = factor * (total + shift * size * treated)
    for made in (
        lambda y: randomization(y, size, treated, draws=300, rng=stream(seed, "r")),
        lambda y: wild_bootstrap(*moments_of_arms(y, size, treated), [-1.0, 1.0], draws=300, rng=stream(seed, "w")),
    ):
        before, after = made(total), made(moved)
        ends = before.interval(0.8)

        assert after.estimate == pytest.approx(factor * (before.estimate + shift), abs=1e-9)
        assert after.p_value(factor * (0.1 + shift)) == pytest.approx(before.p_value(0.1), abs=1e-9)
        assert after.interval(0.8) == pytest.approx([factor * (end + shift) for end in ends], abs=1e-5 * factor)


def test_re_drawn_assignments_keep_the_design() -> None:
    """Within every stratum the number of treated units stays, all assignments are there once, and they are counted rightly."""
    treated = np.array([True, False, False, True, True, False, False])
    strata = np.array([0, 0, 0, 1, 1, 1, 1])
    found, complete = assignments(treated, strata, 100, stream(0, "s"))
    drawn, _ = assignments(treated, strata, 10, stream(0, "s"))

    assert complete
    assert count_of(treated, strata) == len(found) == len({tuple(row) for row in found}) == 3 * 6
    assert len(drawn) == 11
    assert (drawn[0] == treated).all()
    for rows in (found, drawn):
        assert (rows[:, :3].sum(axis=1) == 1).all()
        assert (rows[:, 3:].sum(axis=1) == 2).all()


def test_strata_take_their_differences_out() -> None:
    """Where strata differ greatly and arms are unevenly spread over them, the effect is the one within strata."""
    rng = np.random.default_rng(2)
    strata = np.repeat([0, 1], 12)
    treated = np.concatenate([rng.permutation(12) < 9, rng.permutation(12) < 3])
    size = np.full(24, 20)
    total = size * (0.2 + 0.5 * strata + 0.05 * treated)
    test = randomization(total, size, treated, draws=999, rng=rng, strata=strata)
    blind = randomization(total, size, treated, draws=999, rng=rng)

    assert test.estimate == pytest.approx(0.05)
    assert blind.estimate < 0


def test_three_against_three_have_no_interval() -> None:
    """Twenty assignments allow no p-value below 10 %, so that a 95 % interval is infinite and says so."""
    total, size, treated = trial(1, units=6)
    test = randomization(total, size, treated, draws=999, rng=stream(0, "x"))

    assert test.draws == 20
    assert test.interval(0.95) == (-np.inf, np.inf)


def test_one_stratum_is_none() -> None:
    """With a single stratum the estimate is the difference of the arms' means, as by CR2."""
    total, size, treated = trial(8)
    test = randomization(total, size, treated, draws=99, rng=stream(0, "x"), strata=np.zeros(9))

    assert test.estimate == pytest.approx(arm_contrast(total, size, treated, [-1.0, 1.0]).value)


def rejections(worlds: int, units: int, *, effect: float = 0.0) -> tuple[float, float]:
    """Return how often each test rejects a null value at 5 % when it is true."""
    rng = np.random.default_rng(17)
    found = []
    for _ in range(worlds):
        size = 1 + rng.negative_binomial(1.0, 1 / 40, size=units)
        treated = rng.permutation(units) < units // 2
        total = rng.binomial(size, rng.beta(8, 12, size=units)) + effect * size * treated
        tests: list[Redrawn] = [
            randomization(total, size, treated, draws=199, rng=rng),
            wild_bootstrap(*moments_of_arms(total, size, treated), [-1.0, 1.0], draws=199, rng=rng),
        ]
        found.append([test.p_value(effect) <= 0.05 for test in tests])
    return tuple(np.mean(found, axis=0))


def test_both_keep_their_error_rate_with_twelve_unequal_units() -> None:
    """A true null value, zero or not, is rejected in about 5 of 100 trials of units that differ greatly in size."""
    error = np.sqrt(0.05 * 0.95 / 800)
    for effect in (0.0, 0.2):
        redrawn, wild = rejections(800, 12, effect=effect)

        assert redrawn < 0.05 + 3 * error
        assert 0.05 - 3 * error < wild < 0.065 + 3 * error
