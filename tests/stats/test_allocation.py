"""Assignments: exact numbers, chances, pairs, and balanced draws."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

from whywin.stats.allocation import accepting, allocated, imbalance, matched, rerandomised, shuffled, threshold, uniform
from whywin.stats.randomization import randomization


def test_hashes_are_evenly_spread() -> None:
    """The numbers of names are uniform, do not change, and are others under another key."""
    found = [uniform("1\x1fsalt", f"rep {number}") for number in range(3000)]

    assert kstest(found, "uniform").pvalue > 1e-3
    assert uniform("1\x1fsalt", "rep 7") == found[7] != uniform("2\x1fsalt", "rep 7")


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=40),
    st.sampled_from([(0.5, 0.5), (0.3, 0.7), (0.2, 0.3, 0.5)]),
    st.integers(0, 10**6),
)
@settings(max_examples=80, deadline=None)
def test_numbers_are_as_near_to_the_shares_as_whole_units_allow(groups: list[int], shares: tuple[float, ...], seed: int) -> None:
    """In each group every arm has the floor or the ceiling of its share; two arms' totals are as even."""
    rng = np.random.default_rng(seed)
    index = np.unique(groups, return_inverse=True)[1]
    arm = allocated(index, rng.uniform(size=len(index)), shares, rng.uniform())

    for group in set(index):
        counts = np.bincount(arm[index == group], minlength=len(shares))
        wanted = np.array(shares) * (index == group).sum()
        assert (np.abs(counts - wanted) < 1).all(), (counts, wanted)
    if len(shares) == 2:
        assert abs((arm == 0).sum() - shares[0] * len(arm)) < 1


def test_each_unit_has_its_share_as_chance() -> None:
    """Over many salts every unit is in an arm as often as planned, in groups of odd sizes too."""
    index, shares = np.array([0, 0, 0, 1, 1, 2, 2, 2, 2, 2]), (0.3, 0.7)
    rng = np.random.default_rng(7)
    found = np.mean([allocated(index, rng.uniform(size=10), shares, rng.uniform()) for _ in range(6000)], axis=0)

    assert found == pytest.approx(np.full(10, 0.7), abs=4.5 * np.sqrt(0.21 / 6000))


def test_pairs_are_alike() -> None:
    """Twins are paired; an odd one joins the nearest pair; three units are one group."""
    twins = np.array([[0.0, 1], [5, 5], [0.1, 1], [9, 0], [5, 5.2], [9, 0.1], [9.3, 0]])

    found = matched(twins)

    assert found[0] == found[2]
    assert found[1] == found[4]
    assert found[3] == found[5] == found[6]
    assert len(set(found)) == 3
    assert set(matched(twins[:3])) == {0}


def test_a_share_of_the_draws_is_accepted() -> None:
    """About the stated share of all draws is as balanced as the threshold asks for."""
    rng = np.random.default_rng(8)
    covariates = rng.normal(size=(40, 2))
    draws = shuffled((np.arange(40) < 20).astype(np.int64), np.zeros(40, dtype=np.int64), 20_000, rng)

    assert (imbalance(covariates, draws) <= threshold(covariates, 2, 0.1)).mean() == pytest.approx(0.1, abs=0.015)


def test_a_constrained_draw_is_balanced_and_keeps_its_groups() -> None:
    """The accepted draw is below the threshold, with the same number of treated units in each group."""
    rng = np.random.default_rng(9)
    covariates, groups = rng.normal(size=(24, 3)), np.repeat([0, 1], 12)
    arm = np.tile([0, 1], 12)
    found = rerandomised(covariates, arm, groups, 0.05, rng)

    assert found is not None
    assert imbalance(covariates, found[None, :])[0] <= threshold(covariates, 2, 0.05)
    assert [found[groups == group].sum() for group in (0, 1)] == [6, 6]


def test_a_constrained_design_is_tested_by_its_own_draws() -> None:
    """When arms were drawn balanced on what decides the outcome, only its own draws give p-values that are uniform.

    Draws without the constraint vary far more than the design could have done, and find too little.
    """
    own, free = [], []
    groups = np.zeros(16, dtype=np.int64)
    for seed in range(150):
        rng = np.random.default_rng(seed)
        covariates = rng.normal(size=(16, 1))
        size = np.full(16, 40.0)
        won = rng.binomial(40, 1 / (1 + np.exp(-1.2 * covariates[:, 0]))).astype(float)
        arm = rerandomised(covariates, (np.arange(16) < 8).astype(np.int64), groups, 0.1, rng)
        assert arm is not None
        accepts = accepting(covariates, arm, np.ones(16, dtype=bool), 1, 0.1)
        treated = arm.astype(bool)
        own.append(randomization(won, size, treated, draws=499, rng=rng, accepts=accepts).p_value())
        free.append(randomization(won, size, treated, draws=499, rng=rng).p_value())

    assert kstest(own, "uniform").pvalue > 0.001
    assert np.mean(np.array(free) < 0.2) < 0.05
