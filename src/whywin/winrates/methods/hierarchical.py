"""Win rates by partial pooling: every segment is drawn towards the company as far as its own deals leave doubt."""

from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, doc

from whywin.deals.need import Cells
from whywin.errors import QuestionError
from whywin.evidence import Check, Design, Evidence
from whywin.settings import check_settings
from whywin.winrates.changes import change_table, fixed_mix
from whywin.winrates.cold_start import new_levels
from whywin.winrates.convergence import unusable
from whywin.winrates.fitting import fit
from whywin.winrates.pieces import Pieces
from whywin.winrates.prediction import BETWEEN
from whywin.winrates.prior_predictive import prior_predictive
from whywin.winrates.priors import Family, Priors
from whywin.winrates.question import WinRates
from whywin.winrates.rates import cell_rates, target_draws, targets
from whywin.winrates.sampling import Effort
from whywin.winrates.segments import compared, components, variation
from whywin.winrates.structure import Structure, structure_of


@dataclass(frozen=True)
class Hierarchical:
    """Partially pooled win rates: a Bayesian binomial model with crossed effects of every dimension and a walk over periods.

    Closed deals are counted in cells, which loses nothing: the posterior is that of the single deals. Rates are averages over the
    deals that were there. Changes between periods are told on each side's mix of deals and on one mix for both.
    Two engines draw from the same posterior: a Laplace approximation corrected by importance sampling, and NUTS where that cannot be
    trusted. Chains that do not converge, whatever is tried, give no estimates.
    Sources: Gelman and Little (1997), Poststratification into many categories using hierarchical logistic regression, Survey
    Methodology 23, 127-135; Gelman (2006), Prior distributions for variance parameters in hierarchical models, Bayesian
    Analysis 1, 515-534; Rue, Martino and Chopin (2009), JRSS B 71, 319-392.
    """

    design: ClassVar[Design] = "description"

    engine: Annotated[
        Literal["auto", "laplace", "nuts"],
        doc(
            "laplace: seconds at any number of deals; nuts: long chains; auto: laplace where its k-hat is below 0.5, otherwise nuts"
        ),
    ] = "auto"
    draws: Annotated[int, Ge(100), doc("draws kept of each chain")] = 1000
    tune: Annotated[int, Ge(100), doc("draws of each chain spent on tuning, and thrown away")] = 800
    chains: Annotated[int, Ge(2), doc("independent chains; convergence is judged by comparing them")] = 4
    target_accept: Annotated[float, Gt(0.5), Lt(1), doc("how careful the sampler's steps are; more is slower and safer")] = 0.95
    spread_points: Annotated[
        float,
        Gt(0),
        doc("prior: levels of a dimension differ by a standard deviation of this many points or less, two times in three"),
    ] = 10.0
    # Half of that over periods: claims about the next quarter at 80 % held 98 % of the time with the wider prior, since two or three
    # quarters tell little of how far the next one drifts (configs/quarterly/demo.yaml).
    period_points: Annotated[
        float,
        Gt(0),
        doc("prior: the same of periods; half as many of what a segment does beyond the company from period to period"),
    ] = 4.0
    spread_prior: Annotated[
        Family, doc("prior of those standard deviations; half_cauchy has long tails, for a dimension with few levels")
    ] = "half_normal"
    company_points: Annotated[
        float, Gt(0), doc("prior: standard deviation, in points, of the company's win rate about the observed one")
    ] = 25.0
    periods: Annotated[
        Literal["walk", "independent"], doc("whether a period is like the one before it, or like any other period")
    ] = "walk"
    moving: Annotated[bool, doc("each segment column may change in its own way from period to period")] = True
    overdispersed: Annotated[bool, doc("cells of deals may differ beyond what their levels explain")] = False
    half_life_days: Annotated[
        float | None, Gt(0), doc("a deal this much older than the latest counts half; all count alike when not given")
    ] = None
    # Of 100 worlds without differences (4,000 deals, 46 levels, margin 1 point) 100 stay quiet at .99; of 1,076 differences of 5 points
    # and more 62 % are named, and none of 836 named is wrong. At .95, without a margin, only 73 of 100 stayed quiet, and 67 % were
    # named. Repeated by experiments/noise.py, with --set settings.sure=0.95 and --set settings.margin=0.
    sure: Annotated[
        float,
        Gt(0.5),
        Lt(1),
        doc("a segment is named as different when it lies off the company, by the margin, with this probability"),
    ] = 0.99

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: WinRates) -> Cells:
        """Counts by every dimension; older deals count less where a half-life is set."""
        if self.half_life_days is None:
            return question.cells
        if question.time is None:
            raise QuestionError("half_life_days: a deal's age needs a date; set time: created or time: closed in the question")
        return replace(question.cells, half_life=self.half_life_days, date=question.time)

    def answer(self, question: WinRates, cells: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return pooled rates in percent and changes in points, the tables behind them, and the draws themselves.

        There are no estimates when the sampler did not converge, and a fatal check that says what was tried.
        """
        structure = self.structure(question, cells)
        sampler, others = rng.spawn(2)
        tree = self.fitted(structure, cells, sampler)
        reason = unusable(tree)
        if reason:
            return Evidence((), (Check("convergence", passed=False, severity="fatal", says=reason, value=0.0),), posterior=tree)
        return self._told(question, structure, cells, tree, others)

    def structure(self, question: WinRates, cells: pd.DataFrame) -> Structure:
        """Return which effects the model has."""
        return structure_of(question, cells, walk=self.periods == "walk", moving=self.moving, overdispersed=self.overdispersed)

    def fitted(self, structure: Structure, cells: pd.DataFrame, rng: np.random.Generator) -> Any:
        """Return draws of the model's posterior as a DataTree."""
        pieces = structure.pieces(cells)
        effort = Effort(self.draws, self.tune, self.chains, self.target_accept)
        return fit(pieces, self.priors_of(structure, pieces), effort, rng, self.engine)

    def priors(self, rate: float) -> Priors:
        """Return the priors in logits: a point at the overall rate p is 0.01 / (p (1 - p)) logits."""
        rate = float(np.clip(rate, 0.01, 0.99))
        point = 0.01 / (rate * (1 - rate))
        return Priors(
            float(np.log(rate / (1 - rate))), self.company_points * point, self.spread_points * point, self.spread_prior
        )

    def priors_of(self, structure: Structure, pieces: Pieces) -> Priors:
        """Return the priors of a model's own terms: those of periods have their own scale."""
        alone = self.period_points / self.spread_points
        parts = [term.split(BETWEEN) for term in pieces.terms]
        factors = tuple((alone if len(part) == 1 else alone / 2) if structure.period in part else 1.0 for part in parts)
        plain = self.priors(pieces.rate)
        return plain if self.spread_prior == "inverse_gamma" or set(factors) <= {1.0} else replace(plain, factors=factors)

    def _told(
        self, question: WinRates, structure: Structure, cells: pd.DataFrame, tree: Any, rng: np.random.Generator
    ) -> Evidence:
        pieces = structure.pieces(cells)
        asked = targets(question, cells, structure.moving)
        draws = target_draws(cell_rates(tree), asked)
        fixed, fixed_draws = fixed_mix(question, structure, cells, tree, rng)
        estimates = tuple(
            target.estimate(column, question.level)
            for targets_, drawn in ((asked, draws), (fixed, fixed_draws))
            for target, column in zip(targets_, drawn.T, strict=True)
        )
        tables = {
            "segments": compared(question, cells, estimates[: len(asked)], draws, self.sure),
            "variation": variation(question, tree),
            "new_levels": new_levels(question, structure, cells, tree, estimates, rng),
            "prior": prior_predictive(pieces, self.priors_of(structure, pieces), question.level, rng),
        }
        if fixed:
            by_name = {(target.quantity, target.segment): column for target, column in zip(fixed, fixed_draws.T, strict=True)}
            tables["changes"] = change_table(question, estimates, by_name, cells)
        says = components(tables["variation"])
        note = Check(
            "variation", passed=True, severity="note", says=f"{says[0].upper()}{says[1:]}", value=float(len(structure.dimensions))
        )
        return Evidence(estimates, (note,), tables, tree)
