"""Matching in risk sets: who may stand for whom, how often, and what the difference and its variance are."""

import numpy as np
import pytest

from whywin.stats.proportional_hazards import proportional_hazards
from whywin.stats.risk_sets import RiskSets, contrast, risk_sets


def _sets(age: list[float], treated: list[int], score: list[float], strata: list[int] | None = None, **how: object) -> RiskSets:
    ages, event, x = np.array(age, float), np.array(treated, bool), np.array(score, float)[:, None]
    groups = np.zeros(len(age), np.int64) if strata is None else np.array(strata, np.int64)
    model = proportional_hazards(x, ages, event, groups)
    known = how.pop("known", np.ones(len(age), bool))
    return risk_sets(model, ages, event, known, **{"neighbours": 9, **how})


def test_a_match_was_open_and_untreated_at_that_age() -> None:
    """Who closed by then, or was treated by then, stands for nobody; who is treated later does."""
    found = _sets([5, 5, 4, 3, 8, 9], [1, 0, 0, 1, 1, 0], [0, 0, 0, 0, 0, 0])

    # at 3 days five deals are matched, at 5 days those treated or closed later (8, 9), at 8 days only the last
    assert found.uses == pytest.approx([1 / 5, 1 / 5, 1 / 5, 0, 1 / 5 + 1 / 2, 1 / 5 + 1 / 2 + 1])
    assert found.asked.tolist() == [True, False, False, True, True, False]
    assert found.left == 0


def test_a_match_that_is_treated_later_leaves_and_others_stand_for_it() -> None:
    """Against no treatment at all only the never treated count, by one over the chance that the hazard left them untreated."""
    found = _sets([5, 5, 4, 3, 8, 9], [1, 0, 0, 1, 1, 0], [0, 0, 0, 0, 0, 0])
    steps = {3: 1 / 6, 5: 1 / 3, 8: 1 / 2}

    assert found.uses_untreated[[0, 3, 4]].tolist() == [0, 0, 0]
    assert found.uses_untreated[2] == pytest.approx(1 / 5)  # closed at 4 days: nothing could come after 3
    last = np.exp(steps[5] + steps[8]) / 5 + np.exp(steps[8]) / 2 + 1
    assert found.uses_untreated[5] == pytest.approx(last)


def test_strata_are_matched_exactly_and_who_has_no_match_is_left_out() -> None:
    """A treated unit whose stratum has nobody open and untreated is counted, not matched with another stratum."""
    found = _sets([2, 9, 2, 2], [1, 0, 1, 0], [0, 1, 0, 1], strata=[0, 0, 1, 1])

    assert found.asked.tolist() == [True, False, False, False]
    assert found.left == 1
    assert found.uses == pytest.approx([0, 1, 0, 0])


def test_who_has_no_outcome_neither_asks_nor_answers() -> None:
    """An open unit is at risk for the hazard, but cannot be matched."""
    found = _sets([2, 9, 9], [1, 0, 0], [0, 1, 2], known=np.array([True, False, True]))

    assert found.uses == pytest.approx([0, 0, 1])
    assert found.at_risk.tolist() == [False, False, True]


def test_each_treated_unit_is_matched_once_in_all() -> None:
    """The uses of all matches add up to the number of the treated that are asked about."""
    rng = np.random.default_rng(3)
    x = rng.normal(size=300)
    happens, leaves = rng.exponential(5 / np.exp(x)), rng.exponential(4, 300)
    treated = happens < leaves
    found = _sets(list(np.minimum(happens, leaves)), list(treated), list(x), neighbours=3)

    assert found.uses.sum() == pytest.approx(found.asked.sum())
    assert not (found.uses[~found.at_risk] > 0).any()


def test_the_order_of_the_units_changes_nothing() -> None:
    """Ties are all taken, so that no match hangs on the order of the rows."""
    rng = np.random.default_rng(4)
    age, treated, x = rng.integers(1, 12, 120).astype(float), rng.uniform(size=120) < 0.4, rng.integers(0, 4, 120).astype(float)
    order = rng.permutation(120)
    straight, turned = (_sets(list(age[o]), list(treated[o]), list(x[o]), neighbours=2) for o in (np.arange(120), order))

    assert straight.uses[order] == pytest.approx(turned.uses)


def test_without_covariates_the_contrast_is_a_weighted_difference_of_means() -> None:
    """With nothing to take out, it is the mean of the treated less the matches' mean by use, and its variance that of the two means."""
    rng = np.random.default_rng(5)
    outcome, asked = rng.normal(size=200), np.arange(200) < 80
    uses = np.where(asked, 0.0, rng.uniform(0.5, 1, size=200))
    uses *= 80 / uses.sum()
    found = contrast(outcome, np.empty((200, 0)), asked, uses)
    mean = float(uses @ outcome) / 80
    rest = uses[~asked] * (outcome[~asked] - mean) / (1 - uses[~asked] / 80)
    expected = outcome[asked].var() / 80 + float((rest**2).sum()) / 80**2

    assert (found.with_treatment, found.without_treatment) == pytest.approx((outcome[asked].mean(), mean))
    assert found.effect == pytest.approx(outcome[asked].mean() - mean)
    assert found.variance == pytest.approx(expected)


def test_a_straight_line_in_the_covariates_is_taken_out() -> None:
    """Where the outcome without treatment is linear in a covariate, matches that differ in it mislead nobody."""
    rng = np.random.default_rng(6)
    x, asked = rng.normal(size=400), np.arange(400) < 150
    outcome = 3 * x + 2.0 * asked
    found = contrast(outcome, x[:, None], asked, np.where(asked, 0.0, 150 / 250))

    assert found.effect == pytest.approx(2.0)
    assert found.variance == pytest.approx(0.0, abs=1e-18)


def test_units_of_one_cluster_are_added_up() -> None:
    """Copies of each unit in a cluster of its own give the variance of the units counted once."""
    rng = np.random.default_rng(7)
    outcome, asked = rng.normal(size=100), np.arange(100) < 40
    uses = np.where(asked, 0.0, 40 / 60)
    alone = contrast(outcome, np.empty((100, 0)), asked, uses, np.arange(100))
    copies = [np.concatenate([values, values]) for values in (outcome, asked, uses, np.arange(100))]
    twice = contrast(copies[0], np.empty((200, 0)), *copies[1:])

    assert twice.variance == pytest.approx(
        alone.variance, rel=0.03
    )  # a unit has less pull on the line when it stands there twice
