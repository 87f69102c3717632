"""Where the estimate of a repetition lies."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from whywin.stats.replication import repetition


def test_the_next_mean_falls_into_a_95_percent_interval_83_percent_of_the_time() -> None:
    """Cumming and Maillardet (2006): with as many data, the first interval itself has 83.4 % for the next estimate."""
    found = repetition(0, -1.96, 1.96, 0.95, 1, 0.834)

    assert (found.low, found.high) == pytest.approx((-1.96, 1.96), abs=0.005)


@pytest.mark.parametrize("ratio", [0.25, 1.0, 3.0])
def test_it_covers_new_estimates(ratio: float) -> None:
    """Simulated: 80 % of the estimates from `ratio` times as many data lie within."""
    rng = np.random.default_rng(7)
    first = rng.normal(size=4000)
    second = rng.normal(size=4000) / np.sqrt(ratio)
    z = norm.ppf(0.975)
    ends = [repetition(one, one - z, one + z, 0.95, ratio, 0.8) for one in first]
    held = np.mean([end.low <= two <= end.high for end, two in zip(ends, second, strict=True)])

    assert held == pytest.approx(0.8, abs=0.02)


@given(st.floats(-50, 50), st.floats(0, 20), st.floats(0, 20), st.floats(0.01, 100))
def test_fewer_new_data_widen_it(value: float, below: float, above: float, ratio: float) -> None:
    """It holds the estimate, and is the wider the fewer the new data."""
    many = repetition(value, value - below, value + above, 0.95, 2 * ratio, 0.8)
    few = repetition(value, value - below, value + above, 0.95, ratio, 0.8)

    assert few.low <= many.low <= value <= many.high <= few.high


@pytest.mark.parametrize(
    "given_",
    [(0, 1, 2, 0.9, 1, 0.8), (0, -1, 1, 1.0, 1, 0.8), (0, -1, 1, 0.9, 0, 0.8), (0, -1, 1, 0.9, 1, 0)],
)
def test_what_is_no_interval_is_refused(given_: tuple[float, ...]) -> None:
    """Ends out of order, levels out of bounds and no new data are bugs of the caller."""
    with pytest.raises(ValueError, match="needed"):
        repetition(*given_)
