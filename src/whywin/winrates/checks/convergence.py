"""Whether the sampler found the posterior."""

from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, doc

from whywin.evidence import Check, Severity
from whywin.settings import check_settings
from whywin.winrates.question import WinRates

STUCK: Final = 1e6  # what R-hat is said to be where chains never moved and it is not a number


@dataclass(frozen=True)
class Convergence:
    """The chains of a sampled posterior agree, and hold enough independent draws.

    Looks at the intercept, every standard deviation and every effect.
    Sources: Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021), Rank-normalization, folding, and localization: an improved
    R-hat, Bayesian Analysis 16, 667-718; Betancourt (2016), Diagnosing suboptimal cotangent disintegrations in Hamiltonian Monte Carlo.
    """

    most_rhat: Annotated[float, Gt(1), doc("rank-normalised split R-hat may be at most this")] = 1.01
    least_ess: Annotated[float, Ge(1), doc("bulk and tail effective sample size must be at least this")] = 400.0
    least_bfmi: Annotated[float, Gt(0), Lt(1), doc("the energy E-BFMI of each chain must be at least this")] = 0.3
    fatal_rhat: Annotated[float, Gt(1), doc("an R-hat above this forbids the answer's use")] = 1.05
    fatal_divergent: Annotated[float, Gt(0), Lt(1), doc("a share of divergent draws above this forbids the answer's use")] = 0.01

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: WinRates) -> None:
        """Nothing beyond the draws."""

    def check(
        self, question: WinRates, answers: tuple[Any, ...], sample: pd.DataFrame | None, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return one check for each answer that was sampled."""
        del question, sample, rng
        sampled = [
            one for one in answers if one.evidence.posterior is not None and "sample_stats" in one.evidence.posterior.children
        ]
        return tuple(self._judged(one.label, one.evidence.posterior) for one in sampled)

    def _judged(self, label: str, tree: Any) -> Check:
        rhat, ess, bfmi = diagnostics(tree)
        divergent = int(tree.sample_stats["diverging"].sum())
        draws = int(tree.sample_stats["diverging"].size)
        faults = [
            words
            for words, wrong in (
                (f"R-hat reaches {rhat:.3f} ({self.most_rhat:g} allowed)", rhat > self.most_rhat),
                (f"only {ess:,.0f} effective draws ({self.least_ess:g} needed)", ess < self.least_ess),
                (f"{divergent:,} of {draws:,} draws diverged (none allowed)", divergent > 0),
                (f"E-BFMI falls to {bfmi:.2f} ({self.least_bfmi:g} needed)", bfmi < self.least_bfmi),
            )
            if wrong
        ]
        if not faults:
            agree = f"R-hat at most {rhat:.3f}, at least {ess:,.0f} effective draws, none divergent, E-BFMI {bfmi:.2f}"
            return Check(
                "convergence", passed=True, severity="serious", says=f"The chains agree: {agree}.", value=rhat, method=label
            )
        fatal = rhat > self.fatal_rhat or divergent > self.fatal_divergent * draws
        severity: Severity = "fatal" if fatal else "serious"
        way_out = "do not use the numbers" if fatal else "the numbers are rough"
        says = f"The sampler has not converged, so {way_out}: {'; '.join(faults)}; raise draws, tune or target_accept."
        return Check("convergence", passed=False, severity=severity, says=says, value=rhat, method=label)


def diagnostics(tree: Any) -> tuple[float, float, float]:
    """Return the largest R-hat, the smallest of bulk and tail effective sample size, and the smallest E-BFMI."""
    import arviz as az

    unknown = tree.posterior.to_dataset()
    with np.errstate(divide="ignore", invalid="ignore"):  # a chain that never moved has no variance to divide by
        rhat = _all(az.rhat(unknown))
        sizes = np.concatenate([_all(az.ess(unknown, method=method)) for method in ("bulk", "tail")])
        bfmi = _all(az.bfmi(tree))
    worst = float(rhat.max()) if np.isfinite(rhat).all() else STUCK
    least = float(sizes.min()) if np.isfinite(sizes).all() else 0.0
    return worst, least, float(bfmi.min()) if np.isfinite(bfmi).all() else 0.0


def _all(found: Any) -> np.ndarray:
    return np.concatenate([np.asarray(found[name]).reshape(-1) for name in found.data_vars])
