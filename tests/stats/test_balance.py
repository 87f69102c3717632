"""Balance of two groups: MatchIt's printed table, weights, and ranges."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from whywin.stats.balance import balance, effective, outside
from whywin.stats.propensity import propensity


def test_matchit_prints_these_numbers(shared: Path) -> None:
    """The balance of LaLonde's data before matching, as MatchIt and cobalt print it."""
    cases = json.loads((shared / "known_answers" / "effects.json").read_text())["cases"]
    known = next(case for case in cases if case["id"] == "matchit_balance_unmatched")["expected"]
    table = pd.read_csv(shared / "data/benchmarks/lalonde/MatchIt_lalonde.csv")
    for name in ("black", "hispan", "white"):
        table[name] = (table["race"] == name).astype(float)
    names = ["age", "educ", "black", "hispan", "white", "married", "nodegree", "re74", "re75"]
    treated = table["treat"].to_numpy() == 1
    score = propensity(table[["age", "educ", "black", "hispan", "married", "nodegree", "re74", "re75"]].to_numpy(float), treated)
    matrix = np.column_stack([table[names].to_numpy(float), score.chance])

    found = balance(matrix, treated, np.ones(len(table)), everyone=False)

    at = {name: place for place, name in enumerate([*names, "distance"])}
    gap = found.treated - found.controls
    for key, value in known.items():
        kind, _, name = key.rpartition("_")
        got = {
            "smd": found.difference,
            "diff": gap,
            "vr": found.ratio,
            "ecdf_max": found.distance,
            "ecdf_mean": found.average,
        }.get(kind)
        assert got is not None, key
        assert got[at[name]] == pytest.approx(value, abs=1e-4), key


def test_weights_count_as_copies() -> None:
    """A unit of weight two is two units: means and distances agree with the table written out."""
    rng = np.random.default_rng(0)
    matrix, treated = rng.normal(size=(60, 2)), np.arange(60) % 3 == 0
    weight = rng.integers(0, 4, size=60).astype(float)
    weight[:6] = 1.0
    rows = np.repeat(np.arange(60), weight.astype(int))

    weighted = balance(matrix, treated, weight, everyone=True)
    copied = balance(matrix[rows], treated[rows], np.ones(len(rows)), everyone=True)

    assert weighted.treated == pytest.approx(copied.treated)
    assert weighted.controls == pytest.approx(copied.controls)
    assert weighted.distance == pytest.approx(copied.distance)


def test_the_same_in_both_groups_is_balanced() -> None:
    """Equal groups differ by nothing; a column that is constant in both has ratio one."""
    column = np.array([1.0, 2.0, 3.0, 1.0, 2.0, 3.0])
    treated = np.arange(6) < 3

    found = balance(np.column_stack([column, np.ones(6)]), treated, np.ones(6), everyone=False)

    assert found.difference.tolist() == [0.0, 0.0]
    assert found.ratio.tolist() == [1.0, 1.0]
    assert found.distance == pytest.approx([0.0, 0.0])


def test_effective_size_and_range() -> None:
    """Equal weights are worth their number, one weight is worth one; units beyond the other group's range are counted."""
    assert effective(np.full(8, 0.3)) == pytest.approx(8.0)
    assert effective(np.array([5.0, 0.0])) == pytest.approx(1.0)
    assert effective(np.zeros(3)) == 0.0
    places = np.array([0.0, 1.0, 2.0, 3.0])
    treated = np.array([False, True, False, True])
    assert outside(places, treated, everyone=False) == 0.5
    assert outside(places, treated, everyone=True) == 0.5
