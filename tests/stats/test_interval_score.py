"""The interval score and exact shares."""

import numpy as np
import pytest
from scipy.stats import binomtest, norm

from whywin.stats.interval_score import interval_score, share_of


def test_a_hit_costs_its_width_and_a_miss_costs_more_by_how_far() -> None:
    """An 80 % interval from 0 to 10: 10 when it holds, and 10 for each point of a miss beside."""
    assert interval_score([0, 0, 0], [10, 10, 10], 0.8, [5, -1, 12]) == pytest.approx([10, 20, 30])


def test_the_truths_own_quantiles_score_best() -> None:
    """Proper: of normal intervals that of the true spread has the smallest mean score."""
    value = np.random.default_rng(1).normal(size=20_000)
    reach = norm.ppf(0.9) * np.array([0.7, 0.85, 1.0, 1.15, 1.3])
    scores = [interval_score(-one, one, 0.8, value).mean() for one in reach]

    assert int(np.argmin(scores)) == 2


@pytest.mark.parametrize(("held", "count"), [(0, 7), (7, 7), (16, 20), (1, 1)])
def test_a_share_has_its_exact_interval(held: int, count: int) -> None:
    """Clopper and Pearson's, as SciPy's binomial test gives it."""
    theirs = binomtest(held, count).proportion_ci(0.95, method="exact")
    ours = share_of(held, count)

    assert (ours.value, ours.low, ours.high) == pytest.approx((held / count, theirs.low, theirs.high))


@pytest.mark.parametrize(("held", "count"), [(3, 2), (-1, 2), (0, 0)])
def test_a_share_of_nothing_is_refused(held: int, count: int) -> None:
    """Counts that cannot be are a bug of the caller."""
    with pytest.raises(ValueError, match="count"):
        share_of(held, count)
