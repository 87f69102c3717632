"""Average marginal effects: against statsmodels, against refits, and by how often their intervals cover."""

import numpy as np
import pytest
from scipy.special import expit

from whywin.stats.logistic import fitted
from whywin.stats.marginal_effects import MOST_GROUPS, Switch, average_marginal_effects, dealt_out, switched

LEVELS = [Switch((1, 2), np.eye(2)[place], np.zeros(2)) for place in range(2)]
NUMBER = Switch((3,), np.array([0.5]), np.array([-0.5]), added=True)


def table(count: int, seed: int, skill: float = 0.4) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Deals of some reps, with a column of three levels and one of numbers, both of which matter."""
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(count), 1 + rng.geometric(1 / 50, size=count))
    level = rng.integers(3, size=len(groups))
    x = np.column_stack([np.ones(len(groups)), level == 1, level == 2, rng.normal(size=len(groups))])
    y = rng.random(len(groups)) < expit(x @ [-0.4, 0.6, -0.3, 0.4] + rng.normal(0, skill, count)[groups])
    return x, y.astype(float), groups


def test_one_column_alone_gives_the_difference_of_the_rates() -> None:
    """Without other columns to hold, the effect of a level is its rate less the reference's."""
    x, y, groups = table(12, 1)
    found = average_marginal_effects(x[:, :3], y, groups, LEVELS, 12)
    rates = [y[(x[:, 1] == one) & (x[:, 2] == two)].mean() for one, two in ((0, 0), (1, 0), (0, 1))]

    assert found.sizes == pytest.approx([rates[1] - rates[0], rates[2] - rates[0]], abs=1e-5)


def test_the_effect_of_a_flag_is_statsmodels() -> None:
    """With another column held, it is the discrete change that statsmodels averages over the deals."""
    from statsmodels.api import Logit

    x, y, groups = table(12, 2)
    x = x[:, [0, 1, 3]]
    found = average_marginal_effects(x, y, groups, [Switch((1,), np.ones(1), np.zeros(1))], 12)
    expected = Logit(y, x).fit(disp=0).get_margeff(dummy=True).margeff

    assert found.sizes[0] == pytest.approx(expected[0], abs=1e-5)


def test_leaving_a_rep_out_by_one_step_is_near_the_refit() -> None:
    """The effects without a rep are those of a fit without that rep's deals, to a hundredth of a point."""
    x, y, groups = table(20, 3)
    found = average_marginal_effects(x, y, groups, [*LEVELS, NUMBER], 20)
    for rep in range(20):
        kept = groups != rep
        refit = switched(x[kept], fitted(x[kept], y[kept]).coefficients, [*LEVELS, NUMBER])
        assert found.without[rep] == pytest.approx(refit, abs=0.002)


def test_reps_without_deals_change_nothing() -> None:
    """A rep that sold nothing here leaves every effect as it is."""
    x, y, groups = table(10, 4)
    found = average_marginal_effects(x, y, groups, LEVELS, 11)

    assert (found.without[10] == found.sizes).all()


def test_many_deals_without_reps_are_dealt_out_evenly() -> None:
    """Up to 2,000 deals each is its own group; more are dealt out to 2,000 groups of the same size."""
    assert len(np.unique(dealt_out(500))) == 500
    assert set(np.bincount(dealt_out(3 * MOST_GROUPS)).tolist()) == {3}


def test_ten_unequal_reps_are_covered() -> None:
    """With 10 reps of unequal size and skill the intervals hold the true effects in 95 of 100 tables, within Monte Carlo error."""
    x, y, _ = table(8000, 5)
    truth = switched(x, fitted(x, y).coefficients, [*LEVELS, NUMBER])
    worlds, held = 300, np.zeros(3)
    for seed in range(worlds):
        found = average_marginal_effects(*table(10, 100 + seed), [*LEVELS, NUMBER], 10)
        ends = np.array([found.contrast(place).interval(0.95) for place in range(3)])
        held += (ends[:, 0] <= truth) & (truth <= ends[:, 1])

    assert (held / worlds >= 0.95 - 3 * np.sqrt(0.95 * 0.05 / worlds)).all()
