"""Causal graphs as people write them: four formats, one graph, and a sentence for what cannot be read."""

import networkx as nx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whywin.effects.graphs import read_graph, unobserved_cause
from whywin.effects.identification import identified
from whywin.effects.question import Effect

EDGES = (("a", "t"), ("a", "y"), ("b", "t"), ("b", "m"), ("t", "m"), ("m", "y"), ("u", "b"), ("u", "y"))
DOT = """
strict digraph "deals" {                 // a comment
  graph [rankdir=LR]; node [shape=ellipse];
  u [observed="no"]
  a -> {t y}                             # a set
  b -> t -> m -> y [color=red]; b -> m;
  subgraph cluster_1 { label="hidden"; u } -> b
  u -> y
}
"""
DAGITTY = """dag {
bb="-5,-5,5,5"
t [exposure,pos="-1.0,0.2"]
y [outcome, pos="1,0"]
u [latent,pos="0,-1"]
y <- a -> t  y <- u -> b
b -> { t m } /* sets
may span lines */
t -> m [beta=0.3]
m -> y
}"""
NUMBERS = {node: number for number, node in enumerate("atybmu")}
GML = "\n".join(
    ["graph [", "directed 1"]
    + [f'node [ id {number} label "{node}" {"observed 0" if node == "u" else ""} ]' for node, number in NUMBERS.items()]
    + [f"edge [ source {NUMBERS[cause]} target {NUMBERS[effect]} ]" for cause, effect in EDGES]
    + ["]"]
)
FORMATS = {"edges": EDGES, "dot": DOT, "dagitty": DAGITTY, "gml": GML, "bare": "; ".join(f"{a} -> {b}" for a, b in EDGES)}


@pytest.mark.parametrize("given_as", FORMATS)
def test_every_format_is_the_same_graph(given_as: str) -> None:
    """Edges, DOT, dagitty's language, GML and bare arrows give the same edges."""
    read = read_graph(FORMATS[given_as])

    assert read.faults == ()
    assert set(read.edges) == set(EDGES)
    assert len(read.edges) == len(EDGES)


@pytest.mark.parametrize("columns", ["abm", "ab", "a", "abmu"])
def test_every_format_gives_the_same_identification(columns: str) -> None:
    """What is adjusted for, whether it is enough, and every word that is said do not depend on the format."""
    there = tuple(name for name in ("t", "y", *columns) if name != "u")
    texts = {identified(Effect("t", graph=text, outcome="y"), there) for text in FORMATS.values()}

    assert len({(found.adjusted, found.holds, found.says) for found in texts}) == 1


def test_an_edge_with_two_heads_is_an_unobserved_cause() -> None:
    """An edge a <-> b in dagitty is a node that moves both and is never adjusted for."""
    hidden = unobserved_cause("y", "t")
    read = read_graph("dag { t -> y; t <-> y; a -> t; a -> y }")
    found = identified(Effect("t", graph="dag { t -> y; t <-> y; a -> t; a -> y }", outcome="y"), ("t", "y", "a"))

    assert {(hidden, "t"), (hidden, "y")} <= set(read.edges)
    assert (read.latent, found.holds) == ((hidden,), False)
    assert "t ← unobserved cause of t and y → y stays open" in found.says


