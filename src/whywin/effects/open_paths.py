"""Paths of a causal graph along which treatment and outcome stay related, and how a path is shown."""

from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice, pairwise
from typing import Any, Final

LONGEST_SEARCH: Final = 20_000  # paths looked at for one that is open


def drawn(edges: Iterable[tuple[str, str]]) -> Any:
    """Return edges as a networkx graph, which does not depend on the order in which they were written."""
    import networkx as nx

    return nx.DiGraph(sorted(edges))


def without_effects(graph: Any, node: str) -> Any:
    """Return a copy of the graph in which a node moves nothing."""
    cut = graph.copy()
    cut.remove_edges_from(list(graph.out_edges(node)))
    return cut


def open_paths(graph: Any, treatment: str, outcome: str, adjusted: Collection[str]) -> Iterator[tuple[str, ...]]:
    """Give the back-door paths that stay open, the shortest first."""
    return (path for path in relating_paths(graph, treatment, outcome, adjusted) if graph.has_edge(path[1], path[0]))


def relating_paths(graph: Any, first: str, second: str, adjusted: Collection[str]) -> Iterator[tuple[str, ...]]:
    """Give every path between two nodes that is open given what is adjusted for, the shortest first."""
    import networkx as nx

    try:
        for path in islice(nx.shortest_simple_paths(graph.to_undirected(), first, second), LONGEST_SEARCH):
            if is_open(graph, path, adjusted):
                yield tuple(path)
    except nx.NetworkXNoPath:
        return


def is_open(graph: Any, path: Sequence[str], adjusted: Collection[str]) -> bool:
    """Whether a path carries anything, given what is adjusted for (Pearl's d-connection)."""
    import networkx as nx

    for before, node, after in zip(path, path[1:], path[2:], strict=False):
        if graph.has_edge(before, node) and graph.has_edge(after, node):
            if not ({node} | nx.descendants(graph, node)) & set(adjusted):
                return False
        elif node in adjusted:
            return False
    return True


def with_arrows(graph: Any, path: Sequence[str]) -> str:
    """Return a path as people read it: t ← u → y."""
    steps = (f"{'→' if graph.has_edge(before, after) else '←'} {after}" for before, after in pairwise(path))
    return " ".join([path[0], *steps])
