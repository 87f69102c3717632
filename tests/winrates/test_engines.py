"""The fast engine: its gradient is right, it agrees with long chains and with exact answers, and it is not used where it cannot be."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from whywin.stats.split_student import SplitStudent
from whywin.winrates import convergence, fitting
from whywin.winrates.exploring import _climb, _Marginal, _reaching, explore, resampled
from whywin.winrates.fitting import fit
from whywin.winrates.methods.hierarchical import Hierarchical
from whywin.winrates.pieces import Pieces, pieces_of
from whywin.winrates.priors import Priors
from whywin.winrates.question import WinRates
from whywin.winrates.sampling import Effort

PRIORS = Priors(-0.4, 1.2, 0.5)
SHORT = Effort(250, 400, 4, 0.9)


@pytest.fixture(scope="module")
def pieces() -> Pieces:
    """Forty cells of two crossed dimensions, one of them a walk."""
    rng = np.random.default_rng(4)
    table = pd.DataFrame({"a": np.repeat(list("wxyz"), 10), "b": np.tile([f"q{k}" for k in range(10)], 4)})
    odds = -0.5 + np.repeat(rng.normal(0, 0.6, 4), 10) + np.tile(np.cumsum(rng.normal(0, 0.2, 10)), 4)
    table = table.assign(deals=rng.integers(20, 60, 40))
    table["won"] = rng.binomial(table["deals"], 1 / (1 + np.exp(-odds)))
    return pieces_of(table, ["a", "b"], [("a", "b")], walks=["b"])


@pytest.mark.parametrize("family", ["half_normal", "half_cauchy", "inverse_gamma"])
def test_the_marginal_posterior_s_gradient_is_its_slope(pieces: Pieces, family: str) -> None:
    """Central differences of the Laplace marginal agree with its gradient, under each prior."""
    marginal = _Marginal(pieces, replace(PRIORS, family=family))
    here = np.log([0.5, 0.3, 0.15])
    point = marginal.at(here, marginal.start, tolerance=1e-14, slopes=True)
    step = 1e-4 * np.eye(3)
    ends = [
        [marginal.at(here + sign * row, point.x, tolerance=1e-14, slopes=False).log_density for sign in (1, -1)] for row in step
    ]

    assert point.gradient == pytest.approx([(up - down) / 2e-4 for up, down in ends], rel=1e-4, abs=1e-4)


def test_the_mode_of_the_standard_deviations_is_found(pieces: Pieces) -> None:
    """No direction leads up from where the search ends."""
    assert np.abs(_climb(_Marginal(pieces, PRIORS)).gradient).max() < 0.02


def test_both_engines_draw_from_the_same_posterior(pieces: Pieces) -> None:
    """Means and standard deviations of every unknown agree with long chains within four Monte Carlo errors."""
    long = fit(pieces, PRIORS, Effort(2500, 1000, 4, 0.95), np.random.default_rng(1), "nuts")
    fast = fit(pieces, PRIORS, Effort(1000, 0, 4, 0.9), np.random.default_rng(1))

    assert (fast.attrs["engine"], long.attrs["engine"]) == ("laplace", "nuts")
    assert fast.attrs["khat"] < 0.5
    few = np.sqrt(fast.attrs["effective"])
    for name in ("intercept", "sd", "effect"):
        one, other = (tree.posterior[name].to_numpy().reshape(tree.posterior["intercept"].size, -1) for tree in (fast, long))
        spread = other.std(axis=0)
        assert np.abs(one.mean(axis=0) - other.mean(axis=0)) / spread == pytest.approx(0, abs=4 * (1 / few + 1 / 50)), name
        assert one.std(axis=0) / spread == pytest.approx(1, abs=0.2), name
        for share in (0.05, 0.95):
            gap = (np.quantile(one, share, axis=0) - np.quantile(other, share, axis=0)) / spread
            assert np.abs(gap).max() < 4 * 2.1 * (1 / few + 1 / 50), (name, share)


def test_the_same_stream_gives_the_same_draws(pieces: Pieces) -> None:
    """The fast engine's draws repeat to the last bit, although its points run side by side."""
    one, other = (explore(pieces, PRIORS, 64, 2, np.random.default_rng(3)) for _ in range(2))

    assert np.array_equal(one.x, other.x)
    assert np.array_equal(one.log_weight, other.log_weight)
    assert np.array_equal(resampled(one, 50, np.random.default_rng(1)), resampled(other, 50, np.random.default_rng(1)))


