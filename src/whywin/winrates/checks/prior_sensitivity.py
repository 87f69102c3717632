"""Whether the answer is the prior's rather than the deals'."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
import pandas as pd
from annotated_types import Gt, doc
from numpy.typing import NDArray

from whywin.evidence import Check, Severity
from whywin.settings import check_settings
from whywin.winrates.priors import Priors
from whywin.winrates.question import WinRates
from whywin.winrates.rates import CHANGE, cell_rates, target_draws, targets
from whywin.winrates.refitting import refittable

Floats = NDArray[np.float64]
READ: Final = {"win rate": "the company's win rate", CHANGE: "its change"}  # what decides; the rest is for information
TINY: Final = 1e-12


@dataclass(frozen=True)
class PriorSensitivity:
    """The company's rate and its change would be told alike under a somewhat stronger or weaker prior.

    The prior and the likelihood are raised to powers just above and below one, without fitting anew, and the distance that each
    number's posterior moves is measured on the scale of a doubling; .05 is a shift of a quarter of its standard deviation.
    Scaled is the prior of what stands on top, the standard deviations of the terms and the company's log odds: the distribution of
    the levels is the model, not the prior. The change is scaled as the model has it, through the walk over periods.
    Where a number moves with the prior and with the likelihood, prior and deals disagree; where only with the prior, the deals say
    little of it. For a standard deviation that is usual: few levels say little of how far levels differ, and it is a note. Rates and
    changes are what people act on: when they move, the answer rests on what was believed before, which is serious.
    Source: Kallioinen, Paananen, Bürkner and Vehtari (2023), Detecting and diagnosing prior and likelihood sensitivity with
    power-scaling, Statistics and Computing 34 (57).
    """

    threshold: Annotated[float, Gt(0), doc("a power-scaling sensitivity above this is told")] = 0.05

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: WinRates) -> None:
        """Nothing beyond the draws and the cells they were fitted to."""

    def check(
        self, question: WinRates, answers: tuple[Any, ...], sample: pd.DataFrame | None, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return one check for each answer whose priors are known."""
        del sample, rng
        return tuple(self._judged(question, one) for one in refittable(answers))

    def _judged(self, question: WinRates, answer: Any) -> Check:
        found = sensitivities(question, answer)
        spoken = [name for name in READ.values() if name in found.index]
        moved = [name for name in spoken if found.loc[name, "prior"] > self.threshold]
        decided = float(found.loc[spoken, "prior"].max())
        allowed = f"{self.threshold:g} is allowed"
        lead = f"A stronger or weaker prior would not change {' or '.join(spoken)} (sensitivity {decided:.3f}; {allowed})"
        if moved:
            words = [f"{self._why(found.loc[[name]])} {name} ({found.loc[name, 'prior']:.2f}; {allowed})" for name in moved]
            lead = f"A stronger or weaker prior would change {' and '.join(moved)}: {'; '.join(words)}"
        between = found.drop(index=spoken)
        terms = between[between["prior"] > self.threshold]
        tail = f", but it would change how far levels differ: {self._deviations(terms)}" if len(terms) else ""
        severity: Severity = "note" if len(terms) and not moved else "serious"
        says = f"{lead}{tail}."
        return Check("prior_sensitivity", not (moved or len(terms)), severity, says, decided, answer.label)

    def _why(self, some: pd.DataFrame) -> str:
        weak = (some["likelihood"] <= self.threshold).all()
        return "the deals say little of" if weak else "prior and deals may be in conflict over"

    def _deviations(self, terms: pd.DataFrame) -> str:
        weak = terms["likelihood"] <= self.threshold
        parts = [(self._why(some), some) for some in (terms[weak], terms[~weak]) if len(some)]
        return "; ".join(f"{why} {', '.join(some.index)} (up to {some['prior'].max():.2f})" for why, some in parts)


def sensitivities(question: WinRates, answer: Any) -> pd.DataFrame:
    """Return by quantity its power-scaling sensitivity to the prior and to the likelihood (columns ``prior`` and ``likelihood``).

    The quantities are the deviation between levels of each term, by the term's name, and the company's rate and change.
    """
    import arviz as az
    import xarray as xr

    tree = answer.evidence.posterior
    quantities = _quantities(question, answer)
    structure = answer.method.structure(question, answer.sample)
    pieces = structure.pieces(answer.sample)
    prior = log_prior(tree, answer.method.priors_of(structure, pieces), pieces.share)
    groups = {"posterior": quantities, "log_prior": {"all": prior}, "log_likelihood": {"all": log_likelihood(tree)}}
    scaled = xr.DataTree.from_dict({name: xr.Dataset(_by_draw(values)) for name, values in groups.items()})
    return pd.DataFrame(
        {
            group: {name: float(values) for name, values in az.psense(scaled, group=group).data_vars.items()}
            for group in ("prior", "likelihood")
        }
    )


def _by_draw(values: Mapping[str, Floats]) -> dict[str, tuple[tuple[str, str], Floats]]:
    return {name: (("chain", "draw"), draws.reshape(1, -1)) for name, draws in values.items()}


def _quantities(question: WinRates, answer: Any) -> dict[str, Floats]:
    tree = answer.evidence.posterior
    asked = tuple(target for target in targets(question, answer.sample) if target.segment == "all" and target.quantity in READ)
    drawn = target_draws(cell_rates(tree), asked)
    deviations = tree.posterior["sd"].to_numpy().reshape(len(drawn), -1)
    between = {str(term): one for term, one in zip(tree.posterior["term"].to_numpy(), deviations.T, strict=True)}
    return {**between, **{READ[target.quantity]: column for target, column in zip(asked, drawn.T, strict=True)}}


def log_prior(tree: Any, priors: Priors, share: Floats) -> Floats:
    """Return by draw the log prior density of the standard deviations and of the company's log odds, up to a constant.

    The tree's intercept is the company's log odds plus what the levels have in common: a normal number plus an independent one with
    variance ``share`` times the terms' variances. Given their sum and the deviations the first is normal, and its log density is
    averaged over that, which to first order of the power is exact.
    """
    deviations = tree.posterior["sd"].to_numpy()
    deviations = deviations.reshape(-1, deviations.shape[-1])
    off = tree.posterior["intercept"].to_numpy().reshape(-1) - priors.centre
    own = priors.width**2
    kept = own / (own + deviations**2 @ share)
    square = (kept * off) ** 2 + own * (1 - kept)
    log_deviations = np.log(deviations)
    return np.asarray((priors.log_density(log_deviations) - log_deviations).sum(axis=1) - 0.5 * square / own)


def log_likelihood(tree: Any) -> Floats:
    """Return by draw the log likelihood of all deals."""
    deals, won = (tree.observed_data[name].to_numpy().astype(float) for name in ("deals", "won"))
    clipped = (np.clip(rates, TINY, 1 - TINY) for rates in cell_rates(tree))
    return np.concatenate([np.log(rates) @ won + np.log1p(-rates) @ (deals - won) for rates in clipped])
