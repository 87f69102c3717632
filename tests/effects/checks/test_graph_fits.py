"""Whether the deals contradict the graph, and whether that matters for what is adjusted for."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from whywin.effects.checks.graph_fits import GraphFits
from whywin.effects.question import Effect
from whywin.evidence import Check

TRUE = (
    ("engagement", "called"),
    ("region", "called"),
    ("engagement", "won"),
    ("region", "won"),
    ("called", "won"),
)
BESIDE = (("amount", "won"), ("amount", "called"))


def checked(table: pd.DataFrame, graph: object, seed: int = 0, **changes: object) -> tuple[Check, ...]:
    """The check on a table, by its defaults but for what changes."""
    settings = {name: changes.pop(name) for name in ("permutations", "rows", "margin", "level") if name in changes}
    question = Effect("called", graph=graph, **changes)
    check = GraphFits(**settings)
    return check.check(question, (), check.need(question).sample(table), np.random.default_rng(seed))


def test_a_true_graph_passes(made: Callable) -> None:
    """What the deals were made by is not contradicted, and the number of tests is said."""
    first = checked(made(2_000), (*TRUE, *BESIDE))[0]

    assert (first.name, first.passed, first.severity) == ("graph_fits", True, "serious")
    assert "None of the 3 independences that the graph implies is contradicted" in first.says


def test_a_true_graph_seldom_fails(made: Callable) -> None:
    """Over 150 tables of deals a true graph fails about as often as the level says."""
    failed = [
        not checked(made(400, seed), (*TRUE, *BESIDE), level=0.05, margin=0.0, permutations=0)[0].passed for seed in range(150)
    ]

    assert np.mean(failed) < 0.10


def test_a_confounder_without_its_edge_is_found_and_matters(made: Callable) -> None:
    """With the edge from engagement to won left out, the adjustment set lacks it, which is what makes it serious."""
    graph = (*(edge for edge in TRUE if edge != ("engagement", "won")), *BESIDE)
    first = checked(made(3_000), graph)[0]

    assert (first.passed, first.severity, first.value) == (False, "serious", 1.0)
    assert "it says that engagement and won given amount, called, region are unrelated, and they are related" in first.says
    assert first.says.endswith("the missing edge could leave a path open.")


def test_what_cannot_open_a_path_is_a_note(made: Callable) -> None:
    """Two confounders that are related though the graph denies it are adjusted for both: no path opens."""
    table = made(3_000)
    table["amount"] = np.exp(table["engagement"] + np.random.default_rng(1).normal(size=3_000))
    first = checked(table, (*TRUE, *BESIDE))[0]

    assert (first.passed, first.severity) == (False, "note")
    assert "amount and engagement are unrelated, and they are related" in first.says
    assert "would still close every path" in first.says


def test_a_small_correlation_is_overlooked(made: Callable) -> None:
    """In many deals anything is significant: what is smaller than the margin does not contradict the graph."""
    table = made(20_000)
    table["amount"] = np.exp(0.04 * table["engagement"] + np.random.default_rng(1).normal(size=20_000))

    every = {"permutations": 0, "rows": 20_000}
    assert checked(table, (*TRUE, *BESIDE), **every)[0].passed
    assert not checked(table, (*TRUE, *BESIDE), **every, margin=0.0)[0].passed


def test_an_unobserved_node_is_never_tested_or_given(made: Callable) -> None:
    """What the text calls latent, or what is no column, stands in no test; a pair that it relates is none that is implied."""
    text = "dag { hidden -> engagement; hidden -> amount; engagement -> {called won}; amount -> won; called -> won; region [latent] region -> won }"
    says = checked(made(1_000), text)[0].says

    assert "hidden" not in says
    assert "region" not in says
    assert "None of the 1 independences" in says


def test_random_graphs_are_the_yardstick(made: Callable) -> None:
    """The true graph fits better than all of those with names dealt out at random; one with names dealt out wrongly does not."""
    table = made(3_000)
    right = checked(table, (*TRUE, ("amount", "won")))[1]
    places = {"engagement": "amount", "amount": "engagement"}
    wrong = checked(table, tuple((places.get(a, a), places.get(b, b)) for a, b in (*TRUE, ("amount", "won"))))[1]

    assert (right.name, right.passed, right.severity) == ("graph_at_random", True, "note")
    assert right.says.startswith(
        f"Of 20 graphs with the columns dealt out at random, {20 * right.value:.0f} fit the deals as well"
    )
    assert (right.value <= 0.05, wrong.passed) == (True, False)


def test_a_large_graph_is_not_compared_for_ever(made: Callable) -> None:
    """With forty columns there are hundreds of independences: they are tested, and random graphs are left out."""
    rng = np.random.default_rng(99)
    table = made(500).assign(**{f"c{number}": rng.normal(size=500) for number in range(40)})
    found = checked(table, (*TRUE, *((f"c{number}", "won") for number in range(40))))

    assert [check.name for check in found] == ["graph_fits"]
    assert found[0].passed


def test_a_large_table_is_drawn_from(made: Callable) -> None:
    """More deals than needed are drawn at random by the run's own stream, and that is said."""
    table, graph = made(3_000), (*TRUE, *BESIDE)
    drawn = checked(table, graph, rows=500)

    assert "(in 500 deals drawn at random)" in drawn[0].says
    assert drawn == checked(table, graph, rows=500)
    assert "drawn at random" not in checked(table, graph)[0].says


def test_without_a_graph_there_is_nothing_to_say(made: Callable, about: Callable) -> None:
    """A list of confounders implies nothing that could be tested."""
    check = GraphFits()

    assert check.check(about(), (), check.need(about()).sample(made(300)), np.random.default_rng(0)) == ()


def test_a_graph_that_implies_nothing_says_so(made: Callable) -> None:
    """With every pair joined nothing can be contradicted."""
    graph = (("engagement", "called"), ("engagement", "won"), ("called", "won"))

    assert "implies nothing about the columns" in checked(made(300), graph)[0].says


@pytest.mark.parametrize("odd", ["gaps", "rare", "constant", "dates"])
def test_odd_columns_do_not_break_it(made: Callable, odd: str) -> None:
    """Gaps, labels that hardly occur, one value only and dates are all held against the graph, or left out."""
    table = made(600)
    if odd == "gaps":
        table.loc[::3, "region"], table.loc[::4, "engagement"] = None, np.nan
    if odd == "rare":
        table["region"] = [f"place {number % 40}" for number in range(600)]
    if odd == "constant":
        table["amount"] = 5.0
    graph = (*TRUE, *BESIDE, ("created", "won")) if odd == "dates" else (*TRUE, *BESIDE)

    for check in checked(table, graph):
        assert check.says.endswith(".")
        assert np.isfinite(check.value)


def test_the_landmark_and_what_is_known_after_are_held_against_it_too(made: Callable) -> None:
    """A mediator that the graph places wrongly is found, although it is never adjusted for."""
    table = made(2_000)
    table["meetings"] = table["called"] + np.random.default_rng(2).normal(size=2_000)
    right = (*TRUE, ("called", "meetings"))
    wrong = (*TRUE, ("engagement", "meetings"))
    asked = {"known_after": ("meetings",), "landmark_days": 5, "permutations": 0}

    assert checked(table, right, **asked)[0].passed
    assert "called and meetings" in checked(table, wrong, **asked)[0].says


def test_settings_can_be_replaced() -> None:
    """The check is a value like any other."""
    assert replace(GraphFits(), rows=500).rows == 500
