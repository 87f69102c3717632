"""The experiment on confounding: its world, its table and its verdict."""

from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="module")
def confounding() -> SimpleNamespace:
    """The script, without conducting it."""
    return SimpleNamespace(**run_path(str(Path(__file__).parents[2] / "experiments" / "confounding.py")))


def test_the_truth_is_that_of_the_known_world(confounding: SimpleNamespace) -> None:
    """The population effects are those computed elsewhere for the same world: .0997 for the treated and .0836 for all."""
    truth = confounding.true_effects(confounding.Confounding())

    assert truth == pytest.approx({"treated": 9.969, "all": 8.363}, abs=0.04)


def test_a_small_run_has_a_row_for_each_answer(confounding: SimpleNamespace) -> None:
    """Two worlds with two estimands and three methods, and one market with two; the table does not depend on processes."""
    settings = confounding.Confounding(worlds=2, deals=300, markets=1, market_deals=1000, processes=1)
    truth = {"treated": 10.0, "all": 8.0}
    jobs = [("managers choose", 0), ("managers choose", 1), ("lost deals die young", 0)]
    table = pd.DataFrame(confounding._answered(settings, truth, jobs))

    assert len(table) == 2 * 2 * 3 + 2
    assert np.isfinite(table[["truth", "estimate", "low", "high"]].to_numpy(float)).all()
    assert (table["covered"] == table["truth"].between(table["low"], table["high"])).all()


@pytest.mark.parametrize(("matching", "difference", "held"), [(95, 10, True), (99, 10, False), (90, 10, False), (95, 80, False)])
def test_the_verdict_can_turn_out_false(confounding: SimpleNamespace, matching: int, difference: int, held: bool) -> None:
    """It holds only when matching covers in 93 to 97 of 100 worlds and the plain difference in fewer than half."""
    rows = [
        {
            "kind": "managers choose",
            "estimand": "treated",
            "method": method,
            "truth": 0.0,
            "estimate": float(number % 3),
            "low": -1.0,
            "high": 1.0,
            "covered": number < covered,
        }
        for method, covered in (("matching", matching), ("difference", difference))
        for number in range(100)
    ]

    assert confounding.verdict(pd.DataFrame(rows))[0] is held
