"""The hierarchical model of a table of cells, written as arrays: crossed effects split into orthogonal zero-sum pieces.

The model is the textbook one: a cell's log odds are an intercept, one normal effect for each level of each dimension, and one for
each combination of two crossed dimensions; every dimension and every crossing ("term") has its own standard deviation. The levels
of a dimension are alike and independent, or follow one another as a random walk about its mean (periods, bands of an amount).
Written like that it samples badly, since a term's mean, and a crossing's row and column means, can be moved into the level above
without changing any log odds. So each term is split into the parts that the data can tell apart: deviations that sum to zero stay
with the term, and the rest is added to the level above, whose variance becomes the sum of the pieces'. The distribution of the
cells' log odds is exactly the same.

With v = sd squared of a term and m = what a dimension leaves in the level above (1 / L of its L levels, nothing of a walk, whose
mean is zero by itself):
    intercept     ~ normal with variance  prior + sum of v m over dimensions + sum of v m m' over crossings
    dimension     ~ zero-sum with variance  v + sum of v(crossing) m(the other dimension) over its crossings
    crossing      ~ zero-sum over rows and over columns with variance  v
    nested levels ~ zero-sum within each parent; the mean of a parent's n levels has variance v / n, of which v / n(largest parent),
                    the same for all, goes to the parents' own piece, and the rest stays with each parent's levels
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import product
from typing import Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import block_diag, csr_array, eye_array, hstack

from whywin.stats.zero_sum import between_variance, crossed, nested_basis, walk_basis, zero_sum_basis

SWEEPS: Final = 20  # passes over rows and columns until a crossing's additive part is gone
CAUTION: Final = 2.0  # standard errors
ENOUGH: Final = 50.0  # information of a typical level (200 deals at even odds) below which centring risks divergences
TINY: Final = 1e-12
OVERDISPERSION: Final = "cells"

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Pieces:
    """The structure of a model and the cells that it is fitted to.

    Attributes:
        terms: the names of what has a standard deviation of its own: dimensions, crossings as "a × b", and "cells" if overdispersed.
        effects: the labels of all effects, piece after piece, as "a=x" or "a=x × b=y".
        owner: by effect, the number of its term.
        basis: from the free coordinates of all pieces to their effects.
        pooling: coordinates × terms: which terms' variances add up to a coordinate's variance, and with what share.
        share: the share of each term's variance that goes to the intercept.
        centring: by coordinate, 1 where the data speak louder than the prior (centred), 0 where the prior does (non-centred).
        position: terms × cells: which effect of each piece belongs to a cell.
        deals: closed deals by cell (a sum of weights where deals are weighted).
        won: won deals by cell, counted likewise.
        walks: the dimensions whose levels follow one another.
        family: "binomial" for counts; "normal" for values with known errors, where ``deals`` holds their precisions and ``won``
            precision times value, and the log odds are the values' means.
    """

    terms: tuple[str, ...]
    effects: tuple[str, ...]
    owner: Integers
    basis: csr_array
    pooling: Floats
    share: Floats
    centring: Floats
    position: Integers
    deals: Floats
    won: Floats
    walks: tuple[str, ...] = ()
    family: Literal["binomial", "normal"] = "binomial"

    @property
    def rate(self) -> float:
        """The share of closed deals that were won."""
        return float(self.won.sum() / self.deals.sum())


@dataclass(frozen=True, eq=False)
class _Dimension:
    """One column of the cells: its levels, which of them each cell has, and how they hang together."""

    name: str
    labels: tuple[str, ...]
    codes: Integers
    walk: bool
    basis: csr_array = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "basis", (walk_basis if self.walk else zero_sum_basis)(len(self.labels)))

    @property
    def left(self) -> float:
        """The share of its variance that is left in the level above."""
        return 0.0 if self.walk else 1 / len(self.labels)


@dataclass(frozen=True, eq=False)
class _Piece:
    """One term: its dimensions, its basis, and by coordinate which terms' variances it pools."""

    name: str
    labels: tuple[str, ...]
    codes: Integers
    basis: csr_array
    pooling: Floats
    centring: Floats


