"""The Laplace approximation of the latent field (intercept and effects) at given standard deviations.

At each set of standard deviations the field's conditional posterior is log-concave; Newton's method finds its mode, and the curvature
there gives the Gaussian that stands for it, the marginal likelihood of the standard deviations with its gradient, and draws of the
field with their exact importance ratios. All loops are Numba's, and release the interpreter, so that points run side by side.

Sources: Tierney and Kadane (1986), JASA 81, 82-86; Rue, Martino and Chopin (2009), Approximate Bayesian inference for latent Gaussian
models by using integrated nested Laplace approximations, JRSS B 71, 319-392; for the gradient: Kristensen, Nielsen, Berg, Skaug and
Bell (2016), TMB: automatic differentiation and Laplace approximation, Journal of Statistical Software 70 (5).
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from whywin.winrates.pieces import Pieces

FILLED: Final = 0.15

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Field:
    """What the kernels read: the cells by their effects, and the basis from coordinates (the intercept is the first) to effects."""

    position: Any
    deals: Floats
    won: Floats
    centre: float
    value: Floats
    column: Any
    start: Any
    dense: Floats
    gaussian: bool

    @property
    def given(self) -> tuple[Any, ...]:
        """The arguments of every kernel, in order."""
        return self.position, self.deals, self.won, self.centre, self.value, self.column, self.start, self.dense, self.gaussian


def _written_out(basis: csr_array) -> Floats:
    """The basis with the intercept in front, where so much of it is filled that loops over its entries are slower than products."""
    effects, coordinates = basis.shape
    if basis.nnz < FILLED * effects * coordinates:
        return np.zeros((0, 0))
    whole = np.zeros((effects + 1, coordinates + 1))
    whole[0, 0], whole[1:, 1:] = 1.0, basis.toarray()
    return whole


def field_of(pieces: Pieces, centre: float) -> Field:
    """Return the field of a model: effect 0 is the intercept about `centre`, then the effects of the pieces."""
    basis = pieces.basis
    position = np.ascontiguousarray(pieces.position.T.astype(np.int32) + 1)
    return Field(
        position=position.reshape(len(pieces.deals), -1),
        deals=pieces.deals,
        won=pieces.won,
        centre=centre,
        value=np.concatenate([[1.0], basis.data]),
        column=np.concatenate([[0], basis.indices.astype(np.int64) + 1]),
        start=np.concatenate([[0], basis.indptr.astype(np.int64) + 1]),
        dense=_written_out(basis),
        gaussian=pieces.family == "normal",
    )
