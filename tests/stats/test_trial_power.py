"""Power of trials: the formula against simulation, looks, weeks, and intervals of the correlation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whywin.stats.cluster import intracluster_correlation
from whywin.stats.group_sequential import bounds, inflation, spent
from whywin.stats.power import Clusters, cluster_power
from whywin.stats.trial_power import (
    Layout,
    World,
    correlation_interval,
    excess_variation,
    simulated_power,
    smallest_effect,
    trial_power,
    units_wanted,
    variation_of,
    weeks_wanted,
)


@given(st.integers(3, 60), st.floats(0.0, 0.2), st.floats(0.02, 0.2))
@settings(max_examples=30, deadline=None)
def test_equal_arms_are_the_known_formula(units: int, correlation: float, effect: float) -> None:
    """With equal arms and one look the power is that of 2 (J - 1) degrees of freedom."""
    clusters = Clusters(40, correlation, 0.5)

    assert trial_power(clusters, Layout(units, units), effect) == pytest.approx(cluster_power(clusters, units, effect))


@given(st.integers(3, 40), st.integers(3, 40), st.floats(0.3, 0.95))
@settings(max_examples=30, deadline=None)
def test_the_smallest_effect_has_its_power(treated: int, control: int, power: float) -> None:
    """What unequal arms just find with a power, they find with that power."""
    clusters, layout = Clusters(30, 0.05, 0.6), Layout(treated, control, inflation=1.1)

    assert trial_power(clusters, layout, smallest_effect(clusters, layout, power)) == pytest.approx(power, abs=1e-6)


def test_the_units_wanted_are_the_fewest() -> None:
    """So many units have the power, and two less have not."""
    clusters, layout = Clusters(30, 0.05, 0.6), Layout(10, 10)
    units = units_wanted(clusters, layout, 0.1)

    assert trial_power(clusters, Layout(units / 2, units / 2), 0.1) >= 0.8
    assert trial_power(clusters, Layout(units / 2 - 1, units / 2 - 1), 0.1) < 0.8


def test_waiting_has_an_end() -> None:
    """The weeks that are wanted have the power; an effect below what units' differences allow is never found."""
    clusters, layout = Clusters(24, 0.05, variation_of(0.5, 24)), Layout(20, 20)
    weeks = weeks_wanted(clusters, layout, 2.0, 0.15)
    then = Clusters(2 * weeks, 0.05, variation_of(0.5, 2 * weeks))

    assert trial_power(then, layout, 0.15) == pytest.approx(0.8, abs=1e-4)
    assert weeks_wanted(clusters, layout, 2.0, 0.05) == np.inf


def test_chance_counts_are_taken_out_of_the_variation() -> None:
    """The variation of expected numbers comes back from that of counts, and equal expectations vary like Poisson counts."""
    assert excess_variation(variation_of(0.7, 12), 12) == pytest.approx(0.7)
    counts = np.random.default_rng(1).poisson(25, 100_000)
    assert excess_variation(counts.std() / counts.mean(), counts.mean()) < 0.05


@pytest.mark.parametrize("before", [0.0, 0.6])
def test_the_formula_is_what_a_simulation_finds(before: float) -> None:
    """With twenty fairly equal units an arm, formula and simulation agree within noise and the cost of Satterthwaite's degrees."""
    world = World(Clusters(60, 0.05, 0.2, 0.24, before), 0.4, rates=True)
    layout = Layout(20, 20)
    effect = smallest_effect(world.clusters, layout)

    found = simulated_power(world, layout, effect, worlds=1500, rng=np.random.default_rng(2))

    assert found == pytest.approx(0.8, abs=3 * np.sqrt(0.16 / 1500) + 0.02)


def test_looks_hold_the_error_rate_and_cost_what_they_should() -> None:
    """Four looks with Lan and DeMets's bounds: no more false alarms than promised, and the power of the inflated error."""
    shares = (0.25, 0.5, 0.75, 1.0)
    critical = bounds(shares, spent("obrien_fleming", 0.025, shares))
    layout = Layout(20, 20, 0.05, shares, tuple(critical), inflation(shares, critical, 0.025, 0.8))
    world = World(Clusters(60, 0.05, 0.5, 0.24), 0.4, rates=True)
    rng = np.random.default_rng(3)
    effect = smallest_effect(world.clusters, layout)

    assert simulated_power(world, layout, 0.0, worlds=3000, rng=rng) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 3000)
    assert simulated_power(world, layout, effect, worlds=1500, rng=rng) == pytest.approx(0.8, abs=0.05)


def test_numbers_are_simulated_as_well() -> None:
    """A metric of numbers has the power of the formula, since its noise is normal."""
    world = World(Clusters(30, 0.1, variation_of(0.0, 30), 400.0), 50.0, rates=False)
    layout = Layout(15, 15)
    effect = smallest_effect(world.clusters, layout)

    assert simulated_power(world, layout, effect, worlds=1500, rng=np.random.default_rng(4)) == pytest.approx(0.8, abs=0.04)


def test_the_interval_of_the_correlation_covers() -> None:
    """Of 600 companies with 30 unequal reps the 95 % interval holds the true correlation about as often as it says."""
    rng = np.random.default_rng(5)
    held = []
    for _ in range(600):
        size = np.maximum(rng.poisson(40 * rng.gamma(4, 1 / 4, 30)), 1)
        won = rng.binomial(size, rng.beta(0.4 * 19, 0.6 * 19, 30)).astype(float)
        found = max(intracluster_correlation(won, won, size, np.zeros(30)), 0.0)
        low, high = correlation_interval(found, size)
        held.append(low <= 0.05 <= high)

    assert np.mean(held) >= 0.95 - 3 * np.sqrt(0.05 * 0.95 / 600)
