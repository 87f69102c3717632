"""Whether a question about an effect fits a table of deals: every reason why not, one sentence each."""

from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import Any, Final

import numpy as np
import pandas as pd

from whywin.deals.derived import DERIVED, derivable, with_derived
from whywin.effects.bad_controls import bad_controls
from whywin.effects.graphs import read_graph
from whywin.effects.landmark import old_enough

FEWEST: Final = 10
MOST_LEVELS: Final = 50
NEARLY: Final = 0.9  # a node so like a column is taken for a slip of the pen, not for something unobserved


def unknown_names(question: Any, table: pd.DataFrame) -> Iterator[str]:
    """Name each column that the question asks for and the deals neither have nor can derive."""
    named = [("treatment", question.treatment), ("outcome", question.outcome), ("cluster", question.cluster)]
    for field in ("confounders", "known_after", "known_days", "instruments", "modifiers", "adjust_anyway"):
        named += [(field, name) for name in getattr(question, field)]
    for field, name in dict.fromkeys(named):
        if name is not None and not there(name, table):
            yield f"{field}: the deals have no column {name!r}; {_nearest(name, _choices(table))}"
    if question.cluster in table and table[question.cluster].nunique(dropna=False) < 2:  # noqa: PLR2004 - one is no cluster
        yield f"cluster: {question.cluster!r} has one value only, so that nothing can be told from it; leave cluster out"


def faulty_landmark(question: Any, table: pd.DataFrame) -> Iterator[str]:
    """Say when a deal's age cannot be told."""
    missing = [name for name in ("created", "closed") if name not in table]
    if question.landmark_days is not None and missing:
        yield f"landmark_days: needs the age of each deal, and the deals have no column {' and no column '.join(missing)}; map it under deals: columns"


def faulty_treatment(question: Any, table: pd.DataFrame) -> Iterator[str]:
    """Say why a column cannot be a treatment: it must be 1 or 0 in every closed deal, and both must occur."""
    if not there(question.treatment, table):
        return
    if question.treatment == question.outcome:
        yield f"treatment: {question.treatment!r} is the outcome too; name two different columns"
    values = _closed(table, question.treatment)
    if values.isna().any():
        count = int(values.isna().sum())
        yield f"treatment: {question.treatment!r} is missing in {count:,} closed deals; it must be 0 or 1: fill it or leave them out"
    known = values.dropna()
    numbers = pd.to_numeric(known, errors="coerce").astype("float64")
    odd = known[~numbers.isin([0.0, 1.0])]
    if len(odd):
        example = odd.iloc[0]
        yield f"treatment: {question.treatment!r} must be 0 or 1, got {_shown(example)} in {len(odd):,} closed deals; make a column that is 1 where treated"
    elif _one_value(numbers):
        yield f"treatment: {question.treatment!r} is {numbers.iloc[0]:.0f} in every closed deal, so that there is nothing to compare"


def faulty_outcome(question: Any, table: pd.DataFrame) -> Iterator[str]:
    """Say why a column cannot be an outcome: it must be a number that varies."""
    if not there(question.outcome, table):
        return
    values = _closed(table, question.outcome).dropna()
    if not (pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values)):
        yield f"outcome: {question.outcome!r} must be 0 or 1 or a number, got {_shown(values.iloc[0]) if len(values) else 'nothing'}; name a numeric column"
    elif _one_value(values):
        yield f"outcome: {question.outcome!r} has the same value in every closed deal, so that nothing can have changed it"


def faulty_graph(question: Any, table: pd.DataFrame) -> Iterator[str]:
    """Say what a causal graph must keep: it can be read, has no cycle, and a path from treatment to outcome."""
    if not (question.confounders or question.graph or question.natural):
        yield "confounders, graph: neither is given; say what moves both treatment and outcome by a list or by a graph"
    read = read_graph(question.graph)
    yield from (f"graph: {fault}" for fault in read.faults)
    if not read.edges:
        return
    for role, named in (("treatment", read.exposure), ("outcome", read.outcome)):
        if named and named != (getattr(question, role),):
            yield f"graph: it calls {', '.join(named)} its {role}, and the question {getattr(question, role)!r}; make them agree"
    yield from _faulty_shape(question)
    for node in (node for node in read.nodes if node not in read.latent and not there(node, table)):
        near = get_close_matches(node, _choices(table), n=1, cutoff=NEARLY)
        if near:
            yield f"graph: {node!r} is no column; did you mean {near[0]!r}? Give something unobserved a name unlike any column's"


def _faulty_shape(question: Any) -> Iterator[str]:
    import networkx as nx

    graph = nx.DiGraph(question.edges)
    missing = [node for node in (question.treatment, question.outcome) if node not in graph]
    for node in missing:
        yield f"graph: no edge names {node!r}; add the edges from and to it"
    for node in (node for node in question.confounders if node not in graph):
        yield f"confounders: {node!r} is no node of the graph, so that it cannot be judged by it; add its edges; {_nearest(node, question.nodes)}"
    try:
        cycle = [edge[0] for edge in nx.find_cycle(graph)]
    except nx.NetworkXNoCycle:
        if not missing and not nx.has_path(graph, question.treatment, question.outcome):
            yield f"graph: no path leads from {question.treatment!r} to {question.outcome!r}, so that it says there is no effect; add the edge in question"
    else:
        yield f"graph: {' → '.join([*cycle, cycle[0]])} is a cycle, and nothing causes itself; turn or remove one of these edges"


