"""Draws from the posterior of the hierarchical model by the engine that can be trusted: the fast one where it can be, else NUTS."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Literal

import numpy as np

from whywin.winrates.convergence import Limits, diagnosis, trusted
from whywin.winrates.exploring import explore, resampled
from whywin.winrates.pieces import Pieces
from whywin.winrates.priors import Priors
from whywin.winrates.sampling import Effort, posterior, tree_of

Engine = Literal["auto", "laplace", "nuts"]
TRUSTED: Final = 0.5  # k-hat of the joint importance ratios below which the fast engine's draws are used
MOST_COORDINATES: Final = 2500  # beyond this its dense linear algebra is slower than sampling
POINTS: Final = {3: 256, 6: 512}  # sets of standard deviations that are looked at, by how many there are at most
MOST_POINTS: Final = 1024
DENSER: Final = (1, 4)  # times as many where the first lot cannot be trusted
MOST_EACH, WORK = 32, 20_000_000  # draws of the field at a point: as many as cost so many evaluations of a cell, in all


@dataclass(frozen=True)
class _Remedy:
    """Something to try where chains have not converged."""

    words: str
    longer: int = 1
    target_accept: float = 0.0
    centred: bool = True


REMEDIES: Final = (
    _Remedy("as planned"),
    _Remedy("twice the draws and smaller steps", longer=2, target_accept=0.98),
    _Remedy("four times the draws, smallest steps, nothing centred", longer=4, target_accept=0.995, centred=False),
)


def fit(pieces: Pieces, priors: Priors, effort: Effort, rng: np.random.Generator, engine: Engine = "auto") -> Any:
    """Return draws as an xarray DataTree (see `sampling.tree_of`), whose attributes say how they were made.

    ``engine`` is "laplace" or "nuts"; ``tried`` is what was tried in order, a sentence each. The fast engine leaves ``khat`` (of its
    joint importance ratios), ``khat_marginal`` and ``effective`` (draws); NUTS leaves a ``sample_stats`` group. Where the engine is
    "auto", NUTS runs when k-hat is not below one half, or the model is too large for dense linear algebra. Chains that have not
    converged are tried again with each remedy in turn; the last try is returned, whatever came of it.
    The same `rng` gives the same draws to the last bit, on any number of cores.
    """
    if pieces.family == "normal":
        engine = (
            "laplace"  # the field's conditional posterior is normal itself, so that only the standard deviations are explored
        )
    fast, slow = rng.spawn(2)
    tried: list[str] = []
    if engine == "laplace" or (engine == "auto" and pieces.basis.shape[1] <= MOST_COORDINATES):
        for denser, own in zip(DENSER, fast.spawn(len(DENSER)), strict=True):
            tree = _fast(pieces, priors, effort, own, denser)
            tried.append(f"Laplace with importance sampling{' at more points' * (denser > 1)}: k-hat {tree.attrs['khat']:.2f}")
            if trusted(tree, TRUSTED) or engine == "laplace":
                break
        if engine == "laplace" or trusted(tree, TRUSTED):
            return _marked(tree, engine="laplace", tried=tried)
    tries = list(_sampled(pieces, priors, effort, slow))
    return _marked(tries[-1][0], engine="nuts", tried=[*tried, *(words for _, words in tries)])


def _fast(pieces: Pieces, priors: Priors, effort: Effort, rng: np.random.Generator, denser: int) -> Any:
    points = next((points for terms, points in POINTS.items() if len(pieces.terms) <= terms), MOST_POINTS)
    wanted = -(-3 * effort.draws * effort.chains // (2 * points))  # half as many again as are kept
    each = int(np.clip(min(wanted, WORK // (points * len(pieces.deals))), 1, MOST_EACH))
    weighted = explore(pieces, priors, points * denser, each, rng)
    count = min(effort.draws * effort.chains, len(weighted.log_weight)) // effort.chains
    chosen = resampled(weighted, count * effort.chains, rng).reshape(effort.chains, count)
    x = weighted.x[chosen]
    tree = tree_of(pieces, x[..., 0] + priors.centre, np.exp(weighted.log_sd[chosen]), x[..., 1:])
    judged = {"khat": weighted.khat_joint, "khat_marginal": weighted.khat_marginal, "effective": weighted.effective}
    return _marked(tree, **judged, candidates=len(weighted.log_weight))


def _marked(tree: Any, **marks: Any) -> Any:
    tree.attrs.update(marks)
    return tree


def _sampled(pieces: Pieces, priors: Priors, effort: Effort, rng: np.random.Generator) -> Iterator[tuple[Any, str]]:
    limits = Limits()
    for remedy, own in zip(REMEDIES, rng.spawn(len(REMEDIES)), strict=True):
        longer = replace(
            effort,
            draws=effort.draws * remedy.longer,
            tune=effort.tune * remedy.longer,
            target_accept=max(effort.target_accept, remedy.target_accept),
        )
        shape = pieces if remedy.centred else replace(pieces, centring=np.zeros_like(pieces.centring))
        tree = posterior(shape, priors, longer, own)
        faults = limits.faults(diagnosis(tree))
        yield tree, f"NUTS, {remedy.words}: {'; '.join(faults) or 'converged'}"
        if not faults:
            return