def test_what_is_called_latent_is_not_adjusted_for() -> None:
    """A column that the graph calls latent is unobserved, although the deals have a column of that name."""
    said = identified(Effect("t", graph="dag { u [latent]; u -> t; u -> y; t -> y }", outcome="y"), ("t", "y", "u"))
    unsaid = identified(Effect("t", graph="dag { u -> t; u -> y; t -> y }", outcome="y"), ("t", "y", "u"))

    assert (said.holds, said.adjusted) == (False, ())
    assert (unsaid.holds, unsaid.adjusted) == (True, ("u",))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hello", "'hello' is no graph: write edges as"),
        ("model.dot", "'model.dot' is no graph"),
        ("graph { a -- b }", "is an undirected graph, which names no cause"),
        ("pdag { a -> b; b -- c }", "a pdag leaves the direction of edges open"),
        ("dag {\na -> b\nb -- c\n}", "line 3: -- names no cause"),
        ("dag {\na @-> b }", "line 2: @-> names no cause"),
        ("dag {\na -> b\nb -> }", "line 3: a node is expected, got '}'"),
        ("dag {\na -> b\n", "line 2: the graph ends before its }: add it"),
        ("a -> b ->", "line 1: a node is expected, got 'the end'"),
        ("digraph { a -> b }\n\nc -> d", "line 3: nothing may stand behind the graph's last }"),
        ("dag {\n a -> deal-size }", "line 2: '-size }' cannot be read; quote names that are not plain words"),
        ('dag {\n\n "a -> b }', "line 3: '\"a -> b }' the quotation mark or comment is not closed"),
        ("dag { a -> b [beta=0.3 }", "line 1: an attribute is expected, got '}'"),
        ("dag { a -> b [beta=", "line 1: a value is expected behind =; quote it"),
        ("dag { a -> b [beta", "line 1: the attributes end before their ]"),
        ("digraph { a:north -> b }", "line 1: a node's port means nothing here"),
        ("dag { s [selected]; a -> s }", "line 1: deals that were selected by a node are beyond this graph"),
        ("a, b -> c", "line 1: a node is expected, got ','"),
        ("dag { }", "has no edge"),
        ("dag { a; b }", "has no edge"),
        ('graph [ node [ id 0 label "a" ] node [ id 1 label "b" ] edge [ source 0 target 1 ] ]', "is undirected GML"),
        ('graph [ directed 1 node [ id 0 label "a" ] edge [ source 0 target 1 ] ]', "is no GML"),
        ('graph [ directed 1\n node [ id 0 label "a"', "is no GML"),
        ('graph [ directed 1 node [ id 0 label "a" ] ]', "has no edge"),
    ],
)
def test_what_cannot_be_read_says_where_and_the_way_out(text: str, says: str) -> None:
    """A text with a fault has no edges at all, and one sentence that begins with the line where there is one."""
    read = read_graph(text)

    assert (read.edges, len(read.faults)) == ((), 1)
    assert says in read.faults[0], read.faults


def test_no_part_of_a_text_is_evaluated(tmp_path: object) -> None:
    """Code in a text is a fault or a name, and is never run."""
    for text in ("__import__('os').system('touch x') -> y", 'dag { "__import__(1/0)" -> y }', "graph [ directed 1 x (1/0) ]"):
        read = read_graph(text)
        assert read.faults or read.edges == (("__import__(1/0)", "y"),)


NAMES = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8).filter(str.strip)


@given(names=st.lists(NAMES, min_size=2, max_size=6, unique=True), data=st.data())
@settings(max_examples=60, deadline=None)
def test_any_name_can_be_quoted(names: list[str], data: st.DataObject) -> None:
    """Whatever the columns are called, their quoted names come back from DOT and from dagitty's language."""
    pairs = [(first, second) for place, first in enumerate(names) for second in names[place + 1 :]]
    edges = data.draw(st.lists(st.sampled_from(pairs), min_size=1, max_size=8, unique=True))

    def quoted(name: str) -> str:
        return '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'

    lines = "\n".join(f"{quoted(cause)} -> {quoted(effect)}" for cause, effect in edges)

    assert read_graph(f"digraph {{\n{lines}\n}}").edges == read_graph(f"dag {{ {lines} }}").edges == tuple(edges)


@given(text=st.text(alphabet='ab{}[]->;,"= \n<dgGraphML#/*:', max_size=40))
@settings(max_examples=300, deadline=None)
def test_any_text_is_a_graph_or_a_fault(text: str) -> None:
    """No text breaks the reader: it gives edges, or one sentence, or nothing for an empty one."""
    read = read_graph(text)

    assert not (read.edges and read.faults)
    assert read.edges or read.faults or not text.strip()


@given(edges=st.sets(st.sampled_from([(a, b) for i, a in enumerate("abcdef") for b in "abcdef"[i + 1 :]]), min_size=1))
@settings(max_examples=30, deadline=None)
def test_gml_written_by_networkx_is_read(edges: set) -> None:
    """A graph saved by networkx, as people have it from DoWhy's tutorials, is the graph that was saved."""
    assert set(read_graph("\n".join(nx.generate_gml(nx.DiGraph(sorted(edges))))).edges) == edges
