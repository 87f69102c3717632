"""The experiment on sales metrics and drivers: the same numbers each time, and able to fail."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def experiment() -> ModuleType:
    """The script as a module."""
    spec = importlib.util.spec_from_file_location("metrics_experiment", ROOT / "experiments" / "metrics.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(ours: float, resampled: float) -> pd.DataFrame:
    """A table of 2,000 worlds in which an interval, and the one to be beaten, covered so often."""
    names = {"win rate, all": ours, "win rate, all, reps resampled": resampled}
    return pd.DataFrame(
        [{"reps": 8, "interval": name, "covered": share, "error": 0.005, "width": 1.0, "worlds": 2000} for name, share in names.items()]
    )  # fmt: skip


def test_the_verdict_needs_both_halves(experiment: ModuleType) -> None:
    """An interval that covers in 92 of 100 worlds breaks the statement, and so does a resampled one that covers."""
    held, says = experiment.verdict(rows(0.95, 0.87))

    assert held
    assert "8 reps: 95.0 to 95.0 %" in says
    assert "covered in 87.0 %" in says
    assert not experiment.verdict(rows(0.92, 0.87))[0]
    assert not experiment.verdict(rows(0.95, 0.95))[0]


def test_every_metric_and_effect_is_tried_with_and_without_reps(experiment: ModuleType) -> None:
    """Each quantity of both methods has its row, with reps and without, and the same settings give the same table."""
    settings = experiment.Metrics(worlds=20, reps=(8, 0), population=1000, resamples=100)
    table = experiment.simulate(settings)

    pd.testing.assert_frame_equal(table, experiment.simulate(settings))
    assert set(table["reps"]) == {8, 0}
    said = " ".join(table["interval"])
    for name in (
        "segment impact",
        "revenue at risk",
        "cycle gap",
        "pipeline velocity",
        "stage momentum",
        "conversion",
        "late-stage",
    ):
        assert name in said
    assert said.count("effect of") == 10
