"""Whether the deals contradict the causal graph."""

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, doc

from whywin.deals.need import Need
from whywin.effects.comparison import ColumnsThere, eligible, need_of
from whywin.effects.identification import closes, identified
from whywin.effects.implied import Held, Implied, held, implied
from whywin.effects.open_paths import drawn
from whywin.effects.question import Effect
from whywin.evidence import Check
from whywin.settings import check_settings
from whywin.stats.independence import Independence
from whywin.stats.multiplicity import holm

RAW: Final = 0.05  # level of each test where graphs are compared with one another
TRIES: Final = 20
FEWEST_GRAPHS: Final = 10
MOST_TESTS: Final = 4_000  # of all random graphs together; a large graph is compared with fewer of them, or with none
Found = dict[Implied, Independence]


@dataclass(frozen=True)
class GraphFits:
    """What the graph says is unrelated must be unrelated in the deals, and the graph must fit better than one drawn at random.

    Each pair of columns without an edge is tested given the smallest set that separates it, by the generalised covariance measure
    (Shah and Peters 2020), with Holm's adjustment. A graph that is contradicted fails where the missing edge could open a path that
    adjustment leaves open; elsewhere it is worth knowing. That nothing contradicts it does not say that it is true.
    """

    level: Annotated[float, Gt(0), Lt(1), doc("chance that a true graph fails, over all its independences together")] = 0.01
    margin: Annotated[float, Ge(0), Lt(1), doc("the correlation between two columns that is small enough to be overlooked")] = (
        0.05
    )
    permutations: Annotated[int, Ge(0), doc("graphs with the columns dealt out at random, to compare with")] = 20
    rows: Annotated[int, Ge(100), doc("deals that are drawn at random from a larger table")] = 5_000

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: Effect) -> Need:
        """Every node of the graph that is a column."""
        nodes = tuple(node for node in question.nodes if node not in question.latent)
        return ColumnsThere((*need_of(question).names, *nodes))

    def check(
        self, question: Effect, answers: Iterable[Any], sample: pd.DataFrame, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return a check of what the graph implies and a note on random graphs, both of the whole run; none without a graph."""
        if not question.edges:
            return ()
        graph, deals = drawn(question.edges), eligible(question, sample)
        drawn_rows = ""
        if len(deals) > self.rows:
            deals = deals.iloc[np.sort(rng.choice(len(deals), self.rows, replace=False))].reset_index(drop=True)
            drawn_rows = f" (in {self.rows:,} deals drawn at random)"
        columns = [node for node in sorted(graph) if node in deals and node not in question.latent]
        against = held(deals, columns)
        found = {statement: against.test(statement) for statement in implied(graph, tuple(against.blocks))}
        if not found:
            says = "The graph implies nothing about the columns that the deals could contradict."
            return (Check("graph_fits", True, "note", says, 0.0),)  # noqa: FBT003
        adjusted = identified(question, tuple(sample.columns)).adjusted
        first = self._contradicted(question, graph, adjusted, found, drawn_rows)
        return (first, *self._compared(graph, against, found, rng))

    def _contradicted(self, question: Effect, graph: Any, adjusted: tuple[str, ...], found: Found, where: str) -> Check:
        chances = dict(zip(found, holm([answer.chance for answer in found.values()]), strict=True))
        broken = sorted(
            (chances[statement], -answer.size, statement)
            for statement, answer in found.items()
            if chances[statement] < self.level and answer.size > self.margin
        )
        if not broken:
            least = min(found, key=lambda statement: (chances[statement], -found[statement].size))
            says = (
                f"None of the {len(found)} independences that the graph implies is contradicted by the deals{where}; nearest to it is "
                f"{least} (correlation {found[least].size:.2f}, p = {chances[least]:.2g} by Holm)."
            )
            return Check("graph_fits", True, "serious", says, 0.0)  # noqa: FBT003
        harmful = [entry for entry in broken if _opens(question, graph, adjusted, entry[2])]
        chance, size, worst = min(harmful or broken, key=lambda entry: (entry[1], entry[2]))
        matters = (
            f"for {len(harmful)} of them the missing edge could leave a path open"
            if harmful
            else "whatever edge is missing there, what is adjusted for would still close every path"
        )
        says = (
            f"{len(broken)} of the {len(found)} independences that the graph implies are contradicted by the deals{where}: it says that "
            f"{worst} are unrelated, and they are related (correlation {-size:.2f}, p = {chance:.2g} by Holm); {matters}."
        )
        return Check("graph_fits", False, "serious" if harmful else "note", says, float(len(broken)))  # noqa: FBT003

    def _compared(self, graph: Any, against: Held, found: Found, rng: np.random.Generator) -> Iterator[Check]:
        """Compare with graphs in which the columns have changed places, those that say the same left out."""
        own = _share(found)
        names = sorted(against.blocks)
        shares: list[float] = []
        wanted = min(self.permutations, MOST_TESTS // len(found))
        for _ in range(TRIES * wanted if wanted >= min(FEWEST_GRAPHS, self.permutations) else 0):
            if len(shares) == wanted:
                break
            places = dict(zip(names, rng.permutation(names).tolist(), strict=True))
            moved = drawn((places.get(cause, cause), places.get(effect, effect)) for cause, effect in graph.edges())
            statements = set(implied(moved, names))
            if statements and statements != set(found):
                shares.append(_share({statement: against.test(statement) for statement in statements}))
        if not shares:
            return
        as_good = sum(share <= own for share in shares)
        says = (
            f"Of {len(shares)} graphs with the columns dealt out at random, {as_good} fit the deals as well as this one does "
            f"({100 * own:.0f} % of its independences are off at the 5 % level; {100 * float(np.mean(shares)):.0f} % of theirs on average)."
        )
        yield Check("graph_at_random", as_good <= RAW * len(shares), "note", says, as_good / len(shares))


def _share(found: Found) -> float:
    return sum(answer.chance < RAW for answer in found.values()) / len(found)


def _opens(question: Effect, graph: Any, adjusted: Collection[str], statement: Implied) -> bool:
    """Whether some edge between the two, or something unobserved that moves both, would leave a path open."""
    import networkx as nx

    first, second, hidden = statement.first, statement.second, object()
    later = {question.treatment, *nx.descendants(graph, question.treatment)}
    for added in (((first, second),), ((second, first),), ((hidden, first), (hidden, second))):
        cause, effect = added[0]
        if cause in later and effect in question.candidates:  # what is known before the treatment is not moved by it
            continue
        changed = graph.copy()
        changed.add_edges_from(added)
        if nx.is_directed_acyclic_graph(changed) and not closes(changed, question, set(adjusted) & set(graph)):
            return True
    return False
