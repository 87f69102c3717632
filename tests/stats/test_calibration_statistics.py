"""False alarms among units that nothing was tried on."""

import numpy as np
import pytest

from whywin.stats.allocation import shuffled
from whywin.stats.calibration import (
    Units,
    by_adjustment,
    by_clusters,
    by_deals,
    by_looks,
    by_redrawing,
    by_sequence,
    range_of_right,
    with_effect,
)
from whywin.stats.group_sequential import bounds, spent
from whywin.stats.two_samples import Moments, difference


def company(
    seed: int, units: int = 20, correlation: float = 0.05, variation: float = 0.5, looks: int = 1
) -> tuple[Units, np.ndarray]:
    """Return the units of a company, whose deals come evenly up to the looks, and 800 draws of arms."""
    rng = np.random.default_rng(seed)
    expected = 60 * rng.gamma(1 / variation**2, variation**2, units)
    steps = np.maximum(rng.poisson(expected / looks, (looks, units)), 1)
    rate = rng.beta(0.3 * (1 / correlation - 1), 0.7 * (1 / correlation - 1), units)
    total = np.cumsum(rng.binomial(steps, rate), axis=0).astype(float)
    size = np.cumsum(steps, axis=0).astype(float)
    before = rate + 0.05 * rng.normal(size=units)
    draws = shuffled((np.arange(units) < units // 2).astype(np.int64), np.zeros(units, dtype=np.int64), 800, rng).astype(bool)
    return Units(total, total, size, before, rates=True), draws


def test_welch_s_draws_are_welch_s_test() -> None:
    """The vectorised interval over deals covers nought exactly when the normal form of Welch's test does."""
    units, draws = company(1)
    found = by_deals(units, draws, 0.0, 0.95)

    for row in range(50):
        parts = [
            Moments(int(n), w, w)
            for n, w in ((units.size[-1][arm].sum(), units.total[-1][arm].sum()) for arm in (~draws[row], draws[row]))
        ]
        one = difference(*parts)
        assert found[row] == (abs(one.value) <= 1.959963984540054 * one.standard_error)


def test_an_effect_is_put_in_as_large_as_it_is_called() -> None:
    """Over the draws the mean difference is the effect, whether up or down, and for numbers as for rates."""
    units, draws = company(2, units=40)
    for effect in (0.1, -0.1):
        moved = with_effect(units, draws, effect, np.random.default_rng(3))
        gap = (moved.total[-1] - units.total[-1]) @ np.ones(40) / (draws @ units.size[-1])
        assert gap.mean() == pytest.approx(effect, abs=0.003)
    numbers = Units(units.total, units.squares, units.size, None, rates=False)
    moved = with_effect(numbers, draws, 2.5, np.random.default_rng(3))
    assert (moved.total[-1] - units.total[-1]).sum(axis=1) / (draws @ units.size[-1]) == pytest.approx(np.full(800, 2.5))


def test_the_randomisation_test_is_exact_among_its_own_draws() -> None:
    """It raises no more false alarms than promised, and hardly fewer."""
    units, draws = company(4)
    alarms = 1 - by_redrawing(units, draws, 0.95)(units, draws, 0.0, 0.95).mean()

    assert 0.04 <= alarms <= 0.05


def test_looks_and_sequences_are_cautious_where_they_should_be() -> None:
    """A sequence that could be looked at always raises fewer alarms at one look; four bounded looks raise about what was promised."""
    units, draws = company(5, units=40, looks=4)
    shares = (0.25, 0.5, 0.75, 1.0)
    critical = tuple(bounds(shares, spent("obrien_fleming", 0.025, shares)).tolist())

    looked, always = (1 - test(units, draws, 0.0, 0.95).mean() for test in (by_looks(critical), by_sequence(2.9)))
    naive = 1 - by_looks((1.96,) * 4)(units, draws, 0.0, 0.95).mean()

    assert always < 0.02
    assert looked < naive
    assert looked < 0.1


def test_adjustment_finds_more() -> None:
    """What was known before the trial raises the power at the same effect, and is right about nought on average."""
    powers, alarms = [], []
    for seed in range(12):
        units, draws = company(seed)
        moved = with_effect(units, draws, 0.08, np.random.default_rng(seed))
        powers.append([1 - test(moved, draws, 0.0, 0.95).mean() for test in (by_clusters, by_adjustment)])
        alarms.append(1 - by_adjustment(units, draws, 0.0, 0.95).mean())

    plain, adjusted = np.mean(powers, axis=0)
    assert adjusted > plain + 0.1
    assert np.mean(alarms) == pytest.approx(0.05, abs=0.02)


def test_a_right_method_stays_in_its_range_and_a_wrong_one_does_not() -> None:
    """Of 40 companies CR2 leaves the range for hardly any, and Welch's test over deals for nearly all."""
    right, wrong = [], []
    for seed in range(40):
        units, draws = company(seed)
        low, high = range_of_right(units, draws, 0.95, np.random.default_rng(seed))
        right.append(low <= 1 - by_clusters(units, draws, 0.0, 0.95).mean() <= high)
        wrong.append(1 - by_deals(units, draws, 0.0, 0.95).mean() > high)

    assert np.mean(right) >= 0.95
    assert np.mean(wrong) >= 0.9
