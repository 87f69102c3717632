"""The experiment on effects that differ: its worlds, its table and its verdict."""

from pathlib import Path
from runpy import run_path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="module")
def script() -> SimpleNamespace:
    """The script, without conducting it."""
    return SimpleNamespace(**run_path(str(Path(__file__).parents[2] / "experiments" / "effect_heterogeneity.py")))


def test_the_worlds_are_what_they_say(script: SimpleNamespace) -> None:
    """Effects are alike in one, nothing with a champion and twenty points without in the other."""
    alike, differing = (script.true_effects(script.EffectHeterogeneity(), kind) for kind in script.KINDS)

    assert list(alike.values()) == pytest.approx([12.0] * 7)
    assert (differing["champion=0"], differing["champion=1"]) == (pytest.approx(20.0), 0.0)
    assert alike.keys() == differing.keys()


def test_a_small_run_of_heterogeneity_has_its_rows(script: SimpleNamespace) -> None:
    """One world of each kind: effects and segments by the forest, the mean effect and, without differences, the gain by the policy."""
    settings = script.EffectHeterogeneity(worlds=2, posteriors=0, deals=600, processes=1)
    truths = {kind: script.true_effects(settings, kind) for kind in script.KINDS}
    table = pd.DataFrame(script._answered(settings, truths, [(kind, 0) for kind in script.KINDS]))
    sizes = table.groupby(["kind", "method"]).size()

    assert (sizes["alike", "forest"], sizes["differing", "forest"]) == (7, 7)
    assert (sizes["alike", "policy"], sizes["differing", "policy"]) == (2, 1)
    assert np.isfinite(table[["truth", "estimate", "low", "high"]].to_numpy(float)).all()


@pytest.mark.parametrize(
    ("kind", "method", "covered", "claimed", "held"),
    [
        ("alike", "forest", 95, 5, True),
        ("alike", "forest", 80, 5, False),
        ("alike", "forest", 95, 20, False),
        ("differing", "forest", 95, 90, True),
        ("differing", "forest", 95, 50, False),
        ("alike", "hierarchical", 95, 0, True),
        ("differing", "hierarchical", 80, 0, False),
    ],
)
def test_the_verdict_on_heterogeneity_can_turn_out_false(
    script: SimpleNamespace, kind: str, method: str, covered: int, claimed: int, held: bool
) -> None:
    """Too little coverage, false alarms, or differences that are missed break the statement."""
    number = np.arange(100)
    table = pd.DataFrame({"kind": kind, "world": number, "method": method, "quantity": "effect on the treated", "segment": "all"})
    table = table.assign(truth=12.0, estimate=12.0, low=7.0, high=17.0, covered=number < covered, claimed=number < claimed)

    assert script.verdict(table)[0] is held
