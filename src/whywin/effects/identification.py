"""What has to be adjusted for, found in the causal graph by the back-door criterion.

Sources: Pearl (1995), Causal diagrams for empirical research, Biometrika 82, 669-688; van der Zander, Liskiewicz and Textor (2014),
Constructing separators and adjustment sets in ancestral graphs, UAI (an adjustment set exists just when the observed ancestors
make one); Rotnitzky and Smucler (2020), Efficient adjustment sets, JMLR 21 (the causes of what lies on the causal paths make the
most precise one).
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice, pairwise
from typing import Any, Final

from whywin.effects.question import Effect

LONGEST_SEARCH: Final = 20_000  # paths looked at for one that is open


@dataclass(frozen=True)
class Identified:
    """What is adjusted for, and whether that is enough.

    Attributes:
        adjusted: the columns adjusted for, sorted when they come from a graph.
        holds: whether they close every back-door path.
        says: the finding in one sentence.
        unobserved: nodes of the graph that are no columns.
    """

    adjusted: tuple[str, ...]
    holds: bool
    says: str
    unobserved: tuple[str, ...] = ()


@lru_cache(maxsize=64)
def identified(question: Effect, columns: tuple[str, ...]) -> Identified:
    """Return what to adjust for, given which columns there are."""
    if not question.graph:
        listed = ", ".join(question.confounders)
        says = f"Adjusted for {listed}, on the word of the config that nothing else moves both {question.treatment} and {question.outcome}."
        return Identified(question.confounders, holds=True, says=says)
    import networkx as nx

    graph = nx.DiGraph(question.graph)
    observed = {node for node in question.candidates if node in columns}
    unobserved = tuple(node for node in question.nodes if node not in {*columns, *question.known_after})
    adjusted = _smallest_enough(graph, question, observed)
    if adjusted is None:
        fallback = tuple(sorted(_usable(graph, question, observed)))
        return Identified(fallback, False, _not_identified(graph, question, fallback), unobserved)  # noqa: FBT003
    hidden = f"; unobserved: {', '.join(unobserved)}" if unobserved else ""
    listed = f"adjusting for {', '.join(adjusted)} closes every back-door path" if adjusted else "nothing has to be adjusted for"
    return Identified(adjusted, True, f"By the graph, {listed}{hidden}.", unobserved)  # noqa: FBT003


def _usable(graph: Any, question: Effect, observed: set[str]) -> set[str]:
    """Observed ancestors of treatment or outcome that the treatment does not move."""
    import networkx as nx

    above = set(nx.ancestors(graph, question.treatment)) | set(nx.ancestors(graph, question.outcome))
    return (above & observed) - set(nx.descendants(graph, question.treatment))


def _smallest_enough(graph: Any, question: Effect, observed: set[str]) -> tuple[str, ...] | None:
    """Return the most precise adjustment set that the observed columns allow, or None when none of them is enough."""
    import networkx as nx

    usable = _usable(graph, question, observed)
    if not _closes(graph, question, usable):
        return None
    on_path = nx.descendants(graph, question.treatment) & (nx.ancestors(graph, question.outcome) | {question.outcome})
    causes = {cause for node in on_path for cause in graph.predecessors(node)} - on_path - {question.treatment}
    without = graph.copy()
    without.remove_edges_from(list(graph.out_edges(question.treatment)))
    least = nx.find_minimal_d_separator(without, question.outcome, question.treatment, restricted=usable) or set()
    for candidate in (causes, causes & usable, (causes & usable) | least, least):
        if candidate <= usable and _closes(graph, question, candidate):
            return tuple(sorted(candidate))
    return tuple(sorted(usable))


def _closes(graph: Any, question: Effect, adjusted: Iterable[str]) -> bool:
    """Whether DoWhy finds treatment and outcome separated once the treatment's own effects are cut."""
    from dowhy.graph import check_valid_backdoor_set

    found = check_valid_backdoor_set(graph, [question.treatment], [question.outcome], list(adjusted))
    return bool(found["is_dseparated"])


def _not_identified(graph: Any, question: Effect, adjusted: tuple[str, ...]) -> str:
    from dowhy.graph import get_instruments

    path = next(_open_paths(graph, question, set(adjusted)), ())
    shown = " ".join(_with_arrows(graph, path)) if path else "a path that is too long to be named"
    with_all = f"even when adjusting for {', '.join(adjusted)}" if adjusted else "and no observed column can close it"
    says = f"By the graph the effect cannot be told by adjustment: {shown} stays open, {with_all}"
    instruments = sorted(set(get_instruments(graph, [question.treatment], [question.outcome])) & set(question.candidates))
    help_in = f"; {', '.join(instruments)} could serve as an instrument" if instruments else ""
    return f"{says}{help_in}; observe what lies on it, or ask by a trial."


def _open_paths(graph: Any, question: Effect, adjusted: set[str]) -> Iterator[tuple[str, ...]]:
    """Give the back-door paths that stay open, the shortest first."""
    import networkx as nx

    lines = graph.to_undirected()
    paths = nx.shortest_simple_paths(lines, question.treatment, question.outcome)
    for path in islice(paths, LONGEST_SEARCH):
        if graph.has_edge(path[1], path[0]) and _is_open(graph, path, adjusted):
            yield tuple(path)


def _is_open(graph: Any, path: list[str], adjusted: set[str]) -> bool:
    import networkx as nx

    for before, node, after in zip(path, path[1:], path[2:], strict=False):
        if graph.has_edge(before, node) and graph.has_edge(after, node):
            if not ({node} | nx.descendants(graph, node)) & adjusted:
                return False
        elif node in adjusted:
            return False
    return True


def _with_arrows(graph: Any, path: tuple[str, ...]) -> Iterator[str]:
    yield path[0]
    for before, after in pairwise(path):
        yield "→" if graph.has_edge(before, after) else "←"
        yield after