def test_nuts_runs_where_the_fast_engine_cannot_be_trusted(pieces: Pieces, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a k-hat that is never low enough the chains are drawn, and both tries are told in order."""
    monkeypatch.setattr(fitting, "trusted", lambda *_: False)
    tree = fit(pieces, PRIORS, SHORT, np.random.default_rng(1))

    assert tree.attrs["engine"] == "nuts"
    assert [words.split(",")[0].split(":")[0] for words in tree.attrs["tried"]][:2] == [
        "Laplace with importance sampling",
        "Laplace with importance sampling at more points",
    ]
    assert tree.attrs["tried"][2].startswith("NUTS, as planned")
    assert "sample_stats" in tree.children


def test_remedies_are_tried_in_order_and_recorded(pieces: Pieces, monkeypatch: pytest.MonkeyPatch) -> None:
    """Chains that fall short are drawn longer, then longer and not centred; each try is told with what was wrong with it."""
    monkeypatch.setattr(fitting.Limits, "faults", lambda *_: ["R-hat reaches 1.300"])
    tree = fit(pieces, PRIORS, Effort(100, 100, 2, 0.8), np.random.default_rng(1), "nuts")

    assert [words.partition(":")[0] for words in tree.attrs["tried"]] == [f"NUTS, {remedy.words}" for remedy in fitting.REMEDIES]
    assert tree.posterior.sizes["draw"] == 400


def test_a_model_that_was_not_found_gives_no_estimates(
    answered: SimpleNamespace, question: WinRates, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is a fatal check that says what was tried and the way out, and nothing that could be read as an answer."""
    monkeypatch.setattr(convergence, "trusted", lambda *_: False)
    evidence = Hierarchical(engine="laplace").answer(question, answered.sample, np.random.default_rng(1))

    assert evidence.estimates == ()
    assert [(check.passed, check.severity) for check in evidence.checks] == [(False, "fatal")]
    assert "Tried: Laplace with importance sampling: k-hat" in evidence.checks[0].says
    assert "set engine: auto" in evidence.checks[0].says


def test_a_two_piece_student_density_integrates_to_one() -> None:
    """Over a grid in one dimension, and its points follow it."""
    student = SplitStudent(np.array([1.0]), np.eye(1), np.array([2.0]), np.array([0.5]), np.array([2.0]), np.array([6.0]))
    grid = np.linspace(-400, 60, 400_001)
    density = np.exp(student.log_density(grid[:, None]))
    points = student.points((np.arange(100_000)[:, None] + 0.5) / 100_000)[:, 0]

    assert np.trapezoid(density, grid) == pytest.approx(1, abs=1e-3)
    for edge in (-1.0, 0.5, 1.0, 1.4):
        assert (points < edge).mean() == pytest.approx(np.trapezoid(density[grid <= edge], grid[grid <= edge]), abs=2e-3)
    assert density[np.searchsorted(grid, 1.0) - 1] == pytest.approx(density[np.searchsorted(grid, 1.0) + 1], rel=1e-2)


def test_a_point_far_out_weighs_nothing_and_harms_nothing() -> None:
    """Heavy tails propose standard deviations whose squares no float holds: the proposal made of the weights stays finite, its density too."""
    log_sd = np.array([[-3.0], [-2.0], [-6.0], [900.0]])

    part = _reaching(log_sd, np.array([0.5, 0.3, 0.2, 0.0]))

    assert np.isfinite(part.scale).all()
    assert np.isfinite(part.log_density(log_sd)[:3]).all()
    assert part.log_density(log_sd)[3] == -np.inf


def test_levels_that_are_all_alike_leave_nothing_to_explore(fitted: Callable) -> None:
    """A model of the intercept alone is the plain binomial's posterior."""
    tree = fitted(pd.DataFrame({"one": ["x"], "deals": [400], "won": [100]}), ["one"])

    rate = 1 / (1 + np.exp(-tree.posterior["intercept"].to_numpy()))
    assert rate.mean() == pytest.approx(0.25, abs=0.003)
    assert rate.std() == pytest.approx(np.sqrt(0.25 * 0.75 / 400), rel=0.06)
