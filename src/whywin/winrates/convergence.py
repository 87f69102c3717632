"""Whether chains of draws found the posterior, in numbers."""

from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

STUCK: Final = 1e6  # what R-hat is said to be where chains never moved and it is not a number
EVEN: Final = 0.9
UNTRUSTED: Final = 0.7  # k-hat from which importance sampling says nothing (Vehtari and others, 2024)
FATAL_RHAT: Final = 1.05
FATAL_EFFECTIVE: Final = 100.0
FATAL_DIVERGENT: Final = 0.01  # share of the draws


@dataclass(frozen=True)
class Diagnosis:
    """The largest R-hat, the smallest of bulk and tail effective sample size, the smallest E-BFMI, and divergent draws of all."""

    rhat: float
    effective: float
    bfmi: float
    divergent: int
    draws: int


@dataclass(frozen=True)
class Limits:
    """What is asked of chains: R-hat at most, effective draws at least, E-BFMI at least; no divergences."""

    rhat: float = 1.01
    effective: float = 400.0
    bfmi: float = 0.3

    def faults(self, found: Diagnosis) -> list[str]:
        """Return in which ways the chains fall short, a few words each."""
        tests = (
            (f"R-hat reaches {found.rhat:.3f} ({self.rhat:g} allowed)", found.rhat > self.rhat),
            (f"only {found.effective:,.0f} effective draws ({self.effective:g} needed)", found.effective < self.effective),
            (f"{found.divergent:,} of {found.draws:,} draws diverged (none allowed)", found.divergent > 0),
            (f"E-BFMI falls to {found.bfmi:.2f} ({self.bfmi:g} needed)", found.bfmi < self.bfmi),
        )
        return [words for words, wrong in tests if wrong]


def diagnosis(tree: Any) -> Diagnosis:
    """Return what ArviZ says of a sampled posterior: the intercept, every standard deviation and every effect.

    Sources: Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021), Rank-normalization, folding, and localization: an improved
    R-hat, Bayesian Analysis 16, 667-718; Betancourt (2016), Diagnosing suboptimal cotangent disintegrations in Hamiltonian Monte Carlo.
    """
    import arviz as az

    unknown = tree.posterior.to_dataset()
    with np.errstate(divide="ignore", invalid="ignore"):  # a chain that never moved has no variance to divide by
        rhat = _all(az.rhat(unknown))
        sizes = np.concatenate([_all(az.ess(unknown, method=method)) for method in ("bulk", "tail")])
        bfmi = _all(az.bfmi(tree))
    diverging = tree.sample_stats["diverging"]
    return Diagnosis(
        rhat=float(rhat.max()) if np.isfinite(rhat).all() else STUCK,
        effective=float(sizes.min()) if np.isfinite(sizes).all() else 0.0,
        bfmi=float(bfmi.min()) if np.isfinite(bfmi).all() else 0.0,
        divergent=int(diverging.sum()),
        draws=int(diverging.size),
    )


def _all(found: Any) -> np.ndarray:
    return np.concatenate([np.asarray(found[name]).reshape(-1) for name in found.data_vars])


def trusted(tree: Any, limit: float) -> bool:
    """Whether the importance ratios behind the draws are tame: k-hat below the limit, or ratios so even that no tail can matter.

    Where the effective number is nearly that of the draws, k-hat describes the tail of what is almost a constant.
    """
    return bool(tree.attrs["khat"] < limit or tree.attrs["effective"] > EVEN * tree.attrs["candidates"])


def unusable(tree: Any) -> str:
    """Return why a fitted posterior must not be used, what was tried, and the way out; nothing where it may be used."""
    tried = [str(one) for one in np.atleast_1d(tree.attrs["tried"])]
    if tree.attrs["engine"] == "laplace":
        if trusted(tree, UNTRUSTED):
            return ""
        way_out = "set engine: auto, so that NUTS runs instead"
    else:
        if not Limits(FATAL_RHAT, FATAL_EFFECTIVE, 0.0).faults(_without_divergences(diagnosis(tree))):
            return ""
        way_out = "use fewer crossings or dimensions, or raise tune"
    return f"The posterior was not found, so there are no estimates. Tried: {'; then '.join(tried)}. Way out: {way_out}."


def _without_divergences(found: Diagnosis) -> Diagnosis:
    """A few divergent draws among thousands make the answer rough, not void, unless they are many."""
    return found if found.divergent > FATAL_DIVERGENT * found.draws else replace(found, divergent=0)
