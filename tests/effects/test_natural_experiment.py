"""The experiment on natural experiments: its table and its verdict."""

from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import pandas as pd
import pytest


@pytest.fixture(scope="module")
def natural() -> SimpleNamespace:
    """The script, without conducting it."""
    return SimpleNamespace(**run_path(str(Path(__file__).parents[2] / "experiments" / "natural_experiments.py")))


def test_a_small_run_has_a_row_for_each_answer_and_check(natural: SimpleNamespace) -> None:
    """A world has five answers, two bands and four checks; its numbers do not depend on the worlds beside it."""
    settings = natural.NaturalExperiments(worlds=2, deals=1500, processes=1)
    table = pd.DataFrame(natural._answered(settings, range(2)))
    alone = pd.DataFrame(natural._answered(settings, range(1, 2)))

    assert table.groupby("world").size().tolist() == [11, 11]
    assert table.groupby("world")["kind"].value_counts().loc[(0, "check")] == 4
    pd.testing.assert_frame_equal(table[table["world"] == 1].reset_index(drop=True), alone)


@pytest.mark.parametrize(
    ("name", "good", "held"),
    [("instrument", 190, True), ("instrument", 200, False), ("instrument", 170, False), ("weak instrument", 200, True)],
)
def test_the_verdict_can_turn_out_false(natural: SimpleNamespace, name: str, good: int, held: bool) -> None:
    """It holds when about 95 % of worlds are good; more than that only where the instrument is weak."""
    rows = [
        {"kind": "answer", "name": name, "truth": 1.0, "estimate": 2.0, "low": 0.0, "high": 3.0, "good": number < good}
        for number in range(200)
    ]

    assert natural.verdict(pd.DataFrame(rows))[0] is held
