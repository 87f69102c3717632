"""The experiment that holds designs to the power they promise."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    """Return the experiment's script as a module."""
    spec = importlib.util.spec_from_file_location("trial_power_experiment", ROOT / "experiments" / "trial_power.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_experiment_can_hold_and_break(script: ModuleType) -> None:
    """Few worlds agree with the formula; the verdict breaks where a design finds less than it promises, or more."""
    settings = script.TrialPower(worlds=400, reps=(12, 40), variations=(0.5,), weeks=4)
    rows = script.simulate(settings)

    assert script.verdict(rows)[0]
    for found in (0.7, 0.9):
        assert not script.verdict(rows.assign(found=rows["found"].where(rows["design"] != "adjusted", found), error=0.005))[0]
    pd.testing.assert_frame_equal(rows, script.simulate(settings))
