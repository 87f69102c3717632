"""Whom to treat when only some can be: a small tree, and what it gains on deals that it was not learned from."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, ClassVar

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Le, Lt, MinLen, doc

from whywin.deals.need import Need
from whywin.effects.comparison import Comparison, compared, eligible
from whywin.effects.covariates import covariates
from whywin.effects.modifiers import need_with_modifiers
from whywin.effects.nuisances import LEARNERS, TREATMENT, Learner
from whywin.effects.question import Effect
from whywin.effects.rules import honest_choice, learned_rule, rule_table
from whywin.effects.scores import WITH, WITHOUT, Scores, Split, effect_of, mean_over, scores, shared_tables, split_of
from whywin.effects.segment_effects import estimate_of
from whywin.evidence import Check, Design, Estimate, Evidence, with_sign
from whywin.settings import check_settings
from whywin.stats.capacity import Choice, Worth, worth
from whywin.stats.heterogeneity import Told, over_splits

OVER_RANDOM = "gain over treating as many at random"
OVER_CURRENT = "gain over the current choice"


@dataclass(frozen=True)
class Policy:
    """EconML's policy tree: whom to treat at a given capacity, and what that gains over chance and over what is done now.

    The tree is grown on cross-fitted doubly robust scores. Its value is that on the later folds, each judged by a rule learned from those
    before it alone, clusters held out together: it is honest, a tree that found noise gains nothing. Leaves are treated in the order of their
    effects until the capacity is used; where it ends within a leaf, a lottery decides. Values are means over several random splits, their
    errors those of one split. The rule that is shown is learned from all deals, so that it is no worse than what is judged, as a rule.
    Sources: Athey and Wager (2021), Policy learning with observational data, Econometrica 89, 133-161; Wager (2024), Sequential
    validation of treatment heterogeneity, arXiv 2405.05534.
    """

    capacity: Annotated[float | None, Gt(0), Le(1), doc("share of deals that can be treated; as many as now when not given")] = (
        None
    )
    cost: Annotated[
        float, Ge(0), doc("cost of one treatment, in the outcome's unit: points of win rate, days, or the number itself")
    ] = 0.0
    depth: Annotated[int, Ge(1), Le(4), doc("questions that the rule asks of a deal at most")] = 2
    smallest: Annotated[float, Gt(0), Lt(0.5), doc("the smallest share of the deals that the rule may tell apart")] = 0.1
    learners: Annotated[
        tuple[Learner, ...],
        MinLen(1),
        doc("models in the mixture: linear (in logits), quadratic (with squares and products), boosting (gradient boosting)"),
    ] = LEARNERS
    folds: Annotated[int, Ge(2), doc("parts that the deals are split into; each is judged by what the others teach")] = 5
    splits: Annotated[int, Ge(1), doc("random splits that are averaged over")] = 3
    clip: Annotated[float, Gt(0), Lt(0.5), doc("propensities nearer to 0 or 1 than this are set to it, and counted")] = 0.01
    design: ClassVar[Design] = "adjusted"
    most_refits: ClassVar[int] = 4

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: Effect) -> Need:
        """The columns that the question rests on, and those by which the effect may differ."""
        return need_with_modifiers(question)

    def answer(self, question: Effect, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return the mean effect, what the rule is worth, and the rule in words."""
        comparison = compared(question, sample)
        splits = [split_of(comparison, (WITHOUT, WITH), self.learners, self.folds, rng) for _ in range(self.splits)]
        found = self._scores(question, comparison, splits)
        told = effect_of(comparison, found)
        tables = shared_tables(comparison, found, told.value, splits, self.learners)
        whole = estimate_of(question, comparison, "all", told, len(comparison.treated))

        moderators = covariates(eligible(question, sample), question.modifiers or comparison.adjusted, question.logs)
        without, effect = _potential(comparison, found)
        cost = self.cost / comparison.scale
        arguments = (moderators.matrix, effect - cost, found.given - found.without - cost)
        choices = [
            honest_choice(*arguments, split.fold, self._shares(comparison, split.fold), self.depth, self.smallest)
            for split in splits
        ]
        value = _judged(comparison, without, effect, choices, cost=cost, as_now=self.capacity is None)
        share = self.capacity or float(comparison.treated.mean())
        rule = learned_rule(*arguments, share, self.depth, max(1, round(self.smallest * len(effect))))
        tables["rule"] = rule_table(rule, moderators.matrix, moderators.names, share, comparison.scale)
        treats = float(np.mean([choice.chance.mean() for choice in choices]))
        tables["values"] = _values(comparison, value, without, effect - cost, treats)
        estimates = (whole, *_gains(question, comparison, value))
        agreement = _agreement(choices, rule.choice(moderators.matrix, share).chance)
        return Evidence(estimates, tuple(self._remarks(estimates, treats, agreement, found)), tables)

    def point(self, question: Effect, sample: pd.DataFrame) -> float:
        """Return the mean effect of one split, in people's units, refitting everything."""
        comparison = compared(question, sample)
        split = split_of(comparison, (WITHOUT, WITH), self.learners, self.folds, np.random.default_rng(0))
        return comparison.scale * effect_of(comparison, self._scores(question, comparison, [split])).value

    def _shares(self, comparison: Comparison, fold: np.ndarray) -> np.ndarray:
        """Return the capacity of each fold: the one given, or as many of its deals as were treated."""
        sizes = np.bincount(fold)
        if self.capacity is not None:
            return np.full(len(sizes), self.capacity)
        return np.asarray(np.bincount(fold, comparison.treated) / np.maximum(sizes, 1))

    def _scores(self, question: Effect, comparison: Comparison, splits: list[Split]) -> Scores:
        chance, without, given = (mean_over(splits, name) for name in (TREATMENT, WITHOUT, WITH))
        return scores(question, comparison, chance, without, given, self.clip)

    def _remarks(self, estimates: tuple[Estimate, ...], treats: float, agreement: float, found: Scores) -> Iterator[Check]:
        said = []
        for row, against in zip(estimates[1:], ("treating as many deals at random", "whom people choose now"), strict=True):
            number = f"{with_sign(row.value)} ({100 * row.level:.0f} % interval {with_sign(row.low)} to {with_sign(row.high)})"
            sure = row.low > 0 or row.high < 0
            said.append(f"against {against} it gains {number}{'' if sure else ', which cannot be told from noise'}")
        says = f"The rule treats {100 * treats:.1f} % of the deals; {said[0]}, and {said[1]}."
        yield Check("policy", passed=True, severity="note", says=says, value=estimates[1].value)
        says = f"Rules learned from parts of the deals choose {100 * agreement:.0f} % of deals as the rule learned from all of them does."
        yield Check("rule_stability", passed=agreement >= 0.75, severity="note", says=says, value=agreement)  # noqa: PLR2004 - a note
        if found.clipped:
            says = f"{found.clipped:,} deals have a propensity nearer to certainty than {self.clip:g}, which is set to that."
            yield Check("clip", passed=False, severity="note", says=says, value=float(found.clipped))


