"""Draws from the posterior of the hierarchical model: PyMC declares it, nutpie samples it."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from whywin.winrates.density import operation
from whywin.winrates.pieces import Pieces


@dataclass(frozen=True)
class Priors:
    """What is believed before the data, in logits.

    Attributes:
        centre: where the company's log odds are expected.
        width: standard deviation of the company's log odds.
        spread: scale of the half-normal prior of every term's standard deviation.
    """

    centre: float
    width: float
    spread: float


@dataclass(frozen=True)
class Effort:
    """How long and how carefully to sample."""

    draws: int
    tune: int
    chains: int
    target_accept: float


def posterior(pieces: Pieces, priors: Priors, effort: Effort, rng: np.random.Generator) -> Any:
    """Return draws as an xarray DataTree.

    Group ``posterior``: ``intercept`` (log odds), ``sd`` by term and ``effect`` by effect (logits); ``sample_stats`` as nutpie
    gives it; ``observed_data``: ``deals`` and ``won`` by cell; ``constant_data``: ``position`` (which effect of each term a cell has).
    The same `rng` gives the same draws to the last bit, on any number of cores.
    """
    import nutpie

    seed = int(rng.integers(2**31))
    given = _data(pieces, priors)
    model = _compiled(len(pieces.terms), pieces.basis.shape[1]).with_data(**given)
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
    return _tree(pieces, priors, drawn)


def _data(pieces: Pieces, priors: Priors) -> dict[str, Any]:
    return {
        "location": np.array([priors.centre, priors.width]),
        "width": np.full(len(pieces.terms), priors.spread),
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


def declared(terms: int, coordinates: int, given: dict[str, Any]) -> Any:
    """Return the PyMC model: half-normal spreads (in units of their prior scale), and the fused density of everything else."""
    import pymc as pm

    with pm.Model() as model:
        data = [pm.Data(name, value) for name, value in given.items()]
        intercept = pm.Flat("intercept", initval=0.0)
        spread = pm.HalfNormal("spread", 1.0, shape=terms)
        coordinate = pm.Flat("coordinate", shape=coordinates, initval=np.zeros(coordinates))
        pm.Potential("density", operation()(intercept, spread, coordinate, *data)[0])
    return model


@cache
def _compiled(terms: int, coordinates: int) -> Any:
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
        return nutpie.compile_pymc_model(declared(terms, coordinates, blank))


def _tree(pieces: Pieces, priors: Priors, drawn: Any) -> Any:
    import xarray as xr

    raw = drawn.posterior
    sd = raw["spread"].to_numpy() * priors.spread
    variance = np.einsum("ijk,lk->ijl", sd**2, pieces.pooling)
    free = raw["coordinate"].to_numpy() * variance ** ((1 - pieces.centring) / 2)
    flat = free.reshape(-1, free.shape[-1])
    effect = np.ascontiguousarray((pieces.basis @ flat.T).T).reshape(*free.shape[:2], len(pieces.effects))
    ends = {"chain": raw["chain"].to_numpy(), "draw": raw["draw"].to_numpy()}
    unknown = xr.Dataset(
        {
            "intercept": (("chain", "draw"), raw["intercept"].to_numpy() + priors.centre),
            "sd": (("chain", "draw", "term"), sd),
            "effect": (("chain", "draw", "level"), effect),
        },
        coords={**ends, "term": list(pieces.terms), "level": list(pieces.effects)},
    )
    statistics = drawn.sample_stats.to_dataset()[["diverging", "energy", "n_steps", "step_size", "depth", "maxdepth_reached"]]
    observed = xr.Dataset({"deals": ("cell", pieces.deals.astype(np.int64)), "won": ("cell", pieces.won.astype(np.int64))})
    constant = xr.Dataset({"position": (("term", "cell"), pieces.position)}, coords={"term": list(pieces.terms)})
    groups = {"posterior": unknown, "sample_stats": statistics, "observed_data": observed, "constant_data": constant}
    return xr.DataTree.from_dict(groups)
