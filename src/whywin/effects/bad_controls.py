"""What must not be adjusted for: what the treatment moves, what is known too late, and what opens a path that was closed.

Source: Cinelli, Forney and Pearl (2024), A crash course in good and bad controls, Sociological Methods & Research 53, 1071-1104.
"""

from collections.abc import Collection, Iterable, Iterator
from typing import Any, Final

import pandas as pd

from whywin.deals.derived import DERIVED
from whywin.effects.known_days import late_at_landmark, late_at_treatment
from whywin.effects.open_paths import drawn, is_open, open_paths, with_arrows

AT_CLOSE: Final = frozenset({"won", "closed", "cycle_days", *(name for name, (date, _) in DERIVED.items() if date == "closed")})


def bad_controls(question: Any, adjusted: Iterable[str], deals: pd.DataFrame | None = None) -> dict[str, str]:
    """Return those of the columns that must not be adjusted for, each with its reason in words.

    Given the deals, what was not known yet when they were treated (`known_days` beside `treated_at`) is among them.
    """
    names = [name for name in dict.fromkeys(adjusted) if name not in {question.treatment, question.outcome}]
    reasons = dict(_moved(question, names) if _usable(question) else ())
    late = late_at_landmark(question) | ({} if deals is None else late_at_treatment(question, deals))
    reasons |= {name: reason for name, reason in late.items() if name in names}
    for name in names:
        if name in AT_CLOSE:
            reasons[name] = "is known only when a deal closes, and so after the treatment"
        if name in question.known_after:
            reasons[name] = "stands in known_after too, and what is known only after the treatment is not adjusted for"
    return reasons


def _usable(question: Any) -> bool:
    """Whether there is a graph that can judge at all; what is wrong with one that cannot is told elsewhere."""
    import networkx as nx

    if not {question.treatment, question.outcome} <= set(question.nodes):
        return False
    return bool(nx.is_directed_acyclic_graph(drawn(question.edges)))


def _moved(question: Any, names: list[str]) -> Iterator[tuple[str, str]]:
    import networkx as nx

    graph, treatment, outcome = drawn(question.edges), question.treatment, question.outcome
    later = nx.descendants(graph, treatment)
    yield from ((name, _why(graph, treatment, outcome, name)) for name in names if name in later)
    before = [name for name in names if name in graph and name not in later]
    yield from _colliders(graph, treatment, outcome, before)


def _why(graph: Any, treatment: str, outcome: str, name: str) -> str:
    import networkx as nx

    if nx.has_path(graph, name, outcome):
        path = [*nx.shortest_path(graph, treatment, name), *nx.shortest_path(graph, name, outcome)[1:]]
        return f"lies on the way from treatment to outcome ({with_arrows(graph, path)}), and adjusting for it takes away part of the effect"
    apart = graph.copy()
    apart.remove_node(outcome)
    if nx.has_path(graph, outcome, name) and nx.has_path(apart, treatment, name):
        there = nx.shortest_path(apart, treatment, name)
        back = nx.shortest_path(graph, outcome, name)[:-1][::-1]
        return f"is moved by both treatment and outcome ({with_arrows(graph, [*there, *back])}), and adjusting for it makes them look related"
    path = nx.shortest_path(graph, treatment, name)
    return f"is moved by the treatment ({with_arrows(graph, path)}), and what it tells is partly the effect itself"


def _colliders(graph: Any, treatment: str, outcome: str, names: list[str]) -> Iterator[tuple[str, str]]:
    """Name what opens a path although the rest closes every one of them (the M)."""
    opened = {name: path for name in names if (path := _opened(graph, treatment, outcome, names, name))}
    rest = [name for name in names if name not in opened]
    if opened and next(open_paths(graph, treatment, outcome, rest), None) is None:
        for name, path in opened.items():
            yield (
                name,
                f"is moved by both its neighbours on the path {with_arrows(graph, path)}, and adjusting for it opens that path",
            )


def _opened(graph: Any, treatment: str, outcome: str, names: Collection[str], name: str) -> tuple[str, ...] | None:
    rest = [other for other in names if other != name]
    paths = open_paths(graph, treatment, outcome, names)
    return next((path for path in paths if not is_open(graph, path, rest)), None)
