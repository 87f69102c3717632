"""What a causal graph says about the columns that can be held against the deals, and how the deals answer.

Sources: Pearl (1988), Probabilistic reasoning in intelligent systems (d-separation); Ankan, Wortel and Textor (2021), Testing
graphical causal models using the R package dagitty, Current Protocols 1, e45; Eulig, Mastakouri, Blöbaum, Hardt and Janzing
(2025), Toward falsifying causal graphs using a permutation-based test, AAAI (names dealt out at random as a yardstick).
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.effects.covariates import covariates
from whywin.stats.independence import Independence, basis, independence, left_over, normal_scores, orthonormal

MOST_COLUMNS: Final = 8  # of one node; the rarest levels of a label are taken together
FEWEST_OF_A_LEVEL: Final = 10
Floats = NDArray[np.float64]


@dataclass(frozen=True, order=True)
class Implied:
    """Two columns that the graph says are unrelated once others are known."""

    first: str
    second: str
    given: tuple[str, ...]

    def __str__(self) -> str:
        """Say it in words."""
        given = f" given {', '.join(self.given)}" if self.given else ""
        return f"{self.first} and {self.second}{given}"


def implied(graph: Any, observed: Collection[str]) -> Iterator[Implied]:
    """Give for each pair of observed columns without an edge the smallest observed set that separates it, where there is one."""
    import networkx as nx

    for first, second in combinations(sorted(observed), 2):
        if graph.has_edge(first, second) or graph.has_edge(second, first):
            continue
        given = nx.find_minimal_d_separator(graph, first, second, restricted=set(observed) - {first, second})
        if given is not None:
            yield Implied(first, second, tuple(sorted(given)))


@dataclass(frozen=True, eq=False)
class Held:
    """Deals that a graph is held against; what was once tested is remembered.

    Attributes:
        blocks: each column as numbers: labels as 0 and 1, other numbers as normal scores.
        bases: orthonormal bases by what is given.
        tested: answers so far.
    """

    blocks: Mapping[str, Floats]
    bases: dict[tuple[str, ...], Floats] = field(default_factory=dict)
    tested: dict[Implied, Independence] = field(default_factory=dict)

    def test(self, statement: Implied) -> Independence:
        """Return how far the deals are from what the graph says."""
        if statement not in self.tested:
            given = self._given(statement.given)
            first, second = (left_over(self.blocks[name], given) for name in (statement.first, statement.second))
            self.tested[statement] = independence(first, second, given.shape[1])
        return self.tested[statement]

    def _given(self, names: tuple[str, ...]) -> Floats:
        if names not in self.bases:
            rows = len(next(iter(self.blocks.values())))
            self.bases[names] = orthonormal(basis([self.blocks[name] for name in names]) if names else np.ones((rows, 1)))
        return self.bases[names]


def held(deals: pd.DataFrame, columns: Collection[str]) -> Held:
    """Return columns of deals as numbers; those with one value only are left out, since nothing can be related to them."""
    made = {name: _numbers(covariates(deals, [name]).matrix) for name in columns}
    return Held({name: block for name, block in made.items() if block.shape[1]})


def _numbers(matrix: Floats) -> Floats:
    binary = np.isin(matrix, (0.0, 1.0)).all(axis=0)
    ones = np.where(binary, np.minimum(matrix.sum(axis=0), (1 - matrix).sum(axis=0)), len(matrix))
    order = [place for place in np.argsort(-ones, kind="stable")[:MOST_COLUMNS] if ones[place] >= FEWEST_OF_A_LEVEL]
    scored = [matrix[:, place] if binary[place] else normal_scores(matrix[:, place]) for place in sorted(order)]
    varying = [column for column in scored if np.ptp(column) > 0]
    return np.column_stack(varying) if varying else np.empty((len(matrix), 0))
