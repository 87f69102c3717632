"""Statistics of trials: families, pooled effects, quantiles, shares by an age, and sizes that tell of effects."""

import numpy as np
import pytest
from scipy.stats import norm

from whywin.stats.cluster import arm_contrast, cr2
from whywin.stats.cluster_incidence import incidence_of
from whywin.stats.cluster_quantiles import difference_of, quantile_of
from whywin.stats.competing_risks import aalen_johansen, shares_by
from whywin.stats.informative_size import informative_size
from whywin.stats.multiplicity import benjamini_hochberg, selected_rate, single_step
from whywin.stats.normal_posterior import decision, decision_of_draws
from whywin.stats.pooled_effects import partially_pooled
from whywin.stats.streams import stream


def test_units_of_both_arms_in_a_cluster_have_cr2_s_numbers() -> None:
    """The closed form by cluster and arm gives what CR2 gives on the deals, clusters with both arms or with one."""
    rng = np.random.default_rng(1)
    cluster, arm = rng.integers(9, size=200), rng.integers(3, size=200)
    arm[cluster == 2] = 1
    y = rng.normal(size=200) + cluster / 5
    right = cr2(np.eye(3)[arm], y, cluster, [-1.0, 0.0, 1.0])

    found = arm_contrast(y, np.ones(200), arm, [-1.0, 0.0, 1.0], cluster)

    assert (found.value, found.standard_error, found.degrees) == pytest.approx((right.value, right.standard_error, right.degrees))


@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.99])
def test_simultaneous_intervals_agree_with_adjusted_p_values(correlation: float) -> None:
    """An adjusted p-value is at most .05 where and only where the interval's own rate is; between alone and Bonferroni."""
    matrix = np.full((4, 4), correlation) + (1 - correlation) * np.eye(4)
    p = np.array([0.0005, 0.0131, 0.02, 0.6])

    adjusted, rate = single_step(p, matrix, 0.05, rng=stream(0, "family"))

    assert ((adjusted <= 0.05) == (p <= rate)).all()
    assert 0.05 / 4 <= rate <= 0.05
    assert ((p <= adjusted) & (adjusted <= 4 * p + 1e-12)).all()


def test_a_family_errs_in_one_of_twenty() -> None:
    """Of families of four correlated true nulls the least adjusted p-value is below .05 in 5 of 100, where Bonferroni's is more seldom."""
    matrix = np.full((4, 4), 0.8) + 0.2 * np.eye(4)
    z = np.random.default_rng(3).multivariate_normal(np.zeros(4), matrix, size=4000)
    p = 2 * norm.sf(np.abs(z))
    _, rate = single_step(p[0], matrix, 0.05, rng=stream(0, "family"))

    assert (p.min(axis=1) <= rate).mean() == pytest.approx(0.05, abs=0.012)
    assert (p.min(axis=1) <= 0.05 / 4).mean() < 0.04


def test_missing_p_values_stay_missing() -> None:
    """They do not count in the family either."""
    adjusted, rate = single_step([np.nan, 0.03], np.eye(2), 0.05, rng=stream(0, "x"))

    assert np.isnan(adjusted[0])
    assert (adjusted[1], rate) == (0.03, 0.05)


def test_intervals_of_what_was_selected_agree_with_benjamini_and_hochberg() -> None:
    """With R of m selected each interval has the level 1 - R alpha / m, which leaves zero out where the adjusted p-value is below alpha."""
    p = np.array([0.001, 0.012, 0.035, 0.2, 0.8])

    rate = selected_rate(p, 0.05)

    assert rate == pytest.approx(0.05 * 2 / 5)
    assert ((p <= rate) == (benjamini_hochberg(p) <= 0.05)).all()


def test_effects_are_drawn_together_as_far_as_they_are_alike() -> None:
    """Alike effects come close to their mean, unlike ones stay, and the posterior is narrower than each alone."""
    alike = partially_pooled([1.0, 1.2, 0.8, 1.1], [1.0] * 4)
    unlike = partially_pooled([-20.0, 0.0, 20.0, 40.0], [1.0] * 4)

    assert np.ptp(alike.value) < 0.3
    assert (alike.sd < 1.0).all()
    assert unlike.value == pytest.approx([-20.0, 0.0, 20.0, 40.0], abs=0.3)
    assert unlike.between > 10 > alike.between


