"""Folds and mixtures: who is held out together, and which predictions count."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from whywin.stats.stacking import folds_of, loss, mixture


@given(seed=st.integers(0, 1000), count=st.integers(10, 200), folds=st.integers(2, 7))
@settings(max_examples=30, deadline=None)
def test_folds_share_the_treated_evenly(seed: int, count: int, folds: int) -> None:
    """Folds differ by one treated and by one untreated unit at most."""
    rng = np.random.default_rng(seed)
    treated = rng.uniform(size=count) < 0.3
    fold = folds_of(treated, folds, rng)

    for group in (treated, ~treated):
        sizes = np.bincount(fold[group], minlength=folds)
        assert sizes.max() - sizes.min() <= 1


@given(seed=st.integers(0, 1000), clusters=st.integers(2, 30))
@settings(max_examples=30, deadline=None)
def test_a_cluster_is_held_out_as_a_whole(seed: int, clusters: int) -> None:
    """Each cluster lies in one fold, no fold is empty, and no fold is larger than the smallest by more than one cluster."""
    rng = np.random.default_rng(seed)
    codes = np.r_[np.arange(clusters), rng.integers(clusters, size=300)]
    fold = folds_of(rng.uniform(size=len(codes)) < 0.5, 5, rng, codes)
    sizes = np.bincount(fold)

    assert all(len(set(fold[codes == code])) == 1 for code in range(clusters))
    assert len(sizes) == min(5, clusters)
    assert sizes.max() - sizes.min() <= np.bincount(codes).max()


@pytest.mark.parametrize("binary", [True, False])
def test_the_mixture_is_the_best_convex_one(binary: bool) -> None:
    """A general optimiser over the simplex finds the same shares and no smaller loss."""
    rng = np.random.default_rng(3)
    truth = rng.uniform(0.1, 0.9, size=500)
    target = (rng.uniform(size=500) < truth).astype(float) if binary else truth + rng.normal(size=500)
    noise = rng.uniform(0.05, 0.95, size=(500, 2))
    predictions = np.column_stack([0.7 * truth + 0.3 * noise[:, 0], 0.5 * truth + 0.5 * noise[:, 1], np.full(500, 0.5)])

    def risk(shares: np.ndarray) -> float:
        return float(loss((predictions @ shares)[:, None], target, binary=binary).mean())

    found = mixture(predictions, target, binary=binary)
    best = minimize(
        risk, np.full(3, 1 / 3), bounds=[(0, 1)] * 3, constraints={"type": "eq", "fun": lambda shares: shares.sum() - 1}
    )

    assert found.sum() == pytest.approx(1)
    assert (found >= 0).all()
    assert risk(found) == pytest.approx(best.fun, abs=1e-5)


def test_a_model_that_knows_takes_the_whole_share() -> None:
    """Beside predictions at random, the truth is all of the mixture, as near as 2,000 rows tell; one model alone is all of it."""
    rng = np.random.default_rng(4)
    truth = rng.uniform(0.05, 0.95, size=2000)
    target = (rng.uniform(size=2000) < truth).astype(float)
    predictions = np.column_stack([rng.uniform(0.05, 0.95, size=2000), truth])

    assert mixture(predictions, target, binary=True)[1] > 0.95
    assert mixture(predictions[:, :1], target, binary=True).tolist() == [1.0]
