"""Whether the engine found the posterior."""

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, doc

from whywin.evidence import Check, Severity
from whywin.settings import check_settings
from whywin.winrates.convergence import Limits, diagnosis, trusted
from whywin.winrates.question import WinRates


@dataclass(frozen=True)
class Convergence:
    """The draws of a posterior can be trusted: chains agree and hold enough, or importance ratios are tame.

    Of chains it looks at the intercept, every standard deviation and every effect; of the fast engine at the Pareto k-hat of its
    importance ratios.
    Sources: Vehtari, Gelman, Simpson, Carpenter and Bürkner (2021), Rank-normalization, folding, and localization: an improved
    R-hat, Bayesian Analysis 16, 667-718; Betancourt (2016), Diagnosing suboptimal cotangent disintegrations in Hamiltonian Monte
    Carlo; Vehtari, Simpson, Gelman, Yao and Gabry (2024), Pareto smoothed importance sampling, JMLR 25 (72).
    """

    most_rhat: Annotated[float, Gt(1), doc("rank-normalised split R-hat may be at most this")] = 1.01
    least_ess: Annotated[float, Ge(1), doc("bulk and tail effective sample size must be at least this")] = 400.0
    least_bfmi: Annotated[float, Gt(0), Lt(1), doc("the energy E-BFMI of each chain must be at least this")] = 0.3
    fatal_rhat: Annotated[float, Gt(1), doc("an R-hat above this forbids the answer's use")] = 1.05
    fatal_divergent: Annotated[float, Gt(0), Lt(1), doc("a share of divergent draws above this forbids the answer's use")] = 0.01
    most_khat: Annotated[float, Gt(0), Lt(1), doc("Pareto k-hat of the fast engine must be below this")] = 0.5
    fatal_khat: Annotated[float, Gt(0), Lt(1), doc("a k-hat from this forbids the answer's use")] = 0.7

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: WinRates) -> None:
        """Nothing beyond the draws."""

    def check(
        self, question: WinRates, answers: tuple[Any, ...], sample: pd.DataFrame | None, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return one check for each answer that has draws, unless it said itself that it has none to give."""
        del question, sample, rng
        drawn = [one for one in answers if one.evidence.posterior is not None and one.evidence.estimates]
        return tuple(
            self._chains(one.label, one.evidence.posterior)
            if "sample_stats" in one.evidence.posterior.children
            else self._ratios(one.label, one.evidence.posterior)
            for one in drawn
        )

    def _chains(self, label: str, tree: Any) -> Check:
        found = diagnosis(tree)
        faults = Limits(self.most_rhat, self.least_ess, self.least_bfmi).faults(found)
        if not faults:
            agree = f"R-hat at most {found.rhat:.3f}, at least {found.effective:,.0f} effective draws, none divergent"
            says = f"The chains of NUTS agree: {agree}, E-BFMI {found.bfmi:.2f}{_after(tree)}."
            return Check("convergence", passed=True, severity="serious", says=says, value=found.rhat, method=label)
        fatal = found.rhat > self.fatal_rhat or found.divergent > self.fatal_divergent * found.draws
        severity: Severity = "fatal" if fatal else "serious"
        way_out = "do not use the numbers" if fatal else "the numbers are rough"
        says = f"The sampler has not converged, so {way_out}: {'; '.join(faults)}; raise draws, tune or target_accept."
        return Check("convergence", passed=False, severity=severity, says=says, value=found.rhat, method=label)

    def _ratios(self, label: str, tree: Any) -> Check:
        khat, effective, candidates = (tree.attrs[name] for name in ("khat", "effective", "candidates"))
        found = f"k-hat {khat:.2f} ({self.most_khat:g} allowed), {effective:,.0f} effective draws of {candidates:,}"
        if trusted(tree, self.most_khat):
            says = f"The fast engine (Laplace, corrected by importance sampling) can be trusted: {found}."
            return Check("convergence", passed=True, severity="serious", says=says, value=khat, method=label)
        severity: Severity = "fatal" if khat >= self.fatal_khat else "serious"
        says = f"The fast engine cannot be trusted here: {found}; set engine: auto, so that NUTS runs instead."
        return Check("convergence", passed=False, severity=severity, says=says, value=khat, method=label)


def _after(tree: Any) -> str:
    tried = [str(one) for one in np.atleast_1d(tree.attrs.get("tried", []))]
    return f"; before it was tried: {'; '.join(tried[:-1])}" if len(tried) > 1 else ""
