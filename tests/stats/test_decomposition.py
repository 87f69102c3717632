"""A change taken apart: nothing left over, no order, no side that is the standard."""

from itertools import permutations
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whywin.stats.decomposition import Mix, effects, mix_of

SEEDS = st.integers(0, 10_000)


def table(seed: int, dimensions: int = 3, cells: int = 40) -> SimpleNamespace:
    """Sparse cells of some dimensions, the last of which lies within the first; deals and rates before and now."""
    rng = np.random.default_rng(seed)
    codes = [rng.integers(rng.integers(2, 6), size=cells) for _ in range(dimensions)]
    codes.append(codes[0] * 2 + rng.integers(2, size=cells))
    codes = np.array([np.unique(row, return_inverse=True)[1] for row in codes])
    before, now = rng.poisson(2, cells) + (np.arange(cells) == 0), rng.poisson(3, cells) + (np.arange(cells) == 1)
    there = before + now > 0
    codes = np.array([np.unique(row, return_inverse=True)[1] for row in codes[:, there]])
    return SimpleNamespace(codes=codes, before=before[there], now=now[there], rates=rng.random((2, 5, there.sum())))


def change(mix: Mix, rates: np.ndarray) -> np.ndarray:
    """The change of the rate, draw by draw."""
    return rates[1] @ mix.now - rates[0] @ mix.before


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_the_parts_sum_to_the_change(seed: int) -> None:
    """Rate effect and mix effects sum to the change in every draw; the parts of a dimension's levels to the rate effect."""
    given_ = table(seed)
    mix = mix_of(given_.before, given_.now, given_.codes)
    found = effects(mix, *given_.rates)

    assert found.rate + found.mix.sum(axis=1) == pytest.approx(change(mix, given_.rates), abs=1e-12)
    for number in range(len(given_.codes)):
        assert found.rate_by_level[:, mix.dimension == number].sum(axis=1) == pytest.approx(found.rate, abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(SEEDS, st.permutations(range(4)))
def test_the_order_of_dimensions_does_not_matter(seed: int, order: list[int]) -> None:
    """A dimension's mix effect is the same wherever it stands, nested ones too."""
    given_ = table(seed)
    found = mix_of(given_.before, given_.now, given_.codes).weights
    other = mix_of(given_.before, given_.now, given_.codes[order]).weights

    assert other == pytest.approx(found[[*order, 4]], abs=1e-10)


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_swapping_the_periods_flips_every_sign(seed: int) -> None:
    """Neither period is the standard."""
    given_ = table(seed)
    one = effects(mix_of(given_.before, given_.now, given_.codes), *given_.rates)
    other = effects(mix_of(given_.now, given_.before, given_.codes), *given_.rates[::-1])

    for name in ("rate", "mix", "rate_by_level", "mix_by_level"):
        assert getattr(other, name) == pytest.approx(-getattr(one, name), abs=1e-10)


@settings(max_examples=40, deadline=None)
@given(SEEDS, st.integers(2, 7))
def test_no_change_of_mix_no_mix_effect(seed: int, times: int) -> None:
    """The same shares of more deals leave the rate effect alone."""
    given_ = table(seed)
    mix = mix_of(given_.before + given_.now, times * (given_.before + given_.now), given_.codes)
    found = effects(mix, *given_.rates)

    assert found.mix == pytest.approx(0, abs=1e-12)
    assert found.rate == pytest.approx(change(mix, given_.rates), abs=1e-12)


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_no_change_of_rates_no_rate_effect(seed: int) -> None:
    """Equal rates before and now leave the mix effect alone; where all cells are alike, there is none of that either."""
    given_ = table(seed)
    mix = mix_of(given_.before, given_.now, given_.codes)
    found = effects(mix, given_.rates[0], given_.rates[0])

    assert found.rate == pytest.approx(0, abs=1e-15)
    assert found.rate_by_level == pytest.approx(0, abs=1e-15)
    flat = np.full_like(given_.rates[0], 0.4)
    assert effects(mix, flat, flat).mix == pytest.approx(0, abs=1e-12)


def test_kitagawas_own_formula() -> None:
    """One dimension: rate effect and mix effect by hand."""
    mix = mix_of([60, 40], [30, 70], [[0, 1]])
    found = effects(mix, np.array([[0.5, 0.2]]), np.array([[0.4, 0.3]]))

    assert found.rate[0] == pytest.approx(0.45 * -0.1 + 0.55 * 0.1)
    assert found.mix[0] == pytest.approx([-0.3 * 0.45 + 0.3 * 0.25, 0])
    assert found.mix_by_level[0] == pytest.approx([-0.3 * (0.45 - 0.34), 0.3 * (0.25 - 0.34)])


def test_a_dimension_is_credited_with_its_own_shift() -> None:
    """Two independent dimensions and additive rates: each gets its one-way mix effect, their combinations nothing."""
    codes = np.array(np.unravel_index(np.arange(6), (2, 3)))
    before = np.outer([0.6, 0.4], [0.2, 0.3, 0.5]).ravel()
    now = np.outer([0.3, 0.7], [0.2, 0.3, 0.5]).ravel()
    rate = np.array([0.5, 0.3])[codes[0]] + np.array([0.0, 0.05, 0.1])[codes[1]]
    found = effects(mix_of(before, now, codes), rate[None], rate[None])

    assert found.mix[0] == pytest.approx([-0.3 * 0.2, 0, 0], abs=1e-12)


def test_shapley_by_all_orders() -> None:
    """The weights are the mean over all orders of what a dimension adds to the least-squares calibration, done the long way."""
    given_ = table(3, dimensions=2)
    before, now = given_.before / given_.before.sum(), given_.now / given_.now.sum()
    mean, moved = (before + now) / 2, now - before
    dummies = [np.eye(row.max() + 1)[row] for row in given_.codes]

    def shown(members: tuple[int, ...]) -> np.ndarray:
        if not members:
            return np.zeros(len(mean))
        x = np.hstack([dummies[one] for one in members])
        return mean * (x @ np.linalg.pinv(x.T @ (mean[:, None] * x)) @ (x.T @ moved))

    orders = list(permutations(range(3)))
    expected = np.zeros((3, len(mean)))
    for order in orders:
        for place, one in enumerate(order):
            expected[one] += (shown(tuple(order[: place + 1])) - shown(tuple(order[:place]))) / len(orders)

    assert mix_of(given_.before, given_.now, given_.codes).weights[:3] == pytest.approx(expected, abs=1e-10)
