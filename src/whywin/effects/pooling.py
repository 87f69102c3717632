"""The pooled model of outcomes as arrays: cells of alike deals, the columns of the model, and what their coefficients are drawn to.

A deal's outcome (a chance in logits, or a number in standard deviations) is a sum of
    an intercept; a slope for each column that is adjusted for and is no modifier; an effect of each level of each modifier and cluster;
    and, in treated deals, the effect of the treatment: its mean, and its deviations by the same columns and levels.
Levels of a modifier sum to zero and have a standard deviation of their own, once for outcomes and once for effects, so that levels with
few deals are drawn to the others as far as the others are alike (partial pooling).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import block_diag, csr_array
from scipy.special import expit

from whywin.stats.zero_sum import zero_sum_basis

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
FIXED: Final = -1
TINY: Final = 1e-12
ENOUGH: Final = 1000.0  # information of a typical level from which its coefficient is sampled centred: 4,000 deals at even odds
SLOPES: Final = "what is adjusted for"


@dataclass(frozen=True)
class Dimension:
    """A modifier or the clusters: a name and, by deal, the code of its level."""

    name: str
    codes: Integers


@dataclass(frozen=True)
class Scales:
    """Prior standard deviations, in logits (or standard deviations of a number).

    Attributes:
        level: of the mean outcome about the observed one.
        slope: of the slope of each adjusted column, per standard deviation.
        effect: of the mean effect.
        spread: half-normal scale of the differences between levels.
        effect_spread: half-normal scale of the differences of effects between levels, and per standard deviation of a column.
    """

    level: float
    slope: float
    effect: float
    spread: float
    effect_spread: float


@dataclass(frozen=True, eq=False)
class Pooling:
    """The model and its data, one row a cell.

    Attributes:
        base: columns of the outcome without treatment, cells × p, the intercept first.
        shift: columns of the effect of treatment, cells × q, a one first.
        treated: 1 where the cell's deals were treated.
        deals: how many deals the cell has.
        total: the sum of their outcomes: won deals, or centred and scaled numbers.
        share: the share treated, which treatment is centred at.
        owner: by coefficient (base, then shift), the term whose standard deviation it has, or FIXED.
        fixed: by coefficient, its prior standard deviation; 1 where a term has it.
        centred: by coefficient, whether the data speak louder than its prior.
        terms: names of what has a standard deviation of its own.
        widths: by term, the half-normal scale of that standard deviation.
        cell: by deal, its cell.
        slopes: how many of the columns behind the intercept are numbers with a slope; the others are levels'.
        basis: from the coordinates of levels to the effects of all levels of all dimensions, one behind the other.
        position: by cell and dimension, which of those effects it has.
        offset: what is added to the linear predictor: the overall chance in logits; 0 for numbers.
        centre: what was taken off the outcome, and `spread` what it was divided by; 0 and 1 of chances.
        spread: see `centre`.
        binary: whether outcomes are 0 and 1.
    """

    base: Floats
    shift: Floats
    treated: Floats
    deals: Floats
    total: Floats
    share: float
    owner: Integers
    fixed: Floats
    centred: NDArray[np.bool_]
    terms: tuple[str, ...]
    widths: Floats
    cell: Integers
    slopes: int
    basis: Floats
    position: Integers
    offset: float
    centre: float
    spread: float
    binary: bool

    @property
    def columns(self) -> Floats:
        """The columns as observed, cells × (p + q)."""
        return self.under(self.treated)

    def under(self, treatment: Floats | float) -> Floats:
        """Return the columns under a treatment; it is centred, so that mean outcomes and effects can be told apart."""
        dose = np.broadcast_to(np.asarray(treatment, dtype=float) - self.share, len(self.base))
        return np.column_stack([self.base, self.shift * dose[:, None]])

    def mean(self, linear: Floats) -> Floats:
        """Return the mean outcomes of linear predictors, in the outcome's own unit."""
        return np.asarray(expit(self.offset + linear)) if self.binary else self.centre + self.spread * linear


