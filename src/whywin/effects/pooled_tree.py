"""Draws of the pooled model as a tree that is read without whywin."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whywin.effects.pooled_effects import names_of
from whywin.effects.pooled_sampling import Drawn
from whywin.effects.pooling import Pooling


def tree_of(model: Pooling, found: Drawn, effects: NDArray[np.float64], segments: Sequence[str], unit: str) -> Any:
    """Return draws as an xarray DataTree.

    Group ``posterior``: ``effect`` by segment in people's units, ``coefficient`` and ``sd`` by term in logits (or standard deviations of a
    number); ``sample_stats``: nutpie's own.
    """
    import xarray as xr

    chains, draws = found.coefficients.shape[:2]
    names = names_of(model)
    unknown = xr.Dataset(
        {
            "effect": (("chain", "draw", "segment"), effects.reshape(chains, draws, -1)),
            "coefficient": (("chain", "draw", "column"), found.coefficients),
            "sd": (("chain", "draw", "term"), found.spread),
        },
        coords={
            "chain": np.arange(chains),
            "draw": np.arange(draws),
            "segment": list(segments),
            "column": names,
            "term": list(model.terms),
        },
        attrs={"effect_unit": unit},
    )
    return xr.DataTree.from_dict({"posterior": unknown, "sample_stats": found.statistics})
