"""What has to be adjusted for, found in the causal graph by the back-door criterion; where that fails, what else would do.

Sources: Pearl (1995), Causal diagrams for empirical research, Biometrika 82, 669-688; van der Zander, Liskiewicz and Textor (2014),
Constructing separators and adjustment sets in ancestral graphs, UAI (an adjustment set exists just when the observed ancestors
make one); Rotnitzky and Smucler (2020), Efficient adjustment sets, JMLR 21 (the causes of what lies on the causal paths make the
most precise one).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from whywin.effects.open_paths import drawn, open_paths, with_arrows, without_effects
from whywin.effects.other_ways import front_door, in_words, instruments_by_graph
from whywin.effects.question import Effect


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
    if not question.edges:
        adjusted = tuple(dict.fromkeys((*question.confounders, *question.adjust_anyway)))
        if not adjusted:
            says = f"Nothing is named that moves both {question.treatment} and {question.outcome}, so that only its natural experiment can tell the effect."
            return Identified((), holds=False, says=says)
        listed = ", ".join(adjusted)
        says = f"Adjusted for {listed}, on the word of the config that nothing else moves both {question.treatment} and {question.outcome}."
        return Identified(adjusted, holds=True, says=says)
    graph = drawn(question.edges)
    observed = {node for node in question.candidates if node in columns}
    hidden = {node for node in question.nodes if node in question.latent or node not in {*columns, *question.late}}
    unobserved = tuple(sorted(hidden))
    adjusted, holds = _adjusted(graph, question, observed)
    if not holds:
        return Identified(adjusted, False, _not_identified(graph, question, adjusted, columns), unobserved)  # noqa: FBT003
    listed = f"adjusting for {', '.join(adjusted)} closes every back-door path" if adjusted else "nothing has to be adjusted for"
    besides = f"; unobserved: {', '.join(unobserved)}" if unobserved else ""
    says = f"By the graph, {listed}{besides}{_other_ways(graph, question, columns)}."
    return Identified(adjusted, True, says, unobserved)  # noqa: FBT003


def closes(graph: Any, question: Effect, adjusted: Iterable[str]) -> bool:
    """Whether DoWhy finds treatment and outcome separated once the treatment's own effects are cut."""
    from dowhy.graph import check_valid_backdoor_set

    found = check_valid_backdoor_set(graph, [question.treatment], [question.outcome], list(adjusted))
    return bool(found["is_dseparated"])


def _adjusted(graph: Any, question: Effect, observed: set[str]) -> tuple[tuple[str, ...], bool]:
    """Return what is adjusted for: the listed columns as they are, or the best set of the graph; and whether it is enough."""
    anyway = set(question.adjust_anyway) & observed
    if question.confounders:
        listed = tuple(sorted(observed))
        return listed, closes(graph, question, observed & set(graph))
    found = _smallest_enough(graph, question, observed - anyway)
    usable = found if found is not None else _usable(graph, question, observed - anyway)
    adjusted = tuple(sorted({*usable, *anyway}))
    return adjusted, found is not None and closes(graph, question, set(adjusted) & set(graph))


def _usable(graph: Any, question: Effect, observed: set[str]) -> set[str]:
    """Observed ancestors of treatment or outcome that the treatment does not move."""
    import networkx as nx

    above = set(nx.ancestors(graph, question.treatment)) | set(nx.ancestors(graph, question.outcome))
    return (above & observed) - set(nx.descendants(graph, question.treatment))


def _smallest_enough(graph: Any, question: Effect, observed: set[str]) -> tuple[str, ...] | None:
    """Return the most precise adjustment set that the observed columns allow, or None when none of them is enough."""
    import networkx as nx

    usable = _usable(graph, question, observed)
    if not closes(graph, question, usable):
        return None
    on_path = nx.descendants(graph, question.treatment) & (nx.ancestors(graph, question.outcome) | {question.outcome})
    causes = {cause for node in on_path for cause in graph.predecessors(node)} - on_path - {question.treatment}
    without = without_effects(graph, question.treatment)
    least = nx.find_minimal_d_separator(without, question.outcome, question.treatment, restricted=usable) or set()
    for candidate in (causes, causes & usable, (causes & usable) | least, least):
        if candidate <= usable and closes(graph, question, candidate):
            return tuple(sorted(candidate))
    return tuple(sorted(usable))


def _not_identified(graph: Any, question: Effect, adjusted: tuple[str, ...], columns: tuple[str, ...]) -> str:
    path = next(open_paths(graph, question.treatment, question.outcome, set(adjusted)), ())
    shown = with_arrows(graph, path) if path else "a path that is too long to be named"
    with_all = f"even when adjusting for {', '.join(adjusted)}" if adjusted else "and no observed column can close it"
    says = f"By the graph the effect cannot be told by adjustment: {shown} stays open, {with_all}"
    enough = _smallest_enough(graph, question, _early(question, columns)) if question.confounders else None
    if enough is not None:
        remedy = (
            f"adjusting for {', '.join(enough)} would close every path" if enough else "without adjusting every path is closed"
        )
        return f"{says}; {remedy}: name that under confounders, or leave confounders out."
    return f"{says}{_other_ways(graph, question, columns)}; observe what lies on it, or ask by a trial."


def _early(question: Effect, columns: tuple[str, ...]) -> set[str]:
    return (set(question.nodes) & set(columns)) - set(question.late) - set(question.latent)


def _other_ways(graph: Any, question: Effect, columns: tuple[str, ...]) -> str:
    """Name the instruments and the front-door set that the graph offers."""
    seen = {node for node in question.nodes if node in {*columns, *question.late}} - set(question.latent)
    instruments = instruments_by_graph(graph, question.treatment, question.outcome, _early(question, columns))
    return in_words(instruments, front_door(graph, question.treatment, question.outcome, seen))
