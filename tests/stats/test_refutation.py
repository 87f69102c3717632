"""What refits say: their chances are what they claim to be."""

import numpy as np
import pytest

from whywin.stats.refutation import chance_of_shift, chance_of_spread, chance_of_zero


def test_means_of_nothing_are_uniform() -> None:
    """Of refits that are zero on average a p-value below .05 comes up in one of twenty, two-sided."""
    rng = np.random.default_rng(0)
    small = np.mean([chance_of_zero(rng.normal(size=12))[1] < 0.05 for _ in range(4000)])

    assert small == pytest.approx(0.05, abs=0.011)
    assert chance_of_zero(-np.abs(rng.normal(size=30)))[1] < 0.01


def test_a_tolerated_mean_is_no_fault() -> None:
    """With a quarter of a deviation tolerated, such a mean fails no more often than the level says, and a whole one always."""
    rng = np.random.default_rng(1)
    small = np.mean([chance_of_zero(rng.normal(0.25, 1, size=40), 0.25)[1] < 0.05 for _ in range(2000)])

    assert small <= 0.05
    assert chance_of_zero(rng.normal(1, 1, size=40), 0.25)[1] < 0.01


def test_spread_and_shift_are_measured_in_errors() -> None:
    """A right error gives uniform chances; half of it a ratio of two and no chance; a shift of two errors .046."""
    rng = np.random.default_rng(2)
    small = np.mean([chance_of_spread(rng.normal(0, 3, size=20), 3.0)[1] < 0.05 for _ in range(3000)])
    ratio, chance = chance_of_spread(rng.normal(0, 3, size=200), 1.5)

    assert small == pytest.approx(0.05, abs=0.013)
    assert (ratio, chance < 1e-6) == (pytest.approx(2, rel=0.15), True)
    assert chance_of_shift(-2.0, 1.0) == pytest.approx(0.0455, abs=1e-4)


def test_nothing_varies() -> None:
    """Refits that are all alike are zero or they are not, and an error of nothing allows nothing."""
    assert chance_of_zero(np.zeros(5)) == (0.0, 1.0)
    assert chance_of_zero(np.ones(5))[1] == 0.0
    assert chance_of_spread(np.zeros(5), 0.0) == (1.0, 1.0)
    assert chance_of_shift(0.0, 0.0) == 1.0
