"""The experiment on noise: pure, independent of the number of processes, and able to fail."""

import importlib.util
import os
from pathlib import Path
from types import ModuleType

import pandas as pd
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def noise() -> ModuleType:
    """The script as a module, findable by the processes that it starts."""
    spec = importlib.util.spec_from_file_location("noise", ROOT / "experiments" / "noise.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(quiet: int, worlds: int) -> pd.DataFrame:
    """A table in which so many of the worlds without differences stayed quiet."""
    null = {"arm": "no differences", "segments": 40, "rightly": 0, "large": 0, "large_named": 0}
    real = {"arm": "differences", "segments": 40, "named": 10, "rightly": 9, "large": 12, "large_named": 8}
    return pd.DataFrame([{**null, "named": int(number >= quiet)} for number in range(worlds)] + [real])


def test_the_verdict_holds_at_95_of_100_and_breaks_at_94(noise: ModuleType) -> None:
    """The statement is about the count, and the sentence has the counts and their Monte Carlo errors."""
    held, says = noise.verdict(rows(95, 100))

    assert held
    assert "Quiet in 95 of 100 worlds" in says
    assert "named 10 segments, 10.0 ± 9.5 % of them wrongly" in says
    assert "found 8 of the 12 large differences (66.7 ± 13.6 %)" in says
    assert not noise.verdict(rows(94, 100))[0]


@pytest.mark.slow
def test_worlds_are_answered_alike_by_one_process_or_two(noise: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows depend on the settings alone; one arm is quiet and the other, with differences twice the usual, is not."""
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(ROOT / "experiments"), os.environ.get("PYTHONPATH", "")]))
    small = {"worlds": 2, "deals": 1500, "segment_sd": 0.6, "draws": 200, "tune": 200}
    one, two = (noise.simulate(noise.Noise(**small, processes=count)) for count in (1, 2))

    pd.testing.assert_frame_equal(one, two)
    assert one["arm"].tolist() == ["no differences"] * 2 + ["differences"] * 2
    assert one.loc[one["arm"] == "no differences", "named"].sum() == 0
    assert one.loc[one["arm"] == "differences", "rightly"].sum() >= 4
