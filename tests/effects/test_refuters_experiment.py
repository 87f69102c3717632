"""The experiment on the checks that refute, in small: it runs, is the same by any number of processes, and can fail."""

from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import pandas as pd
import pytest


@pytest.fixture(scope="module")
def refuters() -> SimpleNamespace:
    """The script, without conducting it."""
    return SimpleNamespace(**run_path(str(Path(__file__).parents[2] / "experiments" / "refuters.py")))


@pytest.fixture(scope="module")
def small(refuters: SimpleNamespace) -> pd.DataFrame:
    """Two right worlds of each kind and two wrong ones of each."""
    return refuters.simulate(refuters.Refuters(worlds=4, wrong_worlds=2, deals=400, processes=1))


def test_every_world_is_judged(refuters: SimpleNamespace, small: pd.DataFrame) -> None:
    """Right worlds are judged by every check and both methods; wrong ones by those that are made for them."""
    right = small[small["kind"].isin(refuters.RIGHT)]

    assert set(right["method"]) == {"weighting", "matching"}
    assert len(right) == 4 * 2 * 7
    assert {kind: tuple(sorted(set(part["check"]))) for kind, part in small.groupby("kind") if kind in refuters.WRONG} == {
        kind: tuple(sorted(checks)) for kind, checks in refuters.WRONG.items()
    }


def test_the_verdict_can_fall_both_ways(refuters: SimpleNamespace, small: pd.DataFrame) -> None:
    """It holds where right answers pass and wrong ones fail; false alarms in all worlds, or nothing caught, break it."""
    wrong = ~small["kind"].isin(refuters.RIGHT)
    good = small.assign(failed=wrong)

    assert refuters.verdict(good)[0]
    assert not refuters.verdict(small.assign(failed=True))[0]
    assert not refuters.verdict(small.assign(failed=False))[0]
    assert "dummy_outcome finds a bend in 100 %" in refuters.verdict(good)[1]
