"""Draws from the posterior of the pooled model: PyMC declares it, nutpie samples it, ArviZ judges the chains."""

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from whywin.effects.pooling import FIXED, Pooling, standard_deviations

Floats = NDArray[np.float64]
RHAT, EFFECTIVE = 1.01, 400.0
ROUGH_RHAT, ROUGH_EFFECTIVE, ROUGH_DIVERGENT = 1.03, 200.0, 0.002  # beyond these it is worth while to sample again
FATAL_RHAT, FATAL_EFFECTIVE, FATAL_DIVERGENT = 1.05, 100.0, 0.01
CAREFUL: Final = (0.9, 0.99)  # how careful the first and the second try is


@dataclass(frozen=True)
class Effort:
    """How long to sample."""

    draws: int
    tune: int
    chains: int


@dataclass(frozen=True, eq=False)
class Drawn:
    """What was drawn.

    Attributes:
        coefficients: chains × draws × coefficients.
        spread: chains × draws × terms.
        statistics: nutpie's own, as an xarray Dataset.
        rhat: the largest; `effective` the smallest of bulk and tail effective sample size; `divergent` the share of the draws.
        effective: see `rhat`.
        divergent: see `rhat`.
    """

    coefficients: Floats
    spread: Floats
    statistics: Any
    rhat: float
    effective: float
    divergent: float

    @property
    def converged(self) -> bool:
        """Whether the chains are as they should be."""
        return self.rhat <= RHAT and self.effective >= EFFECTIVE and self.divergent == 0

    @property
    def rough(self) -> bool:
        """Whether sampling again, longer and more carefully, is worth its time."""
        return self.rhat > ROUGH_RHAT or self.effective < ROUGH_EFFECTIVE or self.divergent > ROUGH_DIVERGENT

    @property
    def usable(self) -> bool:
        """Whether the draws may be used, if with a remark."""
        return self.rhat <= FATAL_RHAT and self.effective >= FATAL_EFFECTIVE and self.divergent <= FATAL_DIVERGENT


def drawn(model: Pooling, effort: Effort, rng: np.random.Generator) -> Drawn:
    """Return draws; where chains are far from converged, those of twice as long and more careful ones.

    The same `rng` gives the same draws to the last bit, on any number of cores.
    """
    for longer, careful in enumerate(CAREFUL):
        found = _sampled(model, effort, 1 + longer, careful, int(rng.integers(2**31)))
        if not found.rough:
            break
    return found


def _sampled(model: Pooling, effort: Effort, times: int, careful: float, seed: int) -> Drawn:
    import arviz as az
    import nutpie

    compiled = _compiled(len(model.terms), len(model.owner), model.slopes, binary=model.binary).with_data(**_data(model))
    tree = nutpie.sample(
        compiled,
        draws=times * effort.draws,
        tune=times * effort.tune,
        chains=effort.chains,
        seed=seed,
        save_warmup=False,
        progress_bar=False,
        target_accept=careful,
    )
    raw = tree.posterior.to_dataset()
    judged = raw[["unit_spread", "coordinate"]]
    with np.errstate(divide="ignore", invalid="ignore"):  # a chain that never moved has no variance to divide by
        rhat = _all(az.rhat(judged)).max()
        effective = min(_all(az.ess(judged, method=method)).min() for method in ("bulk", "tail"))
    spread = raw["unit_spread"].to_numpy()[..., : len(model.terms)] * model.widths
    flat = standard_deviations(model, spread.reshape(-1, len(model.terms))).reshape(*spread.shape[:2], -1)
    coefficients = raw["coordinate"].to_numpy() * np.where(model.centred, 1.0, flat)
    statistics = tree.sample_stats.to_dataset()[["diverging", "energy", "n_steps", "step_size", "depth", "maxdepth_reached"]]
    divergent = float(statistics["diverging"].to_numpy().mean())
    return Drawn(coefficients, spread, statistics, _known(rhat, np.inf), _known(effective, 0.0), divergent)


def _all(found: Any) -> Floats:
    return np.concatenate([np.asarray(found[name], dtype=float).reshape(-1) for name in found.data_vars])


def _known(value: float, otherwise: float) -> float:
    return float(value) if np.isfinite(value) else otherwise


def _data(model: Pooling) -> dict[str, Any]:
    return {
        "numbers": model.base[:, 1 : 1 + model.slopes],
        "basis": model.basis,
        "position": model.position,
        "dose": model.treated - model.share,
        "owner": np.where(model.owner == FIXED, len(model.terms), model.owner),
        "fixed": np.where(model.owner == FIXED, model.fixed, 1.0),
        "widths": np.r_[model.widths, 1.0],
        "centred": model.centred.astype(float),
        "offset": np.array([model.offset]),
        "deals": model.deals,
        "total": model.total,
    }


@cache
def _compiled(terms: int, coordinates: int, slopes: int, *, binary: bool) -> Any:
    """Compile the model once for each number of unknowns: the data are filled in afterwards."""
    import nutpie
    import pytensor

    blank = {
        "numbers": np.zeros((2, slopes)),
        "basis": np.zeros((1, coordinates // 2 - 1 - slopes)),
        "position": np.zeros((2, 1), dtype=np.int64),
        "dose": np.zeros(2),
        "owner": np.full(coordinates, terms, dtype=np.int64),
        "fixed": np.ones(coordinates),
        "widths": np.ones(terms + 1),
        "centred": np.zeros(coordinates),
        "offset": np.zeros(1),
        "deals": np.ones(2),
        "total": np.zeros(2),
    }
    with pytensor.config.change_flags(numba__fastmath=False):
        return nutpie.compile_pymc_model(declared(terms, coordinates, slopes, blank, binary=binary))


def declared(terms: int, coordinates: int, slopes: int, given: dict[str, Any], *, binary: bool) -> Any:
    """Return the PyMC model: half-normal standard deviations, normal coefficients, and binomial counts or normal numbers."""
    import pymc as pm
    import pytensor.tensor as pt

    with pm.Model() as model:
        data = {name: pm.Data(name, value) for name, value in given.items()}
        unit = pm.HalfNormal("unit_spread", 1.0, shape=max(terms, 1))
        scale = data["fixed"] * pt.concatenate([unit[:terms] * data["widths"][:terms], pt.ones(1)])[data["owner"]]
        centred = data["centred"]
        coordinate = pm.Normal("coordinate", 0.0, scale**centred, shape=coordinates)
        coefficients = coordinate * scale ** (1 - centred)

        def of(own: Any) -> Any:  # a level's effect is looked up, which is ten times as fast as to multiply by its columns
            levels = (data["basis"] @ own[1 + slopes :])[data["position"]].sum(axis=1)
            return own[0] + data["numbers"] @ own[1 : 1 + slopes] + levels

        half = coordinates // 2
        linear = data["offset"][0] + of(coefficients[:half]) + data["dose"] * of(coefficients[half:])
        if binary:
            density = (data["total"] * linear - data["deals"] * pt.softplus(linear)).sum()
        else:
            noise = pm.HalfNormal("noise", 1.0)
            density = (data["deals"] * (-0.5 * ((data["total"] - linear) / noise) ** 2 - pt.log(noise))).sum()
        pm.Potential("likelihood", density)
    return model