def pieces_of(
    cells: pd.DataFrame,
    dimensions: Sequence[str],
    cross: Sequence[tuple[str, str]] = (),
    *,
    walks: Sequence[str] = (),
    levels: Mapping[str, Sequence[str]] | None = None,
    overdispersed: bool = False,
) -> Pieces:
    """Return the model of a table of cells (one column a dimension, then ``deals`` and ``won``).

    Args:
        cells: one row a cell.
        dimensions: its columns that split the deals; one with a single level has nothing to differ and is left out, with its crossings.
        cross: pairs of dimensions whose combinations may differ beyond their sum.
        walks: the dimensions whose levels follow one another as a random walk, in sorted order or that of `levels`.
        levels: all levels of a dimension in their order, where some have no cells (a period without deals).
        overdispersed: whether cells differ beyond what their effects and chance explain.
    """
    given = levels or {}
    known = {name: _dimension(cells[name], name, given.get(name), walk=name in walks) for name in dimensions}
    known = {name: one for name, one in known.items() if len(one.labels) > 1}
    crossings = [pair for pair in cross if set(pair) <= set(known)]
    deals, won = cells["deals"].to_numpy(float), cells["won"].to_numpy(float)
    count = len(known) + len(crossings) + overdispersed
    pooling = _pooling(known, crossings, count)
    pieces = [_main(one, row, deals, won) for one, row in zip(known.values(), pooling, strict=False)]
    share = _shares(known, crossings, count)
    for child, parent in _nesting(list(known.values())):
        pieces, share = _nest(pieces, share, child, parent, known)
    pieces += [_cross(known[a], known[b], row, deals, won) for (a, b), row in zip(crossings, pooling[len(known) :], strict=False)]
    if overdispersed:
        labels, one = tuple(f"cell={number}" for number in range(len(cells))), np.eye(count)[-1]
        still = np.zeros(len(cells))
        basis = csr_array(eye_array(len(cells), format="csr"))
        pieces.append(_Piece(OVERDISPERSION, labels, np.arange(len(cells)), basis, np.tile(one, (len(cells), 1)), still))
    walking = tuple(one.name for one in known.values() if one.walk)
    return replace(_joined(pieces, share, deals, won), walks=walking)


def pieces_of_values(table: pd.DataFrame, dimensions: Sequence[str]) -> Pieces:
    """Return the same model for values with known standard errors (columns ``value`` and ``error``), such as effects by segment."""
    precision = 1 / table["error"].to_numpy(float) ** 2
    known = {name: _dimension(table[name], name, None, walk=False) for name in dimensions}
    count = len(known)
    pieces = [
        replace(_main(one, row, precision, precision / 2), centring=np.zeros(len(one.labels) - 1))
        for one, row in zip(known.values(), np.eye(count), strict=True)
    ]
    joined = _joined(pieces, _shares(known, [], count), precision, precision * table["value"].to_numpy(float))
    return replace(joined, family="normal")


def _dimension(column: pd.Series, name: str, levels: Sequence[str] | None, *, walk: bool) -> _Dimension:
    values = column.astype(str)
    labels = sorted(values.unique()) if levels is None else list(levels)
    codes = pd.Categorical(values, categories=labels).codes.astype(np.int64)
    return _Dimension(name, tuple(f"{name}={label}" for label in labels), codes, walk)


def _pooling(known: Mapping[str, _Dimension], crossings: Sequence[tuple[str, str]], count: int) -> Floats:
    names = list(known)
    pooling = np.eye(count)
    for number, (first, second) in enumerate(crossings, start=len(names)):
        pooling[names.index(first), number] = known[second].left
        pooling[names.index(second), number] = known[first].left
    return pooling


def _shares(known: Mapping[str, _Dimension], crossings: Sequence[tuple[str, str]], count: int) -> Floats:
    shares = [one.left for one in known.values()] + [known[a].left * known[b].left for a, b in crossings]
    return np.array([*shares, *([0.0] * (count - len(shares)))])


def _main(one: _Dimension, row: Floats, deals: Floats, won: Floats) -> _Piece:
    centring = _centring(one.basis, [one.codes], [len(one.labels)], deals, won)
    return _Piece(one.name, one.labels, one.codes, one.basis, np.tile(row, (one.basis.shape[1], 1)), centring)


def _cross(one: _Dimension, two: _Dimension, row: Floats, deals: Floats, won: Floats) -> _Piece:
    basis = crossed(one.basis, two.basis)
    labels = tuple(f"{first} × {second}" for first, second in product(one.labels, two.labels))
    codes = one.codes * len(two.labels) + two.codes
    centring = _centring(basis, [one.codes, two.codes], [len(one.labels), len(two.labels)], deals, won)
    return _Piece(f"{one.name} × {two.name}", labels, codes, basis, np.tile(row, (basis.shape[1], 1)), centring)


