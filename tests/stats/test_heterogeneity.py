"""Effects over groups, best linear projections and calibrations, from doubly robust scores."""

import numpy as np
import pytest
from scipy.stats import norm
from scipy.stats import t as student

from whywin.stats.heterogeneity import Told, calibrated, effect_against_rest, effect_among, over_splits, projected


@pytest.fixture
def scored() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Six hundred scores with weights, a group of a third, and thirty clusters."""
    rng = np.random.default_rng(3)
    group, clusters = rng.uniform(size=600) < 1 / 3, rng.integers(30, size=600)
    return rng.normal(0.1 + 0.2 * group, 0.5), np.ones(600), group, clusters


def test_an_effect_among_some_is_the_mean_of_their_scores(scored: tuple) -> None:
    """With weights of one the value is the mean and the variance that of a mean, clusters or not."""
    score, weight, group, clusters = scored
    alone, together = effect_among(score, weight, group), effect_among(score, weight, group, clusters)
    sums = np.array([(score[group & (clusters == one)] - score[group].mean()).sum() for one in np.unique(clusters[group])])

    assert alone.value == pytest.approx(score[group].mean())
    assert alone.variance == pytest.approx(score[group].var() / group.sum())
    assert together.variance == pytest.approx((sums**2).sum() / group.sum() ** 2 * len(sums) / (len(sums) - 1))
    assert (alone.freedom, together.freedom) == (np.inf, len(sums) - 1)


def test_against_the_rest_is_the_difference_of_two_effects(scored: tuple) -> None:
    """Without clusters the variances of both sides add up."""
    score, weight, group, _ = scored
    found = effect_against_rest(score, weight, group)
    sides = effect_among(score, weight, group), effect_among(score, weight, ~group)

    assert found.value == pytest.approx(sides[0].value - sides[1].value)
    assert found.variance == pytest.approx(sides[0].variance + sides[1].variance)


def test_a_saturated_projection_gives_the_groups_effects(scored: tuple) -> None:
    """With a column that is one in the group the slope is the difference from the rest, variance included."""
    score, weight, group, clusters = scored
    line = projected(score, weight, group[:, None].astype(float), clusters)
    difference = effect_against_rest(score, weight, group, clusters)

    assert line.of(1).value == pytest.approx(difference.value)
    assert line.of(1).variance == pytest.approx(difference.variance)
    assert line.p_slopes() == pytest.approx(line.of(1).p_value)


def test_columns_that_follow_from_others_do_no_harm(scored: tuple) -> None:
    """A column and its opposite share the slope, and the joint test is that of one column."""
    score, weight, group, _ = scored
    one = projected(score, weight, group[:, None].astype(float))
    two = projected(score, weight, np.column_stack([group, ~group]).astype(float))

    assert two.p_slopes() == pytest.approx(one.p_slopes(), rel=1e-3)


def test_intervals_and_p_values_are_students() -> None:
    """Infinite degrees of freedom are the normal distribution, and no variance no doubt."""
    normal, few = Told(1.0, 0.25, np.inf), Told(1.0, 0.25, 4)

    assert normal.interval(0.95) == pytest.approx((1 - 1.959964 / 2, 1 + 1.959964 / 2), abs=1e-6)
    assert normal.p_value == pytest.approx(2 * norm.sf(2))
    assert few.p_positive == pytest.approx(student.sf(2, 4))
    assert Told(0.0, 0.0, 9).p_value == 1.0


def test_right_predictions_are_worth_one() -> None:
    """Outcomes made of the predicted effects give coefficients of one, and doubled differences one half."""
    rng = np.random.default_rng(5)
    effects, rest = rng.normal(0.2, 0.3, size=4000), rng.normal(size=4000)
    differing = effects - effects.mean()
    right = calibrated(effects * rest, rest, float(effects.mean()), differing)
    doubled = calibrated(effects * rest, rest, float(effects.mean()), 2 * differing)

    assert right.coefficients == pytest.approx([1.0, 1.0])
    assert doubled.coefficients == pytest.approx([1.0, 0.5])


def test_predictions_without_differences_are_worth_nothing() -> None:
    """Where every deal has the same predicted effect there is no slope, and no p-value below one."""
    rest = np.random.default_rng(1).normal(size=200)
    found = calibrated(rest, rest, 0.5, np.zeros(200))

    assert (found.of(1).value, found.of(1).p_positive) == (0.0, 1.0)


def test_several_splits_are_no_surer_than_one() -> None:
    """The mean over splits keeps the mean standard deviation: they are splits of the same deals."""
    found = over_splits([Told(1.0, 0.04, 9), Told(3.0, 0.16, 7)])

    assert (found.value, found.freedom) == (2.0, 7)
    assert found.variance == pytest.approx(0.09)
