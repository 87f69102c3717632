"""Power of trials whose unit is a cluster: the formulas against one another and against simulation."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whywin.stats.cluster import arm_contrast
from whywin.stats.power import Clusters, cluster_power, detectable_effect, power_of, times_needed, units_needed


@given(st.integers(3, 200), st.floats(0, 0.3), st.floats(0, 1.2), st.floats(0.1, 0.95))
@settings(max_examples=40, deadline=None)
def test_the_detectable_effect_has_its_power(units: int, correlation: float, variation: float, power: float) -> None:
    """What a trial can just find with a power, it finds with that power."""
    clusters = Clusters(50, correlation, variation)

    assert cluster_power(clusters, units, detectable_effect(clusters, units, power)) == pytest.approx(power, abs=1e-6)


@given(st.floats(0.02, 0.3), st.floats(0, 0.2), st.floats(0, 1))
@settings(max_examples=30, deadline=None)
def test_the_units_needed_are_the_fewest(effect: float, correlation: float, before: float) -> None:
    """So many units have the power and one less has not."""
    clusters = Clusters(40, correlation, 0.5, 0.2, 0.9 * before)
    units = units_needed(clusters, effect)

    assert cluster_power(clusters, units, effect) >= 0.8
    assert units == 2 or cluster_power(clusters, units - 1, effect) < 0.8


def test_power_without_an_effect_is_alpha() -> None:
    """The chance of rejecting a true null is alpha whatever the degrees of freedom, and grows to 1 with the effect."""
    assert [power_of(0.0, 1.0, degrees, 0.05) for degrees in (2, 10, 500)] == pytest.approx([0.05] * 3)
    assert power_of(60.0, 1.0, 4, 0.05) == pytest.approx(1.0)


def test_an_effect_of_zero_is_refused() -> None:
    """No number of units finds it."""
    with pytest.raises(ValueError, match="zero"):
        units_needed(Clusters(50, 0.05), 0.0)


def test_enough_is_enough() -> None:
    """A sample that has the power already needs nothing more."""
    assert times_needed(0.5, 0.01) == 0.0


def test_power_is_what_a_simulation_finds() -> None:
    """Equal units of 50 deals with correlation .05: the formula is within Monte Carlo error of CR2's rejections."""
    rng = np.random.default_rng(9)
    units, effect, worlds, spread = 12, 0.12, 1500, 1 / 0.05 - 1
    arm = np.repeat([0, 1], units)
    size = np.full(2 * units, 50)
    rate = 0.4 + effect * arm
    found = []
    for _ in range(worlds):
        won = rng.binomial(size, rng.beta(rate * spread, (1 - rate) * spread))
        found.append(arm_contrast(won, size, arm, [-1.0, 1.0]).p_value < 0.05)
    expected = cluster_power(Clusters(50, 0.05, 0.0, (0.4 * 0.6 + 0.52 * 0.48) / 2), units, effect)

    assert np.mean(found) == pytest.approx(expected, abs=3 * np.sqrt(0.25 / worlds))
