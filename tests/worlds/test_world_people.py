"""Segments and reps are as unequal as the knobs ask."""

import numpy as np
import pytest

from whywin.stats.streams import stream
from whywin.worlds.market import Market, simulate
from whywin.worlds.people import SEGMENTS, newborn, rep_sizes, segment_effects, size


@pytest.mark.parametrize("spread", [0.0, 0.25, 1.0])
def test_levels_differ_by_exactly_the_asked_standard_deviation(spread: float) -> None:
    """The effects of a segment's levels are centred and have the market's standard deviation, whatever was drawn."""
    for seed in range(10):
        for effects in segment_effects(Market(seed=seed, segment_sd=spread)).values():
            assert np.mean(list(effects.values())) == pytest.approx(0, abs=1e-12)
            assert np.std(list(effects.values())) == pytest.approx(spread, abs=1e-12)


def test_shares_of_each_segment_add_up() -> None:
    """Every segment's levels make up the whole market."""
    for levels in SEGMENTS.values():
        assert sum(share for _, share in levels) == pytest.approx(1)


def test_rep_sizes_have_the_asked_coefficient_of_variation() -> None:
    """Shares of the deals add up to one, are equal for a variation of 0, and vary as asked otherwise."""
    rng = stream(1, "sizes")

    assert np.array_equal(rep_sizes(rng, 4, 0.0), np.full(4, 0.25))
    for variation in (0.3, 1.0):
        shares = rep_sizes(rng, 20_000, variation)
        assert shares.sum() == pytest.approx(1)
        assert shares.std() / shares.mean() == pytest.approx(variation, rel=0.05)


def test_reps_without_a_spread_are_equal() -> None:
    """Without skill every rep has the same mean chance among deals that are otherwise alike."""
    market = Market(deals=20_000, rep_sd=0.0, segment_sd=0.0, shift_quarter=0)
    skilled = Market(deals=20_000, rep_sd=0.5, segment_sd=0.0, shift_quarter=0)
    spread = {}
    for name, of in (("equal", market), ("skilled", skilled)):
        world = simulate(of)
        reps = world.tables["deals"]["rep"]
        spread[name] = world.potential["chance_without"].groupby(reps).mean().std()

    assert spread["equal"] < 0.015
    assert spread["skilled"] > 0.06


def test_size_is_the_standardised_log_amount() -> None:
    """Amounts are log-normal with the mean and spread by which size is standardised."""
    known = newborn(Market(), "deals", np.zeros(20_000, dtype=bool))

    assert size(known).mean() == pytest.approx(0, abs=0.03)
    assert size(known).std() == pytest.approx(1, abs=0.03)
    assert (known["amount"] > 0).all()
