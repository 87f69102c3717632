"""The experiment on ripening cohorts: able to hold and to break, and independent of the number of processes."""

import importlib.util
import os
from pathlib import Path
from types import ModuleType

import numpy as np
import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def experiment() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("maturity", ROOT / "experiments" / "maturity.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_experiment_holds_and_breaks(experiment: ModuleType) -> None:
    """Evenly spread places hold; places at the ends, which narrow intervals give, break it."""
    even = pd.DataFrame({"world": range(200), "place": (np.arange(200) + 0.5) / 200, "age": 30, "low": 40.0, "high": 50.0})
    even["closed_covers"] = False
    held, says = experiment.verdict(even)

    assert held
    assert "95.0 ± 1.5 % for 95 %" in says
    assert not experiment.verdict(even.assign(place=np.where(even["place"] < 0.5, 0.01, 0.9)))[0]


def test_the_experiment_judges_the_latest_cohort_on_three_days(experiment: ModuleType) -> None:
    """One row a world and day, of the sixth quarter, whose deals have all closed by the time they are judged."""
    table = experiment.simulate(experiment.Maturity(worlds=2, deals=1200, draws=200, tune=200, processes=1))

    assert table["age"].tolist() == [30, 60, 90] * 2
    assert table["world"].tolist() == [0] * 3 + [1] * 3
    assert table["deals"].between(40, 260).all()
    assert np.isfinite(table[["forecast", "low", "high", "ended"]]).all(axis=None)


@pytest.mark.slow
def test_the_experiment_does_not_depend_on_the_number_of_processes(
    experiment: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows depend on the settings alone, and on forty worlds the forecasts are as honest as on the shipped two hundred."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "experiments"), os.environ.get("PYTHONPATH", "")]))
    settings = {"worlds": 40, "deals": 2400, "seed": 9}
    one, two = (experiment.simulate(experiment.Maturity(**settings, processes=count)) for count in (1, 2))

    pd.testing.assert_frame_equal(one, two)
    assert experiment.verdict(one)[0], experiment.verdict(one)[1]
