"""Ways to an effect that need no back-door set: an instrument, or the front door.

Sources: Brito and Pearl (2002), Generalized instrumental variables, UAI; van der Zander, Textor and Liskiewicz (2015), Efficiently
finding conditional instruments for causal inference, IJCAI; Pearl (1995), Biometrika 82, 669-688 (the front door).
"""

from collections.abc import Collection, Mapping
from itertools import combinations
from typing import Any, Final

from whywin.effects.open_paths import relating_paths, with_arrows, without_effects

LARGEST_FRONT_DOOR: Final = 3


def instruments_by_graph(graph: Any, treatment: str, outcome: str, observed: Collection[str]) -> dict[str, tuple[str, ...]]:
    """Return the observed columns that can serve as an instrument, each with what has to be adjusted for beside it."""
    import networkx as nx

    usable = (set(observed) & set(graph)) - {treatment, outcome} - nx.descendants(graph, treatment)
    cut = without_effects(graph, treatment)
    found: dict[str, tuple[str, ...]] = {}
    for name in sorted(usable):
        beside = nx.find_minimal_d_separator(cut, name, outcome, restricted=usable - {name} - nx.descendants(graph, name))
        if beside is not None and not nx.is_d_separator(graph, {name}, {treatment}, beside):
            found[name] = tuple(sorted(beside))
    return found


def faulty_instrument(graph: Any, treatment: str, outcome: str, name: str, adjusted: Collection[str]) -> str:
    """Return why a column is no instrument by the graph, given what is adjusted for beside it; empty where it is one."""
    if name not in graph:
        return f"{name} is no node of the graph"
    given = (set(adjusted) & set(graph)) - {name}
    path = next(relating_paths(without_effects(graph, treatment), name, outcome, given), None)
    if path is not None:
        return f"{name} and {outcome} are related otherwise than through {treatment} ({with_arrows(graph, path)})"
    if next(relating_paths(graph, name, treatment, given), None) is None:
        return f"{name} has nothing to do with {treatment}"
    return ""


def front_door(graph: Any, treatment: str, outcome: str, observed: Collection[str]) -> tuple[str, ...]:
    """Return the smallest observed set that carries the whole effect and is itself not confounded; empty where there is none."""
    import networkx as nx

    between = sorted(nx.descendants(graph, treatment) & nx.ancestors(graph, outcome) & set(observed))
    for size in range(1, LARGEST_FRONT_DOOR + 1):
        for names in combinations(between, size):
            if _is_front_door(graph, treatment, outcome, set(names)):
                return names
    return ()


def _is_front_door(graph: Any, treatment: str, outcome: str, names: set[str]) -> bool:
    import networkx as nx

    past = graph.copy()
    past.remove_nodes_from(names)
    if nx.has_path(past, treatment, outcome):
        return False
    if not nx.is_d_separator(without_effects(graph, treatment), {treatment}, names, set()):
        return False
    cut = graph.copy()
    cut.remove_edges_from([edge for name in names for edge in graph.out_edges(name)])
    return bool(nx.is_d_separator(cut, names, {outcome}, {treatment}))


def in_words(instruments: Mapping[str, tuple[str, ...]], mediators: Collection[str]) -> str:
    """Return both as the end of a sentence; empty where there is neither."""
    said = [
        f"{name} could serve as an instrument" + (f", given {', '.join(beside)}" if beside else "")
        for name, beside in instruments.items()
    ]
    if mediators:
        said.append(f"{' and '.join(mediators)} would identify it by the front door")
    return "".join(f"; {part}" for part in said)
