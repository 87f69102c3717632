"""The partially linear model: its influence against repetition, and against least squares."""

import numpy as np
import pytest

from whywin.stats.influence import variance_of
from whywin.stats.partialling_out import Partialled, partialled_out


def made(seed: int, count: int = 500) -> tuple[Partialled, Partialled]:
    """The mean effect over everyone and over the treated, with true nuisances and an effect linear in one covariate."""
    rng = np.random.default_rng(seed)
    place = rng.normal(size=count)
    chance = 1 / (1 + np.exp(-place))
    treated = rng.uniform(size=count) < chance
    outcome = place + treated * (1 + place) + rng.normal(size=count)
    moderators = np.column_stack([np.ones(count), place])
    rest, left = outcome - place - chance * (1 + place), treated - chance
    coefficients = np.linalg.lstsq(moderators * left[:, None], rest, rcond=None)[0]
    every = np.ones(count, dtype=bool)
    return tuple(partialled_out(rest, left, moderators, coefficients, asked) for asked in (every, treated))


@pytest.mark.parametrize("place", [0, 1])
def test_the_influence_tells_the_spread_of_repetition(place: int) -> None:
    """Over 400 samples the stated standard error is that of the estimates, and the estimate is right on average."""
    found = [made(seed)[place] for seed in range(400)]
    effects = [one.effect for one in found]
    truth = (1.0, 1 + 0.4132)[place]  # E[x | treated] = 2 E[x expit(x)] for a standard normal x

    assert np.mean([variance_of(one.influence) for one in found]) ** 0.5 == pytest.approx(np.std(effects), rel=0.1)
    assert np.mean(effects) == pytest.approx(truth, abs=4 * np.std(effects) / 20)


def test_a_constant_effect_is_least_squares_with_its_robust_error() -> None:
    """With ones alone as moderators the estimate is a slope through the origin with White's standard error."""
    rng = np.random.default_rng(1)
    left, rest = rng.normal(size=100), rng.normal(size=100)
    slope = float(left @ rest / (left @ left))
    found = partialled_out(rest, left, np.ones((100, 1)), np.array([slope]), rng.uniform(size=100) < 0.3)

    assert found.effect == pytest.approx(slope)
    assert found.weight @ rest / 100 == pytest.approx(slope)
    assert variance_of(found.influence) == pytest.approx(((left * (rest - slope * left)) ** 2).sum() / (left @ left) ** 2)
