"""Confidence sequences: they hold at all times, and know their own alpha."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whywin.stats.confidence_sequence import (
    asymptotic_p_value,
    bernstein_sequence,
    betting_interval,
    hoeffding_sequence,
    mixture_test,
    multiplier,
)
from whywin.stats.sample_ratio import sequential_p_values


@given(st.integers(1, 10**5), st.integers(2, 10**5), st.floats(0.001, 0.3))
@settings(max_examples=50, deadline=None)
def test_an_asymptotic_p_value_is_alpha_at_the_end_of_the_sequence(units: int, tuning: int, alpha: float) -> None:
    """An estimate that is as many standard errors from the null as the sequence is wide has p = alpha, further ones less."""
    reach = multiplier(units, alpha, tuning)

    assert asymptotic_p_value(reach, units, alpha, tuning) == pytest.approx(alpha, rel=1e-6)
    assert asymptotic_p_value(reach + 0.1, units, alpha, tuning) < alpha


def test_a_sequence_is_narrowest_near_its_tuning() -> None:
    """With a given number of units the multiplier is least when the sequence is tuned to about so many."""
    tuned = [multiplier(40, 0.05, tuning) for tuning in (4, 40, 400)]

    assert min(tuned) == tuned[1]


def test_looking_after_every_value_keeps_the_error_rate() -> None:
    """The true mean is left out at some time, of 300, by at most 5 of 100 sequences of each kind."""
    rng = np.random.default_rng(4)
    worlds, n, limit = 400, 300, 0.05 + 3 * np.sqrt(0.05 * 0.95 / 400)
    missed = np.zeros(4)
    for x in rng.random((worlds, n)) < 0.3:
        means, at = np.cumsum(x) / np.arange(1, n + 1), np.arange(50, n)
        reach = np.array([multiplier(k + 1, 0.05, 100) for k in at])
        spread = np.sqrt(0.3 * 0.7 / (at + 1))
        ends = [bernstein_sequence(x, 0.05), hoeffding_sequence(x, 0.05)]
        betting = betting_interval(x, 0.05, steps=200)
        outside = [(low > 0.3).any() or (high < 0.3).any() for low, high in ends]
        missed += [(np.abs(means[at] - 0.3) > reach * spread).any(), *outside, not betting[0] <= 0.3 <= betting[1]]

    assert (missed / worlds <= limit).all(), missed / worlds


def test_a_looked_at_sample_ratio_keeps_its_error_rate() -> None:
    """With 50 looks at a sound assignment p falls below 5 % in at most 5 of 100 trials; a broken one is found."""
    rng = np.random.default_rng(6)
    sound = [sequential_p_values(rng.multinomial(8, [0.5, 0.5], size=50), [1, 1], concentration=100)[-1] for _ in range(500)]
    broken = sequential_p_values(rng.multinomial(8, [0.35, 0.65], size=50), [1, 1], concentration=100)

    assert np.mean(np.array(sound) < 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 500)
    assert broken[-1] < 0.01
    assert (np.diff(broken) <= 0).all()


def test_the_mixture_test_agrees_with_its_interval() -> None:
    """A difference at the end of the interval has p = alpha."""
    edge = mixture_test(0.0, (0.2, 0.25), (900, 1100), 0.05).interval[1]

    assert mixture_test(edge, (0.2, 0.25), (900, 1100), 0.05).p_value == pytest.approx(0.05)