def _nesting(known: Sequence[_Dimension]) -> list[tuple[_Dimension, _Dimension]]:
    """Which dimension lies in which other one: each of its levels in one level only (reps in regions), the finest that there is.

    The model is the same either way: only how it is cut into pieces depends on it.
    """
    able = sorted((one for one in known if not one.walk), key=lambda one: -len(one.labels))
    pairs = []
    for child in able:
        parents = [one for one in able if len(one.labels) < len(child.labels) and _lies_in(child.codes, one.codes)]
        if parents:
            pairs.append((child, parents[0]))
    return pairs


def _lies_in(child: Integers, parent: Integers) -> bool:
    return len(np.unique(child * (parent.max() + 1) + parent)) == len(np.unique(child))


def _nest(
    pieces: list[_Piece], share: Floats, child: _Dimension, parent: _Dimension, known: Mapping[str, _Dimension]
) -> tuple[list[_Piece], Floats]:
    own, above = list(known).index(child.name), list(known).index(parent.name)
    home = np.zeros(len(child.labels), dtype=np.int64)
    home[child.codes] = parent.codes
    _, inside, sizes = np.unique(home, return_inverse=True, return_counts=True)
    piece, row, up = pieces[own], pieces[own].pooling[0], pieces[above]
    within, means = nested_basis(inside), csr_array(np.eye(len(sizes))[inside])
    left = np.outer(1 / sizes - 1 / sizes.max(), row)
    some = np.flatnonzero(left.any(axis=1))
    changed = list(pieces)
    changed[own] = replace(
        piece,
        basis=csr_array(hstack([within, means[:, some]], format="csr")),
        pooling=np.vstack([np.tile(row, (within.shape[1], 1)), left[some]]),
        centring=np.concatenate([np.full(within.shape[1], piece.centring[0]), np.zeros(len(some))]),
    )
    changed[above] = replace(up, pooling=up.pooling + row / sizes.max())
    return changed, share + row * (parent.left / sizes.max() - child.left)


def _joined(pieces: Sequence[_Piece], share: Floats, deals: Floats, won: Floats) -> Pieces:
    offsets = np.cumsum([0, *(len(piece.labels) for piece in pieces)])
    position = [piece.codes + offset for piece, offset in zip(pieces, offsets[:-1], strict=True)]
    return Pieces(
        terms=tuple(piece.name for piece in pieces),
        effects=tuple(label for piece in pieces for label in piece.labels),
        owner=np.repeat(np.arange(len(pieces)), [len(piece.labels) for piece in pieces]).astype(np.int64),
        basis=csr_array(block_diag([piece.basis for piece in pieces], format="csr"))
        if pieces
        else csr_array((0, 0), dtype=float),
        pooling=np.vstack([piece.pooling for piece in pieces]) if pieces else np.zeros((0, 0)),
        share=share,
        centring=np.concatenate([piece.centring for piece in pieces]) if pieces else np.zeros(0),
        position=np.array(position, dtype=np.int64).reshape(-1, len(deals)),
        deals=deals,
        won=won,
    )


def _centring(basis: csr_array, codes: Sequence[Integers], sizes: Sequence[int], deals: Floats, won: Floats) -> Floats:
    """How far to centre each coordinate of a piece: the weight of a typical level's data against the prior.

    The prior's variance is guessed by the method of moments, of a crossing beyond its two dimensions, and cautiously: where it
    might be nothing, or levels are thin, the piece stays non-centred. All this changes how well the model samples, never what it says.
    Source: Papaspiliopoulos, Roberts and Sköld (2007), A general framework for the parametrization of hierarchical models,
    Statistical Science 22, 59-73, section 4.
    """
    length = np.asarray(basis.multiply(basis).sum(axis=0)).reshape(-1)
    code = np.ravel_multi_index(tuple(codes), tuple(sizes))
    count = int(np.prod(sizes))
    n, y = np.bincount(code, deals, count), np.bincount(code, won, count)
    there = np.flatnonzero(n)
    rate = (y[there] + 0.5) / (n[there] + 1)
    typical = float(np.median(n)) * float(np.median(rate * (1 - rate)))
    if typical < ENOUGH:
        return np.zeros(len(length))
    information = n[there] * rate * (1 - rate)
    odds = np.log(rate / (1 - rate))
    fitted = 1
    if len(sizes) > 1:
        margins = np.unravel_index(there, tuple(sizes))
        fitted = sum(len(np.unique(margin)) for margin in margins) - 1
        for margin in margins * SWEEPS:
            odds = odds - (np.bincount(margin, information * odds) / np.maximum(np.bincount(margin, information), TINY))[margin]
    spread = between_variance(odds, 1 / information, fitted=fitted, caution=CAUTION)
    return np.asarray(spread * typical * length / (1 + spread * typical * length))
