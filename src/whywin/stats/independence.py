"""Whether two things are unrelated once others are known, for numbers and labels alike.

Source: Shah and Peters (2020), The hardness of conditional independence testing and the generalised covariance measure, Annals of
Statistics 48, 1514-1538: residuals of both sides are multiplied, so that a slip in one of the two regressions does little harm.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.stats import f as f_distribution
from scipy.stats import norm, rankdata

Floats = NDArray[np.float64]
ROWS_PER_COLUMN: Final = 20  # rows that a regression has for each of its columns before products of columns are added
TOLERANCE: Final = 1e-9


@dataclass(frozen=True)
class Independence:
    """What is left between two things.

    Attributes:
        chance: p-value of there being nothing.
        size: the correlation left, beyond what chance alone would leave; for labels over all their levels together.
    """

    chance: float
    size: float


def normal_scores(values: Floats) -> Floats:
    """Return numbers as normal quantiles of their ranks, ties alike, so that a long tail counts no more than its deals."""
    return np.asarray(norm.ppf((rankdata(values) - 0.5) / len(values)))


def basis(blocks: list[Floats]) -> Floats:
    """Return what residuals are taken of: a constant, the columns of each block with squares and cubes of numbers, and products.

    Products of columns of two blocks are added as long as there are enough rows for them.
    """
    if not blocks:
        return np.empty((0, 0))
    rows = len(blocks[0])
    own = [np.ones((rows, 1)), *blocks]
    numbers = [column for block in blocks for column in block.T if not np.isin(column, (0.0, 1.0)).all()]
    own += [np.column_stack([column**2, column**3]) for column in numbers]
    crossed = [
        (one[:, :, None] * other[:, None, :]).reshape(rows, -1)
        for place, one in enumerate(blocks)
        for other in blocks[place + 1 :]
    ]
    width = sum(part.shape[1] for part in (*own, *crossed))
    return np.column_stack([*own, *crossed] if width * ROWS_PER_COLUMN <= rows else own)


def orthonormal(columns: Floats) -> Floats:
    """Return an orthonormal basis of the columns, redundant ones left out; through their products, since rows are many."""
    scale = np.sqrt((columns**2).mean(axis=0))
    scaled = columns[:, scale > 0] / scale[scale > 0]
    spread, turned = np.linalg.eigh(scaled.T @ scaled)
    kept = spread > TOLERANCE * spread[-1]
    return np.asarray(scaled @ (turned[:, kept] / np.sqrt(spread[kept])))


def left_over(values: Floats, given: Floats) -> Floats:
    """Return residuals of each column on an orthonormal basis."""
    return np.asarray(values - given @ (given.T @ values))


def independence(first: Floats, second: Floats, spent: int) -> Independence:
    """Test that no residual of one side is related to any of the other.

    Args:
        first: one row a deal, residuals of one thing.
        second: as `first`, of the other thing.
        spent: columns that the residuals were taken on.
    """
    products = (first[:, :, None] * second[:, None, :]).reshape(len(first), -1)
    mean = products.mean(axis=0)
    spread, turned = np.linalg.eigh(np.cov(products, rowvar=False, ddof=0).reshape(products.shape[1], -1))
    kept = spread > TOLERANCE * max(float(spread.max()), TOLERANCE)
    count, rank = len(products) - spent, int(kept.sum())
    if not rank or count <= rank + 1:
        return Independence(1.0, 0.0)
    distance = float((((mean @ turned)[kept]) ** 2 / spread[kept]).sum()) * count
    chance = float(f_distribution.sf(distance * (count - rank) / (rank * (count - 1)), rank, count - rank))
    return Independence(chance, math.sqrt(max(distance - rank, 0.0) / len(products)))