def faulty_covariates(question: Any, table: pd.DataFrame) -> Iterator[str]:
    """Say why a column cannot be adjusted for."""
    for role, name in (("treatment", question.treatment), ("outcome", question.outcome)):
        if name in question.confounders:
            yield f"confounders: {name!r} is the {role} itself; leave it out"
    for name in dict.fromkeys(question.confounders):
        if question.confounders.count(name) > 1:
            yield f"confounders: {name!r} stands there twice; leave one out"
    yield from _faulty_logs(question, table)
    field = "confounders" if question.confounders else "graph"
    for name in question.candidates:
        if there(name, table):
            yield from (f"{field}: {fault}" for fault in _unfit(name, _closed(table, name)))


def faulty_controls(question: Any, table: pd.DataFrame) -> Iterator[str]:
    """Say what the question adjusts for, or splits the effect by, although the treatment may have moved it or it opens a path."""
    listed = tuple(name for name in question.confounders if name not in question.adjust_anyway)
    anyway = bad_controls(question, (*listed, *question.adjust_anyway), table)
    for name, reason in bad_controls(question, listed, table).items():
        yield f"confounders: {name!r} {reason}; leave it out, or name it under adjust_anyway, and the grade falls to D"
    for name in question.adjust_anyway:
        if name in {question.treatment, question.outcome}:
            yield f"adjust_anyway: {name!r} is the treatment or the outcome itself; leave it out"
        elif name not in anyway:
            yield f"adjust_anyway: nothing is known against adjusting for {name!r}; name it under confounders"
    for name in question.instruments:
        if name in {question.treatment, question.outcome}:
            yield f"instruments: {name!r} is the treatment or the outcome itself; leave it out"
        elif name in question.confounders:
            yield f"instruments: {name!r} stands under confounders too, and an instrument is no confounder; leave it out of one"
    for name, reason in bad_controls(question, question.modifiers, table).items():
        if "opens that path" not in reason:
            yield f"modifiers: {name!r} {reason}; an effect can differ only by what was there before the treatment: leave it out"


def _faulty_logs(question: Any, table: pd.DataFrame) -> Iterator[str]:
    for name in question.logs:
        if name not in question.candidates:
            yield f"logs: {name!r} is nothing that could be adjusted for; {_nearest(name, question.candidates)}"
        elif there(name, table) and not _positive(_closed(table, name)):
            yield f"logs: {name!r} is not a positive number in every closed deal that has it; leave it out of logs"


def _unfit(name: str, values: pd.Series) -> Iterator[str]:
    if not values.notna().any():
        yield f"{name!r} is missing in every closed deal; leave it out"
    elif _one_value(values):
        yield f"{name!r} is {_shown(values.iloc[0])} in every closed deal, so that it cannot confound; leave it out"
    elif is_label(values) and values.nunique() > MOST_LEVELS:
        yield f"{name!r} has {values.nunique():,} different labels, more than {MOST_LEVELS}; group them, or leave it out"


def faulty_groups(question: Any, table: pd.DataFrame) -> list[str]:
    """Say when too few treated or untreated deals can be compared."""
    rows = with_derived(table[table["won"].notna()], [question.treatment, question.outcome])
    rows = rows[old_enough(question.landmark_days, rows) & rows[question.outcome].notna()]
    treated = int((rows[question.treatment].astype("float64") == 1).sum())
    older = "" if question.landmark_days is None else f" that were open at {question.landmark_days:g} days"
    return [
        f"treatment: {count} {who} closed deals{older}, fewer than {FEWEST}; compare more deals"
        for who, count in (("treated", treated), ("untreated", len(rows) - treated))
        if count < FEWEST
    ]


def no_overlap_effect(question: Any) -> list[str]:
    """Return what a method without overlap weights says to a question that asks for the effect on the overlap."""
    says = "cannot tell the effect on the overlap; use weighting, or set estimand to treated or all"
    return [says] if question.estimand == "overlap" else []


def there(name: str, table: pd.DataFrame) -> bool:
    """Whether the deals have a column, or can derive it."""
    return name in table.columns or derivable(name, table.columns)


def is_label(values: pd.Series) -> bool:
    """Whether a column holds labels rather than numbers or dates."""
    return not (pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values))


def _positive(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and bool((values.dropna() > 0).all())


def _one_value(values: pd.Series) -> bool:
    return len(values) == 0 or len(pd.unique(values)) == 1


def _closed(table: pd.DataFrame, name: str) -> pd.Series:
    return with_derived(table[table["won"].notna()], [name])[name]


def _choices(table: pd.DataFrame) -> list[str]:
    return [*map(str, table.columns), *(name for name in DERIVED if derivable(name, table.columns))]


def _nearest(name: str, choices: Iterable[str]) -> str:
    choices = list(choices)
    near = get_close_matches(name, choices, n=1)
    return f"did you mean {near[0]!r}?" if near else f"there are {', '.join(choices)}"


def _shown(value: object) -> str:
    return repr(value.item() if isinstance(value, np.generic) else value)