def _judged(
    comparison: Comparison, without: np.ndarray, effect: np.ndarray, choices: list[Choice], *, cost: float, as_now: bool
) -> Worth:
    found = [
        worth(
            comparison.outcome, comparison.treated, without, effect, choice,
            cost=cost, as_now=as_now, clusters=comparison.clusters,
        )
        for choice in choices
    ]  # fmt: skip
    told = ([getattr(one, name) for one in found] for name in ("rule", "over_random", "over_current", "current_over_random"))
    return Worth(*(over_splits(one) for one in told))


def _potential(comparison: Comparison, found: Scores) -> tuple[np.ndarray, np.ndarray]:
    """Return doubly robust scores of each deal's outcome without treatment, and of its effect, whatever the question's estimand."""
    treated, outcome = comparison.treated, comparison.outcome
    without = found.without + np.where(treated, 0.0, (outcome - found.without) / (1 - found.chance))
    given = found.given + np.where(treated, (outcome - found.given) / found.chance, 0.0)
    return without, given - without


def _gains(question: Effect, comparison: Comparison, value: Worth) -> Iterator[Estimate]:
    for quantity, told in ((OVER_RANDOM, value.over_random), (OVER_CURRENT, value.over_current)):
        yield replace(estimate_of(question, comparison, "all", told, len(comparison.treated)), quantity=quantity)


def _values(comparison: Comparison, value: Worth, without: np.ndarray, net: np.ndarray, treats: float) -> pd.DataFrame:
    """Return the mean outcome less costs under each way to choose, with standard errors, in people's units."""
    now = float(comparison.treated.mean())
    nobody, everyone = float(without.mean()), float((without + net).mean())
    rule = value.rule.value
    rows: list[tuple[str, float, float, Told | None]] = [
        ("nobody", 0.0, nobody, None),
        ("as many at random as the rule", treats, rule - value.over_random.value, None),
        ("whom people choose now", now, rule - value.over_current.value, value.current_over_random),
        ("the rule", treats, rule, value.over_random),
        ("everyone", 1.0, everyone, None),
    ]
    table = []
    for who, share, mean, gain in rows:
        error = np.nan if gain is None else comparison.scale * gain.variance**0.5
        over = np.nan if gain is None else comparison.scale * gain.value
        table.append(
            {"who": who, "treated": 100 * share, "mean": comparison.scale * mean, "over_random": over, "standard_error": error}
        )
    return pd.DataFrame(table)


def _agreement(choices: list[Choice], whole: np.ndarray) -> float:
    """Return how far the choices of partial rules are those of the whole one: 1 less the mean distance of the chances."""
    return float(np.mean([1 - np.abs(choice.chance - whole[choice.rows]).mean() for choice in choices]))
