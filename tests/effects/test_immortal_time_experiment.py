"""The experiment on immortal time: its world, its table and its verdict."""

from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="module")
def immortal() -> SimpleNamespace:
    """The script, without conducting it."""
    return SimpleNamespace(**run_path(str(Path(__file__).parents[2] / "experiments" / "immortal_time.py")))


def test_calls_of_the_world_come_while_deals_are_open(immortal: SimpleNamespace) -> None:
    """A called deal was called after creation and before it closed, and a call now gains no more than a call at all."""
    settings = immortal.ImmortalTime()
    deals = immortal.made(settings, 5000, np.random.default_rng(0))
    called = deals["called"] == 1

    assert deals["called_at"].notna().equals(called)
    assert (deals["called_at"] < deals["closed"])[called].all()
    assert (deals["called_at"] >= deals["created"] + pd.Timedelta(days=immortal.FIRST_DAY))[called].all()
    assert deals["gain"].notna().equals(called)
    assert (deals.loc[deals["gain_now"] != deals["gain"], "gain_now"].dropna() == 0).all()
    assert 0.1 < called.mean() < 0.3


def test_a_small_run_has_a_row_for_each_answer(immortal: SimpleNamespace) -> None:
    """Each world is answered five ways, and a row covers just when the truth lies within its interval."""
    settings = immortal.ImmortalTime(worlds=2, deals=500, processes=1)
    table = pd.DataFrame(immortal._answered(settings, {"now": 8.0, "at all": 10.0}, range(2)))

    assert len(table) == 2 * 5
    assert np.isfinite(table[["truth", "estimate", "low", "high"]].to_numpy(float)).all()
    assert (table["covered"] == table["truth"].between(table["low"], table["high"])).all()


@pytest.mark.parametrize(("ours", "plain", "held"), [(95, 10, True), (99, 10, False), (90, 10, False), (95, 80, False)])
def test_the_verdict_can_turn_out_false(immortal: SimpleNamespace, ours: int, plain: int, held: bool) -> None:
    """It holds only when risk-set matching covers in 93 to 97 of 100 worlds and comparisons without time in fewer than half."""
    rows = [
        {"method": method, "truth": 0.0, "estimate": float(number % 3), "low": -1.0, "high": 1.0, "covered": number < covered}
        for method, covered in ((immortal.OURS, ours), ("difference", plain), ("matching", 5))
        for number in range(100)
    ]

    assert immortal.verdict(pd.DataFrame(rows))[0] is held
