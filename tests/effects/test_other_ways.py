"""Ways to an effect that need no back-door set: instruments and the front door, by the graph."""

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whywin.effects.identification import identified
from whywin.effects.open_paths import drawn
from whywin.effects.other_ways import faulty_instrument, front_door, instruments_by_graph
from whywin.effects.question import Effect

HIDDEN = (("u", "t"), ("u", "y"), ("t", "y"))
FRONT = (("u", "t"), ("u", "y"), ("t", "m"), ("m", "y"))
PAIRS = [(a, b) for i, a in enumerate("abtmcyd") for b in "abtmcyd"[i + 1 :]]


def said(*edges: tuple[str, str], columns: str, known_after: tuple[str, ...] = ()) -> str:
    """What is said of the effect of t on y when these nodes are columns."""
    return identified(Effect("t", graph=edges, outcome="y", known_after=known_after), ("t", "y", *columns)).says


def test_an_instrument_is_named() -> None:
    """What moves the treatment alone is an instrument, and one that needs something adjusted for says what."""
    assert "; z could serve as an instrument; observe" in said(*HIDDEN, ("z", "t"), columns="z")
    given_w = said(*HIDDEN, ("z", "t"), ("w", "z"), ("w", "y"), columns="zw")
    assert "z could serve as an instrument, given w" in given_w
    assert "instrument" not in said(*HIDDEN, ("z", "t"), ("w", "z"), ("w", "y"), columns="z")


def test_what_moves_the_outcome_too_is_no_instrument() -> None:
    """A direct edge to the outcome, a shared hidden cause, and no relation to the treatment each spoil it, and the path is named."""
    asked = ("t", "y", "z", ())

    assert faulty_instrument(drawn((*HIDDEN, ("z", "t"))), *asked) == ""
    assert "z and y are related otherwise than through t (z → y)" in faulty_instrument(
        drawn((*HIDDEN, ("z", "t"), ("z", "y"))), *asked
    )
    assert "(z ← u → y)" in faulty_instrument(drawn((*HIDDEN, ("z", "t"), ("u", "z"))), *asked)
    assert faulty_instrument(drawn((*HIDDEN, ("z", "x"))), *asked) == "z has nothing to do with t"
    assert faulty_instrument(drawn(HIDDEN), *asked) == "z is no node of the graph"


def test_adjusting_for_what_the_treatment_moves_spoils_an_instrument() -> None:
    """Given a common effect of treatment and outcome's hidden cause the instrument is related to the outcome."""
    graph = drawn((*HIDDEN, ("z", "t"), ("t", "s"), ("u", "s")))

    assert faulty_instrument(graph, "t", "y", "z", ()) == ""
    assert faulty_instrument(drawn((*HIDDEN, ("z", "t"), ("z", "s"), ("u", "s"))), "t", "y", "z", ("s",)) != ""


def test_the_front_door_is_named() -> None:
    """What carries the whole effect and is itself not confounded identifies it, also when it is known only afterwards."""
    assert "; m would identify it by the front door; observe" in said(*FRONT, columns="m")
    assert "; m would identify it by the front door" in said(*FRONT, columns="m", known_after=("m",))
    both = said(("u", "t"), ("u", "y"), ("t", "m"), ("m", "y"), ("t", "n"), ("n", "y"), columns="mn")
    assert "m and n would identify it by the front door" in both


@pytest.mark.parametrize("spoilt", [("t", "y"), ("u", "m")])
def test_a_front_door_that_leaks_is_none(spoilt: tuple[str, str]) -> None:
    """An effect that goes past it, or a confounder of its own, spoils a front door."""
    assert "front door" not in said(*FRONT, spoilt, columns="m")


def test_another_way_is_named_beside_the_back_door_too() -> None:
    """An identified effect says what else would do, so that two ways can be held against each other."""
    says = said(("a", "t"), ("a", "y"), ("z", "t"), ("t", "y"), columns="az")

    assert says == "By the graph, adjusting for a closes every back-door path; z could serve as an instrument."


@given(edges=st.sets(st.sampled_from(PAIRS)), hidden=st.sets(st.sampled_from("abcmd")))
@settings(max_examples=150, deadline=None)
def test_they_agree_with_dowhy(edges: set, hidden: set) -> None:
    """On random graphs a front door exists just when DoWhy finds one, and each of DoWhy's instruments is one of ours."""
    from dowhy.causal_identifier.auto_identifier import identify_frontdoor
    from dowhy.graph import get_instruments

    graph = drawn({*edges, ("t", "m"), ("m", "y")})
    columns = set(graph) - hidden - {"t", "y"}
    ours, theirs = front_door(graph, "t", "y", columns), identify_frontdoor(graph, ["t"], ["y"], sorted(columns))
    instruments = set(get_instruments(graph, ["t"], ["y"])) & columns

    assert bool(ours) == bool(theirs)
    assert instruments <= set(instruments_by_graph(graph, "t", "y", columns))


@given(edges=st.sets(st.sampled_from(PAIRS)))
@settings(max_examples=100, deadline=None)
def test_an_instrument_keeps_its_definition(edges: set) -> None:
    """Given what stands beside it, an instrument is related to the treatment, and to the outcome only by way of it."""
    graph = drawn({*edges, ("t", "y")})

    for name, beside in instruments_by_graph(graph, "t", "y", set(graph)).items():
        cut = graph.copy()
        cut.remove_edges_from(list(graph.out_edges("t")))
        assert nx.is_d_separator(cut, {name}, {"y"}, set(beside))
        assert not nx.is_d_separator(graph, {name}, {"t"}, set(beside))
        assert faulty_instrument(graph, "t", "y", name, beside) == ""
