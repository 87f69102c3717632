"""What a trial says of a decision: the chance that an arm is better, and what is lost by choosing wrongly."""

from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Le, doc

from whywin.deals.need import Need
from whywin.errors import QuestionError
from whywin.evidence import Check, Design, Estimate, Evidence
from whywin.settings import check_settings
from whywin.stats.normal_posterior import decision_of_draws
from whywin.trials.question import Trial
from whywin.trials.sampling import chances, posterior, rhat_and_ess
from whywin.trials.units import arms_of, by_unit, need_of, scale_of, unit_only

MOST_UNITS: Final = 5000


@dataclass(frozen=True)
class Bayesian:
    """Difference of each arm to control under a hierarchical logistic model with an effect of each unit.

    The interval is the posterior's. Beside it stand, by arm, the chance that it is better than control, the expected loss of choosing
    it and of not choosing it, and the chance that the effect is within the question's margin (the region of practical equivalence).
    Sources: Gelman and Hill (2007), Data Analysis Using Regression and Multilevel/Hierarchical Models, chapter 14; Stucchio (2015),
    Bayesian A/B testing at VWO; Kruschke (2018), Rejecting or accepting parameter values in Bayesian estimation, AMPPS 1, 270-280.
    """

    design: ClassVar[Design] = "randomised"
    independent: ClassVar[Literal["unit", "deal"]] = "unit"
    effect_scale: Annotated[float, Gt(0), doc("standard deviation of an effect before the data, in logits")] = 0.5
    spread_scale: Annotated[float, Gt(0), doc("scale of the spread between units before the data, in logits")] = 0.5
    draws: Annotated[int, Ge(100), doc("draws of each chain")] = 2000
    tune: Annotated[int, Ge(100), doc("tuning steps of each chain")] = 500
    chains: Annotated[int, Ge(2), Le(16), doc("chains")] = 4

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def faults(self, question: Trial) -> list[str]:
        """Say what the question asks that it cannot tell."""
        found = unit_only(question, "bayesian")
        if question.primary.kind in {"mean", "ratio"}:
            found.append(f"the primary metric is a {question.primary.kind}, and bayesian models won and lost deals; use fixed")
        return found

    def need(self, question: Trial) -> Need:
        """Counts by arm and unit."""
        return need_of(question)

    def answer(self, question: Trial, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return each arm's rate, its difference to control, and the table ``decisions``.

        Raises:
            QuestionError: there are more units than can be sampled in reasonable time.
        """
        units = by_unit(question, sample)
        several = bool(units["deals"].max() > 1)
        if several and len(units) > MOST_UNITS:
            raise QuestionError(
                f"bayesian: {len(units):,} {question.unit}s are more than the {MOST_UNITS:,} it can model; use fixed"
            )
        arms = arms_of(question, units)
        counts = units if several else units.groupby("arm", as_index=False)[["deals", "total"]].sum()
        place = counts["arm"].map({arm: number for number, arm in enumerate(arms)}).to_numpy(dtype=np.int64)
        deals = counts["deals"].to_numpy(dtype=np.int64)
        effort, scales = (self.draws, self.tune, self.chains), (self.effect_scale, self.spread_scale if several else 0.0)
        tree = posterior(counts["total"].round().to_numpy(dtype=np.int64), deals, place, scales, effort, rng)
        rates = chances(tree, deals, len(arms))
        of_arm = [int(units.loc[units["arm"] == arm, "deals"].sum()) for arm in arms]
        _, _, _, quantity = scale_of(question)
        effects, means, rows = [], [], []
        for number, arm in enumerate(arms):
            means.append(_row(question, quantity, arm, 100 * rates[:, number], of_arm[number], "percent"))
            if number:
                gap = 100 * (rates[:, number] - rates[:, 0])
                effects.append(_row(question, "effect of assignment", arm, gap, of_arm[number] + of_arm[0], "points"))
                rows.append(_decision(question, arm, gap))
        return Evidence((*effects, *means), (_sampled(tree),), {"decisions": pd.DataFrame(rows)})


def _row(question: Trial, quantity: str, arm: str, draws: np.ndarray, deals: int, unit: Any) -> Estimate:
    tail = (1 - question.level) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return Estimate(quantity, f"arm={arm}", float(draws.mean()), float(low), float(high), question.level, deals, unit)


def _decision(question: Trial, arm: str, draws: np.ndarray) -> dict[str, Any]:
    found = decision_of_draws(draws if question.primary.better == "higher" else -draws, question.margin)
    return {
        "arm": arm, "better": 100 * found.better, "loss_of_treating": found.loss_of_treating,
        "loss_of_control": found.loss_of_control, "negligible": 100 * found.negligible,
    }  # fmt: skip


def _sampled(tree: Any) -> Check:
    rhat, ess, divergent = rhat_and_ess(tree)
    passed = rhat <= 1.01 and ess >= 400 and not divergent  # noqa: PLR2004 - Vehtari and others (2021)
    says = f"The chains have R-hat {rhat:.3f} (1.01 allowed), {ess:,.0f} effective draws (400 needed) and {divergent:,} divergent draws."
    return Check("chains", passed, "serious", says, rhat)
