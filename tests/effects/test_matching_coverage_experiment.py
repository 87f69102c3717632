"""The experiment on how well the intervals of matching cover: a row for each way, and a verdict that can turn out false."""

from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="module")
def coverage() -> SimpleNamespace:
    """The script, without conducting it."""
    return SimpleNamespace(**run_path(str(Path(__file__).parents[2] / "experiments" / "matching_coverage.py")))


def test_a_world_is_answered_in_every_way(coverage: SimpleNamespace) -> None:
    """One small world has one finite interval for each way of matching, and the population's effects are ordered as its liking is."""
    settings = coverage.MatchingCoverage(deals=500, processes=1)
    table = pd.DataFrame(coverage._answered(settings, {"treated": 13.0, "all": 10.0, "overlap": 12.0}, range(1)))
    truth = coverage.true_effects(settings)

    assert table["way"].tolist() == list(coverage.ways())
    assert (table["low"] < table["high"]).all()
    assert np.isfinite(table[["estimate", "low", "high"]].to_numpy(float)).all()
    assert truth["all"] < truth["overlap"] < truth["treated"]


@pytest.mark.parametrize(
    ("way", "covered", "held"),
    [("exact", 95, True), ("exact", 92, False), ("exact", 99, False), ("pairs", 99, True), ("pairs", 92, False)],
)
def test_the_verdict_can_turn_out_false(coverage: SimpleNamespace, way: str, covered: int, held: bool) -> None:
    """Too narrow breaks it for every way, too wide for all but those that are known to err so."""
    row = {"way": way, "truth": 0.0, "low": -1.0, "high": 1.0}
    rows = [{**row, "estimate": float(number % 3), "covered": number < covered} for number in range(100)]

    assert coverage.verdict(pd.DataFrame(rows))[0] is held