def pooled(
    outcome: Floats,
    treated: NDArray[np.bool_],
    adjusted: Floats,
    dimensions: Sequence[Dimension],
    scales: Scales,
    *,
    binary: bool,
) -> Pooling:
    """Return the model of some deals.

    Args:
        outcome: of each deal.
        treated: which were treated.
        adjusted: columns that are adjusted for and no modifier's, n × k.
        dimensions: modifiers and clusters.
        scales: the priors.
        binary: whether outcomes are 0 and 1.
    """
    spread = adjusted.std(axis=0)
    numbers = (adjusted - adjusted.mean(axis=0)) / np.where(spread > TINY, spread, 1.0)
    basis, position = _basis([dimension.codes for dimension in dimensions], len(outcome))
    base = np.hstack([np.ones((len(outcome), 1)), numbers, basis[position].sum(axis=1)])
    names = [dimension.name for dimension in dimensions]
    terms, owner = _terms(names, numbers.shape[1], [int(dimension.codes.max()) for dimension in dimensions])
    fixed = np.ones(len(owner))
    fixed[0], fixed[1 : 1 + numbers.shape[1]], fixed[base.shape[1]] = scales.level, scales.slope, scales.effect
    widths = np.array([scales.spread] * len(names) + [scales.effect_spread] * (len(terms) - len(names)))
    centre, unit = (0.0, 1.0) if binary else (float(outcome.mean()), float(outcome.std()) or 1.0)
    cell, rows, deals = _cells(base, treated, merged=binary)
    total = np.bincount(cell, (outcome - centre) / unit)
    made = Pooling(
        base[rows], base[rows], treated[rows].astype(float), deals, total, float(treated.mean()), owner, fixed,
        np.zeros(len(owner), dtype=bool), terms, widths, cell, numbers.shape[1], basis, position[rows],
        _offset(outcome) if binary else 0.0, centre, unit, binary,
    )  # fmt: skip
    return _centred(made)


def _terms(names: list[str], slopes: int, widths: list[int]) -> tuple[tuple[str, ...], Integers]:
    """Return what has a standard deviation of its own, and the term of each coefficient: those of the outcome, then of the effect."""
    by_slopes = [f"effect by {SLOPES}"] if slopes else []
    terms = (*names, *by_slopes, *(f"effect by {name}" for name in names))
    first = len(names) + len(by_slopes)
    own = [(FIXED, 1), (FIXED, slopes), *enumerate(widths), (FIXED, 1), (len(names), slopes), *enumerate(widths, start=first)]
    return terms, np.concatenate([np.full(count, place, dtype=np.int64) for place, count in own])


def _offset(outcome: Floats) -> float:
    chance = float(np.clip(outcome.mean(), 0.01, 0.99))
    return float(np.log(chance / (1 - chance)))


def _basis(codes: Sequence[Integers], count: int) -> tuple[Floats, Integers]:
    """Return the bases of all dimensions in one matrix, behind a row of zeros, and the row that each deal has in each dimension."""
    found = block_diag([csr_array((1, 0)), *(zero_sum_basis(int(one.max()) + 1) for one in codes)]).toarray()
    starts = np.cumsum([1, *(int(one.max()) + 1 for one in codes)])[:-1]
    columns = [np.zeros(count, dtype=np.int64), *(one + start for one, start in zip(codes, starts, strict=True))]
    return np.asarray(found, dtype=float), np.column_stack(columns).astype(np.int64)


def _cells(base: Floats, treated: NDArray[np.bool_], *, merged: bool) -> tuple[Integers, Integers, Floats]:
    """Return the cell of each deal, a deal of each cell, and how many deals each has: binomial counts lose nothing."""
    if not merged:
        return np.arange(len(base)), np.arange(len(base)), np.ones(len(base))
    _, rows, cell, deals = np.unique(
        np.column_stack([base, treated]), axis=0, return_index=True, return_inverse=True, return_counts=True
    )
    return cell.ravel().astype(np.int64), rows.astype(np.int64), deals.astype(float)


def _centred(model: Pooling) -> Pooling:
    """Return the model with those terms centred whose typical coefficient the data know well."""
    weight = 0.25 if model.binary else 1.0
    known = weight * model.deals @ model.columns**2
    centred = np.zeros(len(model.owner), dtype=bool)
    for term in range(len(model.terms)):
        own = model.owner == term
        if own.any():
            centred[own] = np.median(known[own]) >= ENOUGH
    return replace(model, centred=centred)


def standard_deviations(model: Pooling, spread: Floats) -> Floats:
    """Return the prior standard deviation of each coefficient, draws × coefficients, from those of the terms, draws × terms."""
    filled = np.column_stack([spread, np.ones(len(spread))])
    return np.where(model.owner == FIXED, model.fixed, filled[:, model.owner])


def effects_by_cell(model: Pooling, coefficients: Floats) -> Iterator[tuple[slice, Floats]]:
    """Give the effect of each cell under some draws after others, draws × cells, so that no array grows too large."""
    step = max(1, 4_000_000 // len(model.base))
    upper, lower = model.under(1.0), model.under(0.0)
    for start in range(0, len(coefficients), step):
        part = slice(start, start + step)
        yield part, model.mean(coefficients[part] @ upper.T) - model.mean(coefficients[part] @ lower.T)
