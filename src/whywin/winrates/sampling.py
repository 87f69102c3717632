"""Draws from the posterior of the hierarchical model: PyMC declares it, nutpie samples it."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from whywin.winrates.density import operation
from whywin.winrates.pieces import Pieces
from whywin.winrates.priors import Family, Priors

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Effort:
    """How long and how carefully to sample."""

    draws: int
    tune: int
    chains: int
    target_accept: float


def posterior(pieces: Pieces, priors: Priors, effort: Effort, rng: np.random.Generator) -> Any:
    """Return draws as an xarray DataTree (see `tree_of`) with a group ``sample_stats`` as nutpie gives it.

    The same `rng` gives the same draws to the last bit, on any number of cores.
    """
    import nutpie

    seed = int(rng.integers(2**31))
    given = _data(pieces, priors)
    model = _compiled(len(pieces.terms), pieces.basis.shape[1], priors.family, _shape(priors)).with_data(**given)
    drawn = nutpie.sample(
        model,
        draws=effort.draws,
        tune=effort.tune,
        chains=effort.chains,
        seed=seed,
        save_warmup=False,
        progress_bar=False,
        target_accept=effort.target_accept,
    )
    raw, width = drawn.posterior, given["width"]
    sd = raw["spread"].to_numpy() * width
    variance = np.einsum("ijk,lk->ijl", sd**2, pieces.pooling)
    free = raw["coordinate"].to_numpy() * variance ** ((1 - pieces.centring) / 2)
    tree = tree_of(pieces, raw["intercept"].to_numpy() + priors.centre, sd, free)
    statistics = drawn.sample_stats.to_dataset()[["diverging", "energy", "n_steps", "step_size", "depth", "maxdepth_reached"]]
    return tree.assign({"sample_stats": type(tree)(statistics)})


def _shape(priors: Priors) -> float:
    """The one number of a prior that cannot be a mere scale."""
    return priors.spread if priors.family == "inverse_gamma" else 0.0


def _data(pieces: Pieces, priors: Priors) -> dict[str, Any]:
    return {
        "location": np.array([priors.centre, priors.width]),
        "width": np.full(len(pieces.terms), 1.0) if _shape(priors) else np.broadcast_to(priors.scale, len(pieces.terms)).copy(),
        "pooling": pieces.pooling,
        "share": pieces.share,
        "centring": pieces.centring,
        "value": pieces.basis.data.astype(float),
        "column": pieces.basis.indices.astype(np.int64),
        "start": pieces.basis.indptr.astype(np.int64),
        "position": pieces.position,
        "deals": pieces.deals,
        "won": pieces.won,
    }


def declared(terms: int, coordinates: int, given: dict[str, Any], family: Family = "half_normal", shape: float = 0.0) -> Any:
    """Return the PyMC model: spreads (in units of their prior scale), and the fused density of everything else."""
    import pymc as pm

    with pm.Model() as model:
        data = [pm.Data(name, value) for name, value in given.items()]
        intercept = pm.Flat("intercept", initval=0.0)
        match family:
            case "half_normal":
                spread = pm.HalfNormal("spread", 1.0, shape=terms)
            case "half_cauchy":
                spread = pm.HalfCauchy("spread", 1.0, shape=terms)
            case "inverse_gamma":
                spread = pm.Deterministic("spread", pm.InverseGamma("variance", shape, shape, shape=terms) ** 0.5)
        coordinate = pm.Flat("coordinate", shape=coordinates, initval=np.zeros(coordinates))
        pm.Potential("density", operation()(intercept, spread, coordinate, *data)[0])
    return model


@cache
def _compiled(terms: int, coordinates: int, family: Family, shape: float) -> Any:
    """Compile the model once for each number of unknowns: the data, and with them the structure, are filled in afterwards."""
    import nutpie
    import pytensor

    blank = {
        "location": np.array([0.0, 1.0]),
        "width": np.ones(terms),
        "pooling": np.ones((coordinates, terms)),
        "share": np.ones(terms),
        "centring": np.zeros(coordinates),
        "value": np.zeros(1),
        "column": np.zeros(1, dtype=np.int64),
        "start": np.zeros(2, dtype=np.int64),
        "position": np.zeros((terms, 1), dtype=np.int64),
        "deals": np.ones(1),
        "won": np.zeros(1),
    }
    with pytensor.config.change_flags(numba__fastmath=False):
        return nutpie.compile_pymc_model(declared(terms, coordinates, blank, family, shape))


def tree_of(pieces: Pieces, intercept: Floats, sd: Floats, coordinates: Floats) -> Any:
    """Return draws as an xarray DataTree that is read without whywin.

    Args:
        pieces: the model.
        intercept: chains × draws, log odds.
        sd: chains × draws × terms, logits.
        coordinates: chains × draws × coordinates, logits.

    Group ``posterior``: ``intercept``, ``sd`` by term and ``effect`` by level (logits); ``observed_data``: ``deals`` and ``won`` by
    cell; ``constant_data``: ``position``, which effect of each term a cell has, and ``owner``, which term an effect belongs to. The
    attribute ``walks`` names the dimensions whose levels follow one another.
    """
    import xarray as xr

    flat = coordinates.reshape(intercept.size, -1)
    effect = np.ascontiguousarray((pieces.basis @ flat.T).T).reshape(*coordinates.shape[:2], len(pieces.effects))
    ends = {"chain": np.arange(intercept.shape[0]), "draw": np.arange(intercept.shape[1])}
    unknown = xr.Dataset(
        {
            "intercept": (("chain", "draw"), intercept),
            "sd": (("chain", "draw", "term"), sd),
            "effect": (("chain", "draw", "level"), effect),
        },
        coords={**ends, "term": list(pieces.terms), "level": list(pieces.effects)},
    )
    observed = xr.Dataset({"deals": ("cell", pieces.deals), "won": ("cell", pieces.won)})
    constant = xr.Dataset(
        {"position": (("term", "cell"), pieces.position), "owner": ("level", pieces.owner)},
        coords={"term": list(pieces.terms), "level": list(pieces.effects)},
    )
    tree = xr.DataTree.from_dict({"posterior": unknown, "observed_data": observed, "constant_data": constant})
    tree.attrs["walks"] = list(pieces.walks)
    return tree