def test_the_eight_schools() -> None:
    """Rubin's example: the posterior means of Bayesian Data Analysis, table 5.3, to the accuracy of its 200 draws."""
    found = partially_pooled([28, 8, -3, 7, -1, 1, 18, 12], [15, 10, 16, 11, 9, 11, 10, 18])

    assert found.value == pytest.approx([11.4, 7.9, 6.1, 7.8, 5.0, 6.1, 10.6, 8.4], abs=1.0)
    assert found.mean == pytest.approx(8.0, abs=0.5)


def test_shares_by_an_age_are_aalen_and_johansen_s() -> None:
    """With open deals the share is the estimate of all deals together; without them its error is CR2's of the plain share."""
    rng = np.random.default_rng(2)
    days, won, rep = rng.integers(0, 80, size=300), rng.integers(0, 2, size=300).astype(float), rng.integers(12, size=300)
    is_open = rng.random(300) < 0.3
    censored = np.where(is_open, np.nan, won)
    right = shares_by(aalen_johansen(days, censored), [40])

    assert incidence_of(days, censored, rep, 40, "won").value == pytest.approx(right[0][0])
    assert incidence_of(days, censored, rep, 40, "lost").value == pytest.approx(right[1][0])
    plain = incidence_of(days, won, rep, 40, "won")
    early = np.bincount(rep, won * (days <= 40))
    exact = arm_contrast(early, np.bincount(rep), np.zeros(12, dtype=int), [1.0])
    assert (plain.value, plain.standard_error, plain.degrees) == pytest.approx((exact.value, exact.standard_error, exact.degrees))


def test_mean_days_open_are_the_restricted_mean() -> None:
    """Without open deals it is the mean of the ages, none above the horizon."""
    days = np.array([0, 5, 12, 30, 31, 90])

    assert incidence_of(days, np.ones(6), [0, 0, 1, 1, 2, 2], 30, "open").value == pytest.approx(np.minimum(days, 30).mean())


@pytest.mark.slow
@pytest.mark.parametrize("reps", [12, 20, 40])
def test_timed_shares_and_quantiles_keep_their_error_rate(reps: int) -> None:
    """Among reps of unequal size and open deals, differences of arms that are alike are found in at most 6.5 of 100 trials."""
    rng, found = np.random.default_rng(reps), []
    for _ in range(1000):
        size = 1 + rng.negative_binomial(4, 4 / 54, size=reps)
        rep, arm = np.repeat(np.arange(reps), size), rng.permutation(np.arange(reps) % 2)
        days = np.floor(rng.exponential(30, len(rep)) * np.exp(rng.normal(0, 0.25, reps))[rep]).astype(int)
        seen = rng.integers(10, 100, len(rep))
        won = np.where(days > seen, np.nan, rng.random(len(rep)) < rng.beta(5.7, 13.3, reps)[rep])
        sides = [arm[rep] == side for side in (1, 0)]
        by_age = [incidence_of(np.minimum(days, seen)[side], won[side], rep[side], 60, "won") for side in sides]
        medians = [quantile_of(days[side], rep[side], 0.5) for side in sides]
        found.append([difference_of(*pair).p_value for pair in (by_age, medians)])
    rejected = (np.array(found) <= 0.05).mean(axis=0)

    assert (rejected <= 0.065 + 2 * np.sqrt(0.05 * 0.95 / 1000)).all()
    assert (rejected >= 0.02).all()


def test_sizes_that_tell_nothing_are_not_called_informative() -> None:
    """With rates that do not depend on the size the test finds a difference in at most about 5 of 100 trials."""
    rng = np.random.default_rng(6)
    p_values = []
    for _ in range(400):
        size = rng.integers(5, 100, size=24)
        p_values.append(informative_size(rng.binomial(size, rng.beta(8, 12, 24)), size, np.arange(24) % 2 == 1).p_value)

    assert np.mean(np.array(p_values) <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)


def test_draws_and_the_normal_posterior_say_the_same() -> None:
    """A million draws give the chances and losses of the formulas."""
    draws = np.random.default_rng(1).normal(1.0, 2.0, size=1_000_000)
    exact, drawn = decision(1.0, 2.0, margin=0.5), decision_of_draws(draws, margin=0.5)

    for name in ("better", "loss_of_treating", "loss_of_control", "negligible"):
        assert getattr(drawn, name) == pytest.approx(getattr(exact, name), abs=5e-3)
