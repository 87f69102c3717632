"""The hierarchical model fitted again, to fewer deals or with fewer effects: quickly, since a check does so several times."""

from typing import Any, Final

import numpy as np
import pandas as pd

from whywin.winrates.convergence import UNTRUSTED, trusted
from whywin.winrates.exploring import explore, resampled
from whywin.winrates.pieces import Pieces
from whywin.winrates.priors import Priors
from whywin.winrates.sampling import tree_of
from whywin.winrates.structure import Structure

POINTS: Final = (256, 1024)  # a quarter of what an answer takes; as many where that does not do
EACH, WORK = 16, 5_000_000  # draws of the field at a point: as many as cost so many evaluations of a cell, in all
DRAWS: Final = 2000
MOST_COORDINATES: Final = 800  # beyond this a fit takes the fast engine more than some seconds


def refittable(answers: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return the answers with estimates whose method can be fitted again and whose draws are those of cells."""
    return tuple(
        one
        for one in answers
        if hasattr(one.method, "fitted")
        and one.evidence.estimates
        and one.evidence.posterior is not None
        and "constant_data" in one.evidence.posterior.children
    )


def refitted(method: Any, structure: Structure, cells: pd.DataFrame, rng: np.random.Generator) -> Any:
    """Return draws of a model under the method's priors (see `sampling.tree_of`); None where the fast engine cannot be trusted.

    A model without anything that differs between cells has no draws either: ask its `Structure.pieces` for terms first.
    """
    pieces = structure.pieces(cells)
    if pieces.basis.shape[1] > MOST_COORDINATES:
        return None
    priors = method.priors_of(structure, pieces)
    tries = (_drawn(pieces, priors, points, rng) for points in POINTS)
    return next((tree for tree in tries if trusted(tree, UNTRUSTED)), None)


def _drawn(pieces: Pieces, priors: Priors, points: int, rng: np.random.Generator) -> Any:
    each = int(np.clip(WORK // (points * len(pieces.deals)), 1, EACH))
    weighted = explore(pieces, priors, points, each, rng)
    chosen = resampled(weighted, min(DRAWS, len(weighted.log_weight)), rng)[None]
    x = weighted.x[chosen]
    tree = tree_of(pieces, x[..., 0] + priors.centre, np.exp(weighted.log_sd[chosen]), x[..., 1:])
    tree.attrs.update(khat=weighted.khat_joint, effective=weighted.effective, candidates=len(weighted.log_weight))
    return tree
