"""The experiment on coverage: its worlds, its table and its verdict."""

from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="module")
def coverage() -> SimpleNamespace:
    """The script, without conducting it."""
    return SimpleNamespace(**run_path(str(Path(__file__).parents[2] / "experiments" / "effect_coverage.py")))


@pytest.mark.parametrize(
    ("kind", "treated", "everyone"), [("straight", 9.97, 8.36), ("curved", 7.53, 11.10), ("few untreated", 9.95, 9.92)]
)
def test_the_truths_are_those_of_the_known_worlds(coverage: SimpleNamespace, kind: str, treated: float, everyone: float) -> None:
    """The population effects are those computed elsewhere for the same worlds."""
    truth = coverage.true_effects(coverage.EffectCoverage(), kind)

    assert truth == pytest.approx({"treated": treated, "all": everyone}, abs=0.06)


def test_a_small_run_of_coverage_has_a_row_for_each_answer(coverage: SimpleNamespace) -> None:
    """One world of each kind with two estimands and four methods, of which the check doubts only those of a straight line."""
    settings = coverage.EffectCoverage(deals=400, processes=1)
    truths = {kind: {"treated": 10.0, "all": 8.0} for kind in coverage.KINDS}
    table = pd.DataFrame(coverage._answered(settings, truths, [(kind, 0) for kind in coverage.KINDS]))

    assert len(table) == 3 * 2 * 4
    assert np.isfinite(table[["truth", "estimate", "low", "high"]].to_numpy(float)).all()
    assert (table["covered"] == table["truth"].between(table["low"], table["high"])).all()
    assert table.loc[~table["method"].isin(coverage.LINEAR), "trusted"].all()


@pytest.mark.parametrize(
    ("kind", "method", "covered", "trusted", "held"),
    [
        ("straight", "weighting", 95, 100, True),
        ("straight", "weighting", 90, 100, False),
        ("straight", "weighting", 95, 90, False),
        ("straight", "double ml", 99, 100, False),
        ("curved", "doubly robust", 95, 100, True),
        ("curved", "doubly robust", 50, 100, False),
        ("curved", "weighting", 10, 0, True),
        ("curved", "weighting", 10, 50, False),
        ("few untreated", "doubly robust", 90, 100, False),
    ],
)
def test_the_verdict_on_coverage_can_turn_out_false(
    coverage: SimpleNamespace, kind: str, method: str, covered: int, trusted: int, held: bool
) -> None:
    """It breaks when a method that should cover does not, or the check speaks where it should not or is silent where it should."""
    row = {"kind": kind, "estimand": "all", "method": method, "truth": 0.0, "low": -1.0, "high": 1.0}
    rows = [
        {**row, "estimate": float(number % 3), "covered": number % 100 < covered, "trusted": number % 100 < trusted}
        for number in range(600)
    ]

    assert coverage.verdict(pd.DataFrame(rows))[0] is held


@pytest.mark.parametrize(("covered", "held"), [(139, True), (134, False)])
def test_fewer_worlds_leave_more_to_chance(coverage: SimpleNamespace, covered: int, held: bool) -> None:
    """Of 150 worlds 92.7 % are within chance of 93 %, and 89.3 % are not."""
    row = {"kind": "straight", "estimand": "all", "method": "double ml", "truth": 0.0, "low": -1.0, "high": 1.0, "trusted": True}
    rows = [{**row, "estimate": float(number % 3), "covered": number < covered} for number in range(150)]

    assert coverage.verdict(pd.DataFrame(rows))[0] is held
