"""Published answers to questions of identification: Simpson's kidney stones and Pearl's front door."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from whywin.effects.identification import identified
from whywin.effects.methods.difference import Difference
from whywin.effects.methods.weighting import Weighting
from whywin.effects.question import Effect
from whywin.stats.front_door import front_door

STONES = {("A", "small"): (81, 87), ("A", "large"): (192, 263), ("B", "small"): (234, 270), ("B", "large"): (55, 80)}
SMOKING = (("gene", "smoking"), ("gene", "cancer"), ("smoking", "tar"), ("tar", "cancer"))


@pytest.fixture
def case(shared: Path) -> Any:
    """One known answer by its name."""
    cases = json.loads((shared / "known_answers/effects.json").read_text(encoding="utf-8"))["cases"]
    return lambda name: next(one for one in cases if one["id"] == name)


def stones() -> pd.DataFrame:
    """The patients of Charig and others (1986), one row each: treatment A or B, size of the stone, and whether it was a success."""
    rows = [
        {"open_surgery": int(treatment == "A"), "size": size, "success": success}
        for (treatment, size), (won, count) in STONES.items()
        for success, times in ((1.0, won), (0.0, count - won))
        for _ in range(times)
    ]
    return pd.DataFrame(rows).assign(won=1.0)


def question(**changes: Any) -> Effect:
    """Does open surgery work better, when the size of the stone moves both?"""
    edges = (("size", "open_surgery"), ("size", "success"), ("open_surgery", "success"))
    return Effect(**{"treatment": "open_surgery", "outcome": "success", "graph": edges, "estimand": "all", **changes})


def test_simpsons_paradox_is_resolved_by_the_graph(case: Any) -> None:
    """The plain difference has the wrong sign; adjusted for the size that the graph names, it is the published one."""
    known = case("kidney_stones_simpson")
    table, rng = stones(), np.random.default_rng(0)
    crude, adjusted = (
        method.answer(question(), method.need(question()).sample(table), rng).estimates[0].value / 100
        for method in (Difference(), Weighting())
    )

    assert identified(question(), tuple(table.columns)).adjusted == ("size",)
    assert crude == pytest.approx(known["expected"]["crude_rd"], abs=known["tolerance"]["*"])
    assert adjusted == pytest.approx(known["expected"]["adj_rd"], abs=known["tolerance"]["*"])


def test_each_treatments_rate_is_the_published_one(case: Any) -> None:
    """Standardised over the size, open surgery and its rival have the rates of the paper."""
    known, table = case("kidney_stones_simpson"), stones()
    shares = table["size"].value_counts(normalize=True)
    rates = table.groupby(["open_surgery", "size"])["success"].mean()

    for arm, name in ((1, "standardised_A"), (0, "standardised_B")):
        assert float((rates[arm] * shares).sum()) == pytest.approx(known["expected"][name], abs=known["tolerance"]["*"])


def test_the_front_door_opens_where_the_back_door_is_shut(case: Any) -> None:
    """With the gene unobserved smoking's effect is not told by adjustment; tar identifies it, and gives Pearl's two rates."""
    known = case("pearl_frontdoor")
    found = identified(Effect("smoking", graph=SMOKING, outcome="cancer", known_after=("tar",)), ("smoking", "cancer", "tar"))
    mediator = np.array([[0.95, 0.05], [0.05, 0.95]])  # no tar and tar, for non-smokers and for smokers
    outcome = np.array([[0.10, 0.05], [0.90, 0.85]])  # non-smokers and smokers, without and with tar

    assert not found.holds
    assert "smoking ← gene → cancer stays open" in found.says
    assert "tar would identify it by the front door" in found.says
    for given, name in ((1, "p_do1"), (0, "p_do0")):
        mean = front_door(np.array([0.5, 0.5]), mediator, outcome)[given]
        assert mean == pytest.approx(known["expected"][name], abs=known["tolerance"]["*"])


def test_the_front_door_is_the_truth_of_the_graph() -> None:
    """In a world whose hidden cause is known the front door gives what setting the treatment would give, for any number of levels."""
    rng = np.random.default_rng(0)
    hidden, treatments, mediators = 3, 2, 4
    causes = rng.dirichlet(np.ones(hidden))
    treated = rng.dirichlet(np.ones(treatments), size=hidden)
    carried = rng.dirichlet(np.ones(mediators), size=treatments)
    rate = rng.uniform(size=(hidden, mediators))
    truth = carried @ (causes @ rate)
    joint = causes[:, None] * treated
    seen = (joint.T @ rate) / joint.sum(axis=0)[:, None]

    assert front_door(joint.sum(axis=0), carried, seen) == pytest.approx(truth, abs=1e-12)
