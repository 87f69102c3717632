"""The experiment on adjusting by rep: able to hold and to break, and what it simulates."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]
RIGHT = {"unadjusted": 0.05, "adjusted": 0.05, "adjusted_by_arm": 0.05, "by_deal": 0.15}
FOUND = {"unadjusted": 0.28, "adjusted": 0.51, "adjusted_by_arm": 0.5, "by_deal": 0.7}


@pytest.fixture(scope="module")
def experiment() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("adjustment", ROOT / "experiments" / "adjustment.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def table(null: dict[str, float], found: dict[str, float]) -> pd.DataFrame:
    """Return the experiment's table with these shares of rejections."""
    rows = [(reps, 0.0, method, share) for reps in (12, 20, 40) for method, share in null.items()]
    rows += [(20, 8.0, method, share) for method, share in found.items()]
    return pd.DataFrame(rows, columns=["reps", "effect", "method", "rejected"]).assign(error=0.003, worlds=4000)


@pytest.mark.parametrize(
    ("null", "found", "held"),
    [
        (RIGHT, FOUND, True),
        (RIGHT | {"adjusted": 0.09}, FOUND, False),
        (RIGHT | {"adjusted_by_arm": 0.02}, FOUND, False),
        (RIGHT | {"by_deal": 0.05}, FOUND, False),
        (RIGHT, FOUND | {"adjusted": 0.35}, False),
        (RIGHT, FOUND | {"unadjusted": 0.5}, False),
    ],
)
def test_the_verdict_can_turn_out_either_way(
    experiment: ModuleType, null: dict[str, float], found: dict[str, float], held: bool
) -> None:
    """It holds where every part of the statement does, and breaks with any of them."""
    assert experiment.verdict(table(null, found))[0] == held


def test_a_few_worlds_have_every_cell(experiment: ModuleType) -> None:
    """One row a number of reps, effect and method; the same seed gives the same table."""
    settings = experiment.Adjustment(worlds=30, reps=(8,), powered=(8,))
    first = experiment.simulate(settings)

    assert len(first) == 8
    assert first["rejected"].between(0, 1).all()
    pd.testing.assert_frame_equal(first, experiment.simulate(settings))


@pytest.mark.slow
def test_the_adjustment_is_as_good_as_published(experiment: ModuleType) -> None:
    """With the shipped settings every part of the statement holds, as in the published simulation of rep-level adjustment."""
    held, says = experiment.verdict(experiment.simulate(experiment.Adjustment()))

    assert held, says
