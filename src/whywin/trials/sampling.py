"""Draws from the posterior of a trial's hierarchical logistic model: PyMC declares it, nutpie samples it."""

from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


def posterior(
    won: Integers,
    deals: Integers,
    arm: Integers,
    scales: tuple[float, float],
    effort: tuple[int, int, int],
    rng: np.random.Generator,
) -> Any:
    """Return draws as an xarray DataTree: ``control`` (log odds), ``effect`` of each other arm, ``spread`` and ``unit`` (logits).

    The same `rng` gives the same draws to the last bit, on any number of cores.

    Args:
        won: won deals of each unit.
        deals: deals of each unit.
        arm: arm of each unit, 0 for control.
        scales: standard deviations of the priors of an effect and, half-normal, of the spread between units (logits; 0 for no spread).
        effort: draws and tuning steps of each chain, and chains.
        rng: where the draws come from.
    """
    import nutpie

    draws, tune, chains = effort
    several = scales[1] > 0
    model = _compiled(int(arm.max()), len(deals), several).with_data(
        won=won.astype(np.int64), deals=deals.astype(np.int64), arm=arm.astype(np.int64), scales=np.array(scales)
    )
    return nutpie.sample(
        model, draws=draws, tune=tune, chains=chains, seed=int(rng.integers(2**31)), progress_bar=False, save_warmup=False,
        target_accept=0.9,
    )  # fmt: skip


@cache
def _compiled(arms: int, units: int, several: bool) -> Any:
    """Compile the model once for each number of arms and units; units of one deal have no spread that could be told."""
    import nutpie
    import pymc as pm
    import pytensor

    with pm.Model() as model:
        won = pm.Data("won", np.zeros(units, dtype=np.int64))
        deals = pm.Data("deals", np.ones(units, dtype=np.int64))
        arm = pm.Data("arm", np.zeros(units, dtype=np.int64))
        scales = pm.Data("scales", np.ones(2))
        control = pm.Normal("control", 0.0, 1.5)
        effect = pm.Normal("effect", 0.0, scales[0], shape=arms)
        odds = control + pm.math.concatenate([[0.0], effect])[arm]
        if several:
            spread = pm.HalfNormal("spread", scales[1])
            odds = odds + spread * pm.Normal("unit", 0.0, 1.0, shape=units)
        # the binomial's density without its constant, which compiles in half the time of PyMC's own
        pm.Potential("outcome", (won * odds - deals * pm.math.log1pexp(odds)).sum())
    with pytensor.config.change_flags(numba__fastmath=False):
        return nutpie.compile_pymc_model(model)


def chances(tree: Any, deals: Integers, arms: int) -> Floats:
    """Return the win rate of the trial's average deal under each arm: draws × arms, between 0 and 1.

    Every unit's chance is reckoned under every arm, so that the arms are compared over the same units.
    """
    from scipy.special import expit

    drawn = tree.posterior
    control = drawn["control"].to_numpy().ravel()
    effect = drawn["effect"].to_numpy().reshape(len(control), arms - 1)
    places = control[:, None] + np.column_stack([np.zeros(len(control)), effect])
    if "unit" not in drawn:
        return np.asarray(expit(places))
    own = drawn["unit"].to_numpy().reshape(len(control), -1) * drawn["spread"].to_numpy().reshape(-1, 1)
    weight = deals / deals.sum()
    return np.column_stack([expit(places[:, [place]] + own) @ weight for place in range(arms)])


def rhat_and_ess(tree: Any) -> tuple[float, float, int]:
    """Return the largest R-hat, the smallest bulk effective sample size, and the number of divergent draws."""
    import arviz as az

    unknown = tree.posterior.to_dataset()
    names = [name for name in ("control", "effect", "spread") if name in unknown]
    rhat = max(float(az.rhat(unknown[[name]]).to_dataarray().max()) for name in names)
    ess = min(float(az.ess(unknown[[name]]).to_dataarray().min()) for name in names)
    return rhat, ess, int(tree.sample_stats["diverging"].to_numpy().sum())
