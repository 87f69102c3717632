"""Standardisation: closed forms and repetition."""

import numpy as np
import pytest

from whywin.stats.g_computation import Standardised, standardised_outcomes


def made(seed: int, count: int = 300, **more: object) -> Standardised:
    """An effect that grows with a covariate, which decides who is treated too."""
    rng = np.random.default_rng(seed)
    place = rng.normal(size=count)
    treated = (rng.uniform(size=count) < 1 / (1 + np.exp(-place))).astype(float)
    outcome = place + treated * (1 + place) + rng.normal(size=count) * (1 + treated)
    sets = [
        np.column_stack([np.ones(count), place, value, value * place]) for value in (treated, np.ones(count), np.zeros(count))
    ]
    return standardised_outcomes(sets[0], outcome, sets[1], sets[2], **more)


def test_the_variance_is_that_of_repetition() -> None:
    """It knows that the units are a sample: over 400 samples it is the variance of the estimates."""
    found = [made(seed) for seed in range(400)]

    assert np.mean([one.variance for one in found]) ** 0.5 == pytest.approx(np.std([one.effect for one in found]), rel=0.1)
    assert np.mean([one.effect for one in found]) == pytest.approx(1.0, abs=0.03)


def test_two_groups_alone_are_two_means() -> None:
    """Without covariates the effect is the difference of means, with the variances of White and of Student."""
    rng = np.random.default_rng(2)
    treated, outcome = np.repeat([1.0, 0.0], 50), rng.normal(size=100)
    one = np.ones(100)
    sets = np.column_stack([one, treated]), outcome, np.column_stack([one, one]), np.column_stack([one, 0 * one])
    groups = outcome[:50], outcome[50:]

    robust, pooled = standardised_outcomes(*sets), standardised_outcomes(*sets, pooled=True)

    assert robust.effect == pytest.approx(groups[0].mean() - groups[1].mean())
    assert robust.variance == pytest.approx(sum(group.var() / 50 for group in groups))
    assert pooled.variance == pytest.approx(sum(group.var() * 50 for group in groups) / 98 * 2 / 50)


def test_clusters_of_one_are_no_clusters() -> None:
    """Clusters of one unit change the variance by G / (G - 1) only."""
    assert made(1, clusters=np.arange(300)).variance == pytest.approx(made(1).variance * 300 / 299)
