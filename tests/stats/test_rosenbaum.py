"""Rosenbaum's bounds against distributions that can be enumerated."""

from itertools import product

import numpy as np
import pytest
from scipy.stats import wilcoxon

from whywin.stats.rosenbaum import (
    LARGEST,
    fisher_bound,
    hodges_lehmann_bounds,
    mantel_haenszel_bound,
    mcnemar_bound,
    signed_rank_bound,
    withstood,
)


@pytest.mark.parametrize("gamma", [1.0, 1.7, 4.0])
def test_sets_of_different_sizes_are_summed_exactly(gamma: float) -> None:
    """The chance of so many treated units with the outcome is the sum over all ways in which the sets can fall."""
    treated = np.array([True, False, True, True, False])
    events, sizes = np.array([1, 1, 2, 1, 3]), np.array([2, 3, 4, 5, 3])
    chance = [gamma * c / (gamma * c + n - c) for c, n in zip(events, sizes, strict=True) if 0 < c < n]
    ways = product([0, 1], repeat=len(chance))
    exact = sum(np.prod([p if fell else 1 - p for p, fell in zip(chance, way, strict=True)]) for way in ways if sum(way) >= 3)

    assert mantel_haenszel_bound(treated, events, sizes, gamma) == pytest.approx(exact)


def test_the_normal_limit_meets_the_exact_sum() -> None:
    """Beyond five hundred sets of different sizes the limit takes over without a jump."""
    rng = np.random.default_rng(0)
    sizes = rng.integers(2, 5, size=501)
    events = np.minimum(rng.integers(1, 3, size=501), sizes - 1)
    treated = rng.uniform(size=501) < 1.3 * events / (1.3 * events + sizes - events)
    many, few = (mantel_haenszel_bound(treated[:count], events[:count], sizes[:count], 1.0) for count in (501, 500))

    assert many == pytest.approx(few, rel=0.15, abs=0.005)


def test_nothing_hidden_gives_the_usual_tests() -> None:
    """At Γ = 1 the signed-rank bound is Wilcoxon's test, and McNemar's is the binomial at one half."""
    differences = np.random.default_rng(1).normal(0.4, 1, size=60)
    usual = wilcoxon(differences, alternative="greater", method="approx", correction=False)

    assert signed_rank_bound(differences, 1.0) == pytest.approx(usual.pvalue)
    assert mcnemar_bound(3, 0, 1.0) == 0.125
    assert fisher_bound(((4, 0), (0, 4)), 1.0) == pytest.approx(1 / 70)


def test_bounds_only_grow_and_are_withstood_up_to_where_they_cross() -> None:
    """More that is granted leaves less that is sure; Γ is where the bound meets the level; 1 where nothing was found."""
    differences = np.random.default_rng(2).normal(0.5, 1, size=80)
    bounds = [signed_rank_bound(differences, gamma) for gamma in (1, 1.5, 2, 4)]
    gamma = withstood(lambda granted: signed_rank_bound(differences, granted), 0.05)

    assert bounds == sorted(bounds)
    assert signed_rank_bound(differences, gamma) == pytest.approx(0.05, abs=1e-4)
    assert withstood(lambda granted: signed_rank_bound(-differences, granted), 0.05) == 1.0
    assert withstood(lambda granted: mcnemar_bound(100_000, 0, granted), 0.05) == LARGEST


def test_nothing_discordant_says_nothing() -> None:
    """Sets that are all alike, and differences that are all zero, have a p-value of 1."""
    assert mantel_haenszel_bound(np.array([True, False]), np.array([2, 0]), np.array([2, 2]), 1.0) == 1.0
    assert signed_rank_bound(np.zeros(5), 2.0) == 1.0


def test_hodges_lehmann_estimates_spread_about_the_shift() -> None:
    """At Γ = 1 both ends are the estimate, the median of the pairs' averages; with more granted they part about it."""
    differences = np.random.default_rng(3).normal(2.0, 1.0, size=41)
    averages = (differences[:, None] + differences[None, :])[np.triu_indices(41)] / 2
    (low, high), (wide_low, wide_high) = (hodges_lehmann_bounds(differences, gamma) for gamma in (1.0, 2.0))

    assert low == pytest.approx(np.median(averages), abs=0.02)
    assert high == pytest.approx(low, abs=0.02)
    assert wide_low < low < wide_high
