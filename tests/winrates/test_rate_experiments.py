"""The experiments on pooled intervals and on the parts of a change: pure, and able to fail."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]


def script(name: str) -> ModuleType:
    """A script of experiments/ as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "experiments" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("coverage", "holds"), [(0.95, True), (0.93, True), (0.91, False)])
def test_coverage_may_fall_short_by_three_monte_carlo_errors(coverage: float, *, holds: bool) -> None:
    """Both verdicts allow three standard errors (here of a point each) and no more."""
    row = {"coverage": coverage, "monte_carlo": 0.01, "promised": 0.95}
    parts = pd.DataFrame([{**row, "arm": "nothing moved", "quantity": "rate effect"}])
    ways = pd.DataFrame([{**row, "levels": 8, "spread": 3.0, "way": way} for way in ("integrated", "plugged_in")])

    held, says = script("decomposition").verdict(parts)
    assert (held, f"{100 * coverage:.1f} ± 1.0 % (rate effect, nothing moved)" in says) == (holds, True)
    held, says = script("empirical_bayes").verdict(ways)
    assert (held, f"integrated: lowest {100 * coverage:.1f} % (8 levels, 3 points apart)" in says) == (holds, True)


def test_only_the_integrated_way_is_judged() -> None:
    """The usual way may fail as it does: the statement is not about it."""
    row = {"monte_carlo": 0.01, "promised": 0.95, "levels": 8, "spread": 3.0}
    table = pd.DataFrame([{**row, "way": "integrated", "coverage": 0.95}, {**row, "way": "plugged_in", "coverage": 0.6}])
    held, says = script("empirical_bayes").verdict(table)

    assert held
    assert "plugged in: lowest 60.0 %" in says


def test_the_experiment_on_pooling_is_pure() -> None:
    """The same settings give the same table, pooled rates beat raw ones where levels are alike, and plugging in covers less."""
    module = script("empirical_bayes")
    settings = module.EmpiricalBayes(worlds=4, levels=(8,), spreads=(0.0, 3.0))
    one, two = module.simulate(settings), module.simulate(settings)

    pd.testing.assert_frame_equal(one, two)
    assert len(one) == 6
    assert (one["squared_error"] < one["raw_squared_error"]).all()
    coverage = one.groupby("way")["coverage"].mean()
    assert coverage["integrated"] > coverage["plugged_in"]


def test_the_truth_of_a_world_is_made_of_its_own_chances() -> None:
    """In the experiment's own worlds the true parts sum to the true change, which is near the observed one."""
    import numpy as np

    module = script("decomposition")
    settings = module.Decomposition(deals=200_000)
    for arm in (module.STILL, module.MOVED):
        _, cells, truth = module._cells(settings, arm, np.random.default_rng(1))
        sums = cells.groupby("created_year")[["won", "deals"]].sum()
        change = 100 * (sums["won"] / sums["deals"]).diff().iloc[-1]

        parts = truth["rate effect", "all"] + truth["mix effect", "all"]
        assert truth["change in win rate", "all"] == pytest.approx(parts)
        assert change == pytest.approx(parts, abs=1)
        assert (abs(parts) > 3) == (arm == module.MOVED)
