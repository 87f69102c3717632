"""Effects by segment by partial pooling: every segment's effect is drawn towards the others as far as its own deals leave doubt."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, doc
from numpy.typing import NDArray

from whywin.deals.need import Need
from whywin.effects.comparison import Comparison, compared, eligible
from whywin.effects.covariates import covariates
from whywin.effects.fit import no_overlap_effect
from whywin.effects.modifiers import Segment, banded_into_levels, modifiers_of, need_with_modifiers, segments_of
from whywin.effects.pooled_effects import effect_draws, implied_weights, likeliest, pooled_table, prior_coefficients, spread_table
from whywin.effects.pooled_sampling import Drawn, Effort, drawn
from whywin.effects.pooled_tree import tree_of
from whywin.effects.pooling import Dimension, Pooling, Scales, pooled
from whywin.effects.question import Effect
from whywin.effects.tables import balance_table, groups_table, outcomes_table, overlap_table
from whywin.evidence import Check, Design, Estimate, Evidence
from whywin.settings import check_settings
from whywin.stats.propensity import propensity
from whywin.stats.stacking import is_binary

MOST_CLUSTERS: Final = 300  # with more of them an effect each is slower than it is worth
PRIOR_DRAWS: Final = 500
LEVEL_POINTS: Final = 10.0  # prior of the mean outcome about the observed one: it only has to leave room for the other terms
NUMBER_POINT: Final = 0.02  # standard deviations of a number that count as a point; of 0 and 1 at even odds it is the same


@dataclass(frozen=True)
class Hierarchical:
    """A Bayesian model of the outcome whose effects by segment are partially pooled, standardised over the deals that are asked for.

    Chances are modelled in logits (numbers as they are): slopes of what is adjusted for, levels of each modifier and cluster, and the same
    again for the effect of treatment. The effect of a segment is the mean over its deals of the difference between their outcomes with
    and without treatment, under every draw; the deals are taken as a sample by the Bayesian bootstrap.
    Sources: Gelman and Hill (2007), Data analysis using regression and multilevel/hierarchical models, Cambridge, chapters 9, 13 and 23;
    Robins (1986), Mathematical Modelling 7, 1393-1512 (standardisation); Rubin (1981), Annals of Statistics 9, 130-134.
    """

    draws: Annotated[int, Ge(100), doc("draws kept of each chain")] = 1000
    tune: Annotated[int, Ge(100), doc("draws of each chain spent on tuning, and thrown away")] = 500
    chains: Annotated[int, Ge(2), doc("independent chains; convergence is judged by comparing them")] = 4
    effect_points: Annotated[float, Gt(0), doc("prior: standard deviation, in points, of the mean effect about nought")] = 20.0
    differing_points: Annotated[
        float,
        Gt(0),
        doc("prior: effects differ between levels by a standard deviation of this many points or less, two times in three"),
    ] = 10.0
    spread_points: Annotated[
        float,
        Gt(0),
        doc("prior: win rates differ between levels by a standard deviation of this many points or less, two times in three"),
    ] = 15.0
    slope_points: Annotated[
        float, Gt(0), doc("prior: standard deviation, in points, of what all the columns that are adjusted for change together")
    ] = 50.0
    sure: Annotated[
        float,
        Gt(0.5),
        Lt(1),
        doc("a segment is named as different when its effect lies off that of all deals with this probability"),
    ] = 0.99
    most: Annotated[int, Ge(1000), doc("with more deals than this a random sample of so many is modelled")] = 20_000
    design: ClassVar[Design] = "adjusted"
    most_refits: ClassVar[int] = 12

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def faults(self, question: Effect) -> list[str]:
        """Say which question it cannot answer: that about the overlap."""
        return no_overlap_effect(question)

    def need(self, question: Effect) -> Need:
        """The columns that the question rests on, and those by which the effect may differ."""
        return need_with_modifiers(question)

    def answer(self, question: Effect, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return the mean effect and the effects by segment with their intervals, the tables behind them, and the draws."""
        picker, sampler, others = rng.spawn(3)
        taken = self._taken(question, sample, picker)
        comparison = compared(question, taken)
        segments = segments_of(question, comparison, taken)
        model = self._model(question, comparison, segments, taken)
        found = drawn(model, Effort(self.draws, self.tune, self.chains), sampler)
        asked = _asked(comparison)
        kept = [segment for segment in segments if (segment.rows & asked).any()]
        groups = [np.ones(len(asked), dtype=bool), *(segment.rows for segment in kept)]
        flat = found.coefficients.reshape(-1, found.coefficients.shape[-1])
        effects = effect_draws(model, flat, asked, groups, comparison.clusters, others)
        before = effect_draws(model, prior_coefficients(model, PRIOR_DRAWS, others), asked, groups, comparison.clusters, others)
        tables = self._tables(question, comparison, model, found, float(effects[:, 0].mean()))
        tables |= {
            "pooled_effects": pooled_table(comparison, kept, effects[:, 1:], effects[:, 0], question.level, self.sure),
            "effect_spread": spread_table(comparison, kept, effects[:, 1:], before[:, 1:], question.level),
            "prior": _prior_table(question, comparison, before[:, 0]),
        }
        names = ("all", *(segment.name for segment in kept))
        estimates = tuple(
            _estimate(question, comparison, name, column, int(group.sum()))
            for name, column, group in zip(names, effects.T, groups, strict=True)
        )
        remarks = tuple(self._remarks(question, comparison, found, sample, taken, tables["pooled_effects"]))
        tree = tree_of(model, found, effects * comparison.scale, names, comparison.unit)
        return Evidence(estimates, remarks, tables, tree)

    def point(self, question: Effect, sample: pd.DataFrame) -> float:
        """Return the effect at the posterior's top with every standard deviation at its prior's median, in people's units."""
        taken = self._taken(question, sample, np.random.default_rng(0))
        comparison = compared(question, taken)
        model = self._model(question, comparison, segments_of(question, comparison, taken), taken)
        coefficients = likeliest(model, comparison.outcome)
        upper, lower = (model.mean(model.under(dose) @ coefficients) for dose in (1.0, 0.0))
        return comparison.scale * float((upper - lower)[model.cell[_asked(comparison)]].mean())

    def _taken(self, question: Effect, sample: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
        deals = eligible(question, sample)
        if len(deals) <= self.most:
            return deals
        return deals.iloc[np.sort(rng.choice(len(deals), self.most, replace=False))].reset_index(drop=True)

    def _model(self, question: Effect, comparison: Comparison, segments: tuple[Segment, ...], deals: pd.DataFrame) -> Pooling:
        modifiers = modifiers_of(question, comparison, deals)
        # a number that is cut into bands keeps its slope: within a band it confounds all the same
        slopes = [name for name in comparison.adjusted if name not in modifiers or banded_into_levels(deals[name])]
        others = covariates(deals, slopes, question.logs)
        binary = is_binary(comparison.outcome)
        return pooled(
            comparison.outcome,
            comparison.treated,
            others.matrix,
            _dimensions(question, comparison, segments),
            self._scales(comparison, others.matrix.shape[1], binary=binary),
            binary=binary,
        )

    def _scales(self, comparison: Comparison, columns: int, *, binary: bool) -> Scales:
        """Return the priors: a point at the overall rate p is 0.01 / (p (1 - p)) logits."""
        rate = float(np.clip(comparison.outcome.mean(), 0.01, 0.99))
        point = 0.01 / (rate * (1 - rate)) if binary else NUMBER_POINT
        points = (
            LEVEL_POINTS,
            self.slope_points / max(columns, 1) ** 0.5,
            self.effect_points,
            self.spread_points,
            self.differing_points,
        )
        return Scales(*(point * one for one in points))

    def _tables(
        self, question: Effect, comparison: Comparison, model: Pooling, found: Drawn, effect: float
    ) -> dict[str, pd.DataFrame]:
        asked, sign = _asked(comparison), np.where(comparison.treated, 1.0, -1.0)
        middle = found.coefficients.mean(axis=(0, 1))
        weight = np.maximum(implied_weights(model, middle, found.spread.mean(axis=(0, 1)), asked) * sign, 0.0)
        chance = propensity(comparison.covariates.matrix, comparison.treated).chance
        lower = model.mean(model.under(0.0) @ middle)[model.cell[asked]]
        without = float(lower.mean()) if comparison.everyone else float(comparison.outcome[asked].mean()) - effect
        return {
            "balance": balance_table(comparison, weight),
            "overlap": overlap_table(chance, comparison.treated),
            "groups": groups_table(comparison, chance, weight),
            "outcomes": outcomes_table(comparison, without + effect, without),
        }

    def _remarks(
        self,
        question: Effect,
        comparison: Comparison,
        found: Drawn,
        sample: pd.DataFrame,
        taken: pd.DataFrame,
        segments: pd.DataFrame,
    ) -> Iterator[Check]:
        says = f"Chains: R-hat at most {found.rhat:.3f}, at least {found.effective:,.0f} effective draws, {100 * found.divergent:.1f} % divergent"
        says += "." if found.usable else ": the posterior was not found; raise draws and tune, or name fewer modifiers."
        yield Check("convergence", found.converged, "note" if found.usable else "fatal", says, min(found.rhat, 1e6))
        off = [f"{row.column}={row.level}" for row in segments.itertuples() if row.differs]
        says = (
            f"Effects differ from that of all deals in {', '.join(off)}."
            if off
            else "Effects do not differ detectably between segments."
        )
        yield Check("heterogeneity", passed=True, severity="note", says=says, value=float(len(off)))
        count = len(eligible(question, sample))
        if count > len(taken):
            says = f"A random {len(taken):,} of {count:,} deals were modelled."
            yield Check("sampled_deals", passed=False, severity="note", says=says, value=float(len(taken)))
        if comparison.clusters is not None and len(np.unique(comparison.clusters)) > MOST_CLUSTERS:
            says = f"There are more than {MOST_CLUSTERS} clusters, so that they have no levels of their own: the interval may be too short."
            yield Check("many_clusters", passed=False, severity="note", says=says, value=float(MOST_CLUSTERS))


def _asked(comparison: Comparison) -> NDArray[np.bool_]:
    return np.ones(len(comparison.treated), dtype=bool) if comparison.everyone else comparison.treated


def _dimensions(question: Effect, comparison: Comparison, segments: tuple[Segment, ...]) -> list[Dimension]:
    """Return the modifiers that have more than one level, and the clusters where they are not too many."""
    found = []
    for column in dict.fromkeys(segment.column for segment in segments):
        own = [segment.rows for segment in segments if segment.column == column]
        if len(own) > 1:
            found.append(Dimension(column, np.argmax(own, axis=0).astype(np.int64)))
    if comparison.clusters is not None and question.cluster not in {one.name for one in found}:
        codes = np.unique(comparison.clusters, return_inverse=True)[1].astype(np.int64)
        if 1 < codes.max() + 1 <= MOST_CLUSTERS:
            found.append(Dimension(str(question.cluster), codes))
    return found


def _estimate(question: Effect, comparison: Comparison, segment: str, draws: NDArray[np.float64], count: int) -> Estimate:
    tail = (1 - question.level) / 2
    low, high = (comparison.scale * float(end) for end in np.quantile(draws, [tail, 1 - tail]))
    value = min(max(comparison.scale * float(draws.mean()), low), high)
    return Estimate(question.quantity, segment, value, low, high, question.level, count, comparison.unit)


def _prior_table(question: Effect, comparison: Comparison, draws: NDArray[np.float64]) -> pd.DataFrame:
    tail = (1 - question.level) / 2
    low, middle, high = comparison.scale * np.quantile(draws, [tail, 0.5, 1 - tail])
    return pd.DataFrame([{"quantity": question.quantity, "prior_low": low, "prior_median": middle, "prior_high": high}])
