"""What to adjust for: textbook graphs, and the path that stays open."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whywin.effects.identification import identified
from whywin.effects.question import Effect

CALL = ("t", "y")


def asked(*edges: tuple[str, str], columns: str, known_after: tuple[str, ...] = ()) -> tuple[bool, tuple[str, ...], str]:
    """Whether the effect is identified, what is adjusted for, and what is said, given which nodes are columns."""
    found = identified(Effect("t", graph=edges, outcome="y", known_after=known_after), ("t", "y", *columns))
    return found.holds, found.adjusted, found.says


@pytest.mark.parametrize(
    ("edges", "columns", "adjusted"),
    [
        ([("a", "t"), ("a", "y"), CALL], "a", "a"),
        ([CALL], "", ""),
        (
            [("a", "t"), ("a", "y"), ("b", "y"), ("z", "t"), CALL],
            "abz",
            "ab",
        ),  # a cause of y alone sharpens, one of t alone does not
        ([("u", "c"), ("c", "t"), ("u", "y"), CALL], "c", "c"),  # the front of the path when its back is unobserved
        ([("u", "c"), ("c", "t"), ("u", "d"), ("d", "y"), CALL], "cd", "d"),
        ([("u", "t"), ("u", "m"), ("v", "m"), ("v", "y"), CALL], "m", ""),  # the M: adjusting for the collider would open it
        ([("u", "t"), ("u", "m"), ("v", "m"), ("v", "y"), CALL, ("m", "y"), ("m", "t")], "muv", "mv"),
        ([("a", "t"), ("a", "y"), ("t", "m"), ("m", "y")], "am", "a"),  # never the mediator
        ([("a", "t"), ("a", "y"), CALL, ("t", "s"), ("y", "s")], "as", "a"),  # never what both move
        ([("a", "t"), ("a", "m"), ("m", "y"), ("t", "m"), ("b", "m")], "amb", "ab"),
    ],
)
def test_textbook_graphs_give_their_set(edges: list, columns: str, adjusted: str) -> None:
    """The set closes every back-door path, leaves out instruments, mediators and colliders, and keeps what makes it precise."""
    assert asked(*edges, columns=columns)[:2] == (True, tuple(adjusted))


def test_the_open_path_is_named() -> None:
    """An unobserved common cause leaves a path open, which is said with its arrows."""
    holds, adjusted, says = asked(("u", "t"), ("u", "y"), CALL, ("a", "t"), ("a", "y"), columns="a")

    assert (holds, adjusted) == (False, ("a",))
    assert "t ← u → y stays open, even when adjusting for a" in says


def test_an_instrument_is_offered() -> None:
    """What moves only the treatment is named as a way out."""
    assert "z could serve as an instrument" in asked(("u", "t"), ("u", "y"), CALL, ("z", "t"), columns="z")[2]


def test_a_closed_collider_is_not_named() -> None:
    """The shorter path through something that both its neighbours move is closed by itself; the longer open one is named."""
    shorter = [("a", "t"), ("a", "c"), ("b", "c"), ("b", "y")]
    longer = [("u", "t"), ("u", "v"), ("v", "w"), ("w", "x"), ("x", "y")]

    says = asked(*shorter, *longer, CALL, columns="")[2]

    assert "t ← u → v → w → x → y stays open, and no observed column can close it" in says


def test_a_path_that_is_closed_by_what_is_adjusted_for_is_not_named() -> None:
    """An observed common cause is adjusted for, so that the path over it is not the one to worry about."""
    says = asked(("a", "t"), ("a", "y"), ("u", "t"), ("u", "v"), ("v", "y"), CALL, columns="a")[2]

    assert "t ← u → v → y stays open, even when adjusting for a" in says


def test_what_is_known_after_is_not_adjusted_for() -> None:
    """A column known only after the treatment cannot close a path."""
    edges = (("a", "t"), ("a", "y"), CALL)

    assert asked(*edges, columns="a", known_after=("a",))[0] is False


def test_confounders_are_taken_at_their_word() -> None:
    """Without a graph the config's list is adjusted for, and the sentence says on whose word."""
    found = identified(Effect("t", ("b", "a"), outcome="y"), ("t", "y", "a", "b"))

    assert (found.holds, found.adjusted) == (True, ("b", "a"))
    assert "on the word of the config" in found.says


@given(
    edges=st.sets(st.sampled_from([(a, b) for i, a in enumerate("abcdefg") for b in "abcdefg"[i + 1 :]])),
    hidden=st.sets(st.sampled_from("abcfg")),
)
@settings(max_examples=150, deadline=None)
def test_it_is_identified_just_when_dowhy_says_so(edges: set, hidden: set) -> None:
    """On random graphs the answer agrees with DoWhy's search through all sets, and the set found is valid for DoWhy."""
    import networkx as nx
    from dowhy.causal_identifier.auto_identifier import BackdoorAdjustment, identify_backdoor
    from dowhy.graph import check_valid_backdoor_set

    names = {"d": "t", "e": "y"}
    drawn = {(names.get(a, a), names.get(b, b)) for a, b in edges} | {CALL}
    graph = nx.DiGraph(sorted(drawn))
    columns = "".join(sorted(set("abcfg") & set(graph) - hidden))

    holds, adjusted, _ = asked(*sorted(drawn), columns=columns)

    found = identify_backdoor(graph, ["t"], ["y"], ["t", "y", *columns], BackdoorAdjustment.BACKDOOR_EXHAUSTIVE)
    assert holds == bool(found)
    if holds:
        assert set(adjusted) <= set(columns) - nx.descendants(graph, "t")
        assert check_valid_backdoor_set(graph, ["t"], ["y"], list(adjusted))["is_dseparated"]
