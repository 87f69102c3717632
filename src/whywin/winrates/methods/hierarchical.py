"""Win rates by partial pooling: every segment is drawn towards the company as far as its own deals leave doubt."""

from dataclasses import dataclass
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, doc

from whywin.deals.need import Cells
from whywin.evidence import Design, Evidence
from whywin.settings import check_settings
from whywin.winrates.pieces import pieces_of
from whywin.winrates.question import WinRates
from whywin.winrates.rates import target_draws, targets
from whywin.winrates.sampling import Effort, Priors, posterior
from whywin.winrates.segments import compared, variation


@dataclass(frozen=True)
class Hierarchical:
    """Partially pooled win rates: a Bayesian binomial model with crossed effects of every dimension, sampled by NUTS.

    Closed deals are counted in cells, which loses nothing: the posterior is that of the single deals. Rates are averages over the
    deals that were there; a segment's change between periods is told where the question crosses its dimension with the period.
    Sources: Gelman and Little (1997), Poststratification into many categories using hierarchical logistic regression, Survey
    Methodology 23, 127-135; Gelman (2006), Prior distributions for variance parameters in hierarchical models, Bayesian
    Analysis 1, 515-534.
    """

    design: ClassVar[Design] = "description"

    draws: Annotated[int, Ge(100), doc("draws kept of each chain")] = 1000
    tune: Annotated[int, Ge(100), doc("draws of each chain spent on tuning, and thrown away")] = 800
    chains: Annotated[int, Ge(2), doc("independent chains; convergence is judged by comparing them")] = 4
    target_accept: Annotated[float, Gt(0.5), Lt(1), doc("how careful the sampler's steps are; more is slower and safer")] = 0.95
    spread_points: Annotated[
        float,
        Gt(0),
        doc("prior: levels of a dimension differ by a standard deviation of this many points or less, two times in three"),
    ] = 10.0
    company_points: Annotated[
        float, Gt(0), doc("prior: standard deviation, in points, of the company's win rate about the observed one")
    ] = 25.0
    # Worlds without differences that stay quiet, of 100 with 4,000 deals and 46 levels: at .95 73 (margin 0) and 96 (margin 1 point);
    # at .99 95 and 100; with 800 deals 74 and 91 against 96 and 99. Large differences found: 67 % against 58 %. The choice is repeated
    # by experiments/noise.py with --set settings.sure=0.95.
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
        """Counts by every dimension."""
        return Cells(question.dimensions)

    def answer(self, question: WinRates, cells: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return pooled rates in percent and changes in points, the table of segments, and the draws themselves."""
        pieces = pieces_of(cells, question.dimensions, question.cross)
        effort = Effort(self.draws, self.tune, self.chains, self.target_accept)
        tree = posterior(pieces, self.priors(pieces.rate), effort, rng)
        asked = targets(question, cells)
        draws = target_draws(tree, asked)
        estimates = tuple(target.estimate(column, question.level) for target, column in zip(asked, draws.T, strict=True))
        tables = {
            "segments": compared(question, cells, estimates, draws, self.sure),
            "variation": variation(question, tree),
        }
        return Evidence(estimates, tables=tables, posterior=tree)

    def priors(self, rate: float) -> Priors:
        """Return the priors in logits: a point at the overall rate p is 0.01 / (p (1 - p)) logits."""
        rate = float(np.clip(rate, 0.01, 0.99))
        point = 0.01 / (rate * (1 - rate))
        return Priors(float(np.log(rate / (1 - rate))), self.company_points * point, self.spread_points * point)
