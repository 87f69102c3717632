"""Whether deals made up by the fitted model look like the deals that were there."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import Annotated, Any

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, doc
from numpy.typing import NDArray

from whywin.evidence import Check
from whywin.settings import check_settings
from whywin.winrates.question import WinRates
from whywin.winrates.rates import cell_rates

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class PosteriorPredictive:
    """Win rates of each dimension's levels are as spread out as the fitted model makes them.

    The discrepancy is the sum over levels of (won - expected)^2 / variance, compared between the deals and replicates of them.
    Two dimensions at a time it shows a crossing that the question leaves out: that is a note.
    Source: Gelman, Meng and Stern (1996), Posterior predictive assessment of model fitness via realized discrepancies, Statistica
    Sinica 6, 733-760.
    """

    replicates: Annotated[int, Ge(50), doc("how many times the deals are made up anew")] = 400
    least: Annotated[float, Gt(0), Lt(1), doc("the share of replicates at least as discrepant must be at least this")] = 0.01

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: WinRates) -> None:
        """Nothing beyond the draws and the cells they were fitted to."""

    def check(
        self, question: WinRates, answers: tuple[Any, ...], sample: pd.DataFrame | None, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return for each answer with cells' rates one check of its dimensions, and one of their pairs."""
        del sample
        found: list[Check] = []
        for one in answers:
            if one.evidence.posterior is not None and "constant_data" in one.evidence.posterior.children:
                found += self._judged(question, one, rng)
        return tuple(found)

    def _judged(self, question: WinRates, answer: Any, rng: np.random.Generator) -> Iterator[Check]:
        crossed = {frozenset(pair) for pair in question.cross}
        singles = {name: answer.sample[name] for name in question.dimensions}
        pairs = {
            f"{one} × {other}": answer.sample[one].astype(str) + " × " + answer.sample[other].astype(str)
            for one, other in combinations(question.segments, 2)
            if frozenset((one, other)) not in crossed
        }
        share = tail_shares(answer.evidence.posterior, {**singles, **pairs}, self.replicates, rng)
        yield self._dimensions({name: share[name] for name in singles}, answer.label)
        if pairs:
            yield self._pairs({name: share[name] for name in pairs}, answer.label)

    def _dimensions(self, share: dict[str, float], label: str) -> Check:
        worst = min(share, key=lambda name: share[name])
        odd = [name for name in share if share[name] < self.least]
        if odd:
            says = f"The model does not reproduce the win rates by {', '.join(odd)}: only {_of(share[worst])} are as far off."
        else:
            says = (
                f"Made-up deals have rates like the real ones in every dimension; by {worst} {_of(share[worst])} are as far off."
            )
        return Check("posterior_predictive", not odd, "serious", says, share[worst], label)

    def _pairs(self, share: dict[str, float], label: str) -> Check:
        worst = min(share, key=lambda name: share[name])
        odd = [name for name in share if share[name] < self.least]
        if odd:
            says = (
                f"Combinations of {', '.join(odd)} differ more than the sum of their parts; name them under cross to see which."
            )
        else:
            says = f"No two segment columns need crossing; by {worst} {_of(share[worst])} are as far off."
        return Check("posterior_predictive", not odd, "note", says, share[worst], label)


def tail_shares(tree: Any, groups: dict[str, pd.Series], replicates: int, rng: np.random.Generator) -> dict[str, float]:
    """Return by grouping of the cells how often a replicate of the deals is at least as discrepant as the deals themselves."""
    deals, won = (np.rint(tree.observed_data[name].to_numpy()).astype(np.int64) for name in ("deals", "won"))
    codes = {name: pd.factorize(values)[0] for name, values in groups.items()}
    draws = tree.posterior["intercept"].size
    worse = dict.fromkeys(groups, 0)
    count = 0
    for rates in cell_rates(tree, slice(None, None, max(draws // replicates, 1))):
        for rate in rates:
            made = rng.binomial(deals, rate)
            expected, variance = deals * rate, deals * rate * (1 - rate)
            count += 1
            for name, code in codes.items():
                scale = np.bincount(code, variance)
                real = np.sum(np.bincount(code, won - expected) ** 2 / scale)
                worse[name] += bool(np.sum(np.bincount(code, made - expected) ** 2 / scale) >= real)
    return {name: number / count for name, number in worse.items()}


def _of(share: float) -> str:
    return f"{100 * share:.1f} % of the made-up tables"
