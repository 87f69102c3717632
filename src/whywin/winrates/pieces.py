"""The hierarchical model of a table of cells, written as arrays: crossed effects split into orthogonal zero-sum pieces.

The model is the textbook one: a cell's log odds are an intercept, one independent normal effect for each level of each dimension,
and one for each combination of two crossed dimensions; every dimension and every crossing ("term") has its own standard deviation.
Written like that it samples badly, since a term's mean, and a crossing's row and column means, can be moved into the level above
without changing any log odds. So each term is split into the parts that the data can tell apart: deviations that sum to zero stay
with the term, and the rest is added to the level above, whose variance becomes the sum of the pieces'. The distribution of the
cells' log odds is exactly the same.

With v = sd squared of a term and L = number of levels of a dimension:
    intercept     ~ normal with variance  prior + sum of v / L over dimensions + sum of v / (L L') over crossings
    dimension     ~ zero-sum with variance  v + sum of v(crossing) / L(the other dimension) over its crossings
    crossing      ~ zero-sum over rows and over columns with variance  v
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import block_diag, csr_array

from whywin.stats.zero_sum import between_variance, crossed_basis, zero_sum_basis

SWEEPS: Final = 20  # passes over rows and columns until a crossing's additive part is gone
CAUTION: Final = 2.0  # standard errors
ENOUGH: Final = 50.0  # information of a typical level (200 deals at even odds) below which centring risks divergences
TINY: Final = 1e-12

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Pieces:
    """The structure of a model and the cells that it is fitted to.

    Attributes:
        terms: the names of what has a standard deviation of its own: dimensions, then crossings as "a × b".
        effects: the labels of all effects, piece after piece, as "a=x" or "a=x × b=y".
        basis: from the free coordinates of all pieces to their effects.
        pooling: coordinates × terms: which terms' variances add up to a coordinate's variance, and with what share.
        share: the share of each term's variance that goes to the intercept.
        centring: by coordinate, 1 where the data speak louder than the prior (centred), 0 where the prior does (non-centred).
        position: terms × cells: which effect of each piece belongs to a cell.
        deals: closed deals by cell.
        won: won deals by cell.
    """

    terms: tuple[str, ...]
    effects: tuple[str, ...]
    basis: csr_array
    pooling: Floats
    share: Floats
    centring: Floats
    position: Integers
    deals: Floats
    won: Floats

    @property
    def rate(self) -> float:
        """The share of closed deals that were won."""
        return float(self.won.sum() / self.deals.sum())


def pieces_of(cells: pd.DataFrame, dimensions: Sequence[str], cross: Sequence[tuple[str, str]] = ()) -> Pieces:
    """Return the model of a table of cells (one column a dimension, then ``deals`` and ``won``).

    A dimension with a single level has nothing to differ and is left out, with its crossings.
    """
    split = {name: pd.factorize(cells[name], sort=True) for name in dimensions}
    codes = {name: code.astype(np.int64) for name, (code, levels) in split.items() if len(levels) > 1}
    labels = {name: [f"{name}={level}" for level in levels] for name, (_, levels) in split.items() if name in codes}
    crossings = [pair for pair in cross if set(pair) <= set(codes)]
    terms = (*codes, *(f"{first} × {second}" for first, second in crossings))
    sizes = [len(labels[name]) for name in codes] + [len(labels[a]) * len(labels[b]) for a, b in crossings]
    bases = [zero_sum_basis(len(labels[name])) for name in codes]
    bases += [crossed_basis(len(labels[a]), len(labels[b])) for a, b in crossings]
    within = [*codes.values(), *(codes[a] * len(labels[b]) + codes[b] for a, b in crossings)]
    deals, won = cells["deals"].to_numpy(float), cells["won"].to_numpy(float)
    parts = [*((name,) for name in codes), *crossings]
    centring = [_centring([codes[name] for name in part], [len(labels[name]) for name in part], deals, won) for part in parts]
    names = [label for name in codes for label in labels[name]]
    names += [f"{one} × {two}" for a, b in crossings for one, two in product(labels[a], labels[b])]
    offsets = np.cumsum([0, *sizes])[: len(sizes)]
    return Pieces(
        terms=terms,
        effects=tuple(names),
        basis=csr_array(block_diag(bases, format="csr")) if bases else csr_array((0, 0), dtype=float),
        pooling=np.repeat(_pooling(labels, crossings), [basis.shape[1] for basis in bases], axis=0),
        share=1 / np.array(sizes, dtype=float),
        centring=np.repeat(centring, [basis.shape[1] for basis in bases]),
        position=np.array([code + offset for code, offset in zip(within, offsets, strict=True)], dtype=np.int64).reshape(
            -1, len(cells)
        ),
        deals=deals,
        won=won,
    )


def _pooling(labels: dict[str, list[str]], crossings: Sequence[tuple[str, str]]) -> Floats:
    names = list(labels)
    pooling = np.eye(len(names) + len(crossings))
    for number, (first, second) in enumerate(crossings, start=len(names)):
        pooling[names.index(first), number] = 1 / len(labels[second])
        pooling[names.index(second), number] = 1 / len(labels[first])
    return pooling


def _centring(codes: Sequence[Integers], sizes: Sequence[int], deals: Floats, won: Floats) -> float:
    """How far to centre a piece: the weight of a typical level's data against the prior.

    The prior's variance is guessed by the method of moments, of a crossing beyond its two dimensions, and cautiously: where it
    might be nothing, or levels are thin, the piece stays non-centred. All this changes how well the model samples, never what it says.
    Source: Papaspiliopoulos, Roberts and Sköld (2007), A general framework for the parametrization of hierarchical models,
    Statistical Science 22, 59-73, section 4.
    """
    code = np.ravel_multi_index(tuple(codes), tuple(sizes))
    count = int(np.prod(sizes))
    n, y = np.bincount(code, deals, count), np.bincount(code, won, count)
    there = np.flatnonzero(n)
    rate = (y[there] + 0.5) / (n[there] + 1)
    information = n[there] * rate * (1 - rate)
    odds = np.log(rate / (1 - rate))
    fitted = 1
    if len(sizes) > 1:
        margins = np.unravel_index(there, tuple(sizes))
        fitted = sum(len(np.unique(margin)) for margin in margins) - 1
        for margin in margins * SWEEPS:
            odds = odds - (np.bincount(margin, information * odds) / np.maximum(np.bincount(margin, information), TINY))[margin]
    spread = between_variance(odds, 1 / information, fitted=fitted, caution=CAUTION)
    typical = float(np.median(n)) * float(np.median(rate * (1 - rate)))
    return spread * typical / (1 + spread * typical) if typical >= ENOUGH else 0.0
