"""Variances from influences, and the median over splits."""

import numpy as np
import pytest

from whywin.stats.influence import median_of_splits, variance_of


def test_a_mean_has_the_variance_of_a_mean() -> None:
    """The influence of a mean is the deviation from it."""
    values = np.random.default_rng(0).normal(size=50)

    assert variance_of(values - values.mean()) == pytest.approx(values.var() / 50)


def test_clusters_are_added_up() -> None:
    """Copies of a unit in one cluster count once; clusters of one unit differ only by G / (G - 1)."""
    values = np.random.default_rng(1).normal(size=40)
    values -= values.mean()
    copied, codes = np.repeat(values, 5), np.repeat(np.arange(40), 5)

    assert variance_of(copied, codes) == pytest.approx(variance_of(values) * 40 / 39)
    assert variance_of(values, np.arange(40)) == pytest.approx(variance_of(values) * 40 / 39)


def test_the_median_of_splits_is_the_papers() -> None:
    """Definition 3.3 by hand: the middle estimate, and the middle of variances with each split's distance added."""
    value, variance = median_of_splits([1.0, 2.0, 6.0], [0.5, 0.1, 0.2])

    assert (value, variance) == (2.0, pytest.approx(1.5))
    assert median_of_splits([3.0], [0.7]) == (3.0, 0.7)
