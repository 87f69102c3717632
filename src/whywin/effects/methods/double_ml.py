"""The effect in what models of treatment and of outcome leave unexplained: double machine learning by EconML."""

import warnings
from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge, MinLen, doc
from numpy.typing import NDArray

from whywin.deals.need import Need
from whywin.effects.comparison import Comparison, compared, estimate, need_of
from whywin.effects.fit import no_overlap_effect
from whywin.effects.inference import interval
from whywin.effects.nuisances import LEARNERS, TREATMENT, Learned, Learner, dealt, learned, nuisances_table
from whywin.effects.question import Effect
from whywin.effects.tables import balance_table, groups_table, outcomes_table, overlap_table
from whywin.evidence import Check, Design, Evidence
from whywin.settings import check_settings
from whywin.stats.influence import median_of_splits, variance_of
from whywin.stats.partialling_out import Partialled, partialled_out
from whywin.stats.propensity import standardised

Floats = NDArray[np.float64]
OUTCOME: Final = "outcome"


@dataclass(frozen=True, eq=False)
class _Split:
    """One random split: what was learned, and the effect that it gives."""

    nuisances: dict[str, Learned]
    found: Partialled
    variance: float
    without: float


@dataclass(frozen=True)
class DoubleMl:
    """EconML's LinearDML: what is left of the outcome on what is left of the treatment, the effect linear in what is adjusted for.

    Treatment and outcome are predicted by a mixture of learners, for each deal by models that never saw it; deals of a cluster are
    held out together. EconML's own intervals know neither clusters nor that the deals asked for are a sample, so the variance is that
    of the influences here, summed within clusters, and the interval is then Student's with clusters - 1 degrees of freedom. The answer is
    the median over several random splits.
    Sources: Robinson (1988), Econometrica 56, 931-954; Chernozhukov and others (2018), Econometrics Journal 21, C1-C68.
    """

    learners: Annotated[
        tuple[Learner, ...],
        MinLen(1),
        doc("models in the mixture: linear (in logits), quadratic (with squares and products), boosting (gradient boosting)"),
    ] = LEARNERS
    effect: Annotated[
        Literal["linear", "constant"], doc("whether the effect moves with what is adjusted for, or is one number for every deal")
    ] = "linear"
    folds: Annotated[int, Ge(2), doc("parts that the deals are split into; each is predicted from the others")] = 5
    splits: Annotated[int, Ge(1), doc("random splits that the median is taken over")] = 3
    design: ClassVar[Design] = "adjusted"

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def faults(self, question: Effect) -> list[str]:
        """Say which question it cannot answer: that about the overlap."""
        return no_overlap_effect(question)

    def need(self, question: Effect) -> Need:
        """The columns that the question rests on."""
        return need_of(question)

    def answer(self, question: Effect, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return the effect with its interval, which models predicted, the balance that it reaches, and who is compared."""
        comparison = compared(question, sample)
        splits = [self._split(comparison, rng) for _ in range(self.splits)]
        effect, variance = median_of_splits([one.found.effect for one in splits], [one.variance for one in splits])
        without = float(np.median([one.without for one in splits]))
        chance = np.mean([one.nuisances[TREATMENT].value for one in splits], axis=0)
        sign = np.where(comparison.treated, 1.0, -1.0)
        signed = np.mean([one.found.weight for one in splits], axis=0) * sign
        weight = np.maximum(signed, 0.0)
        tables = {
            "balance": balance_table(comparison, weight),
            "overlap": overlap_table(chance, comparison.treated),
            "groups": groups_table(comparison, chance, weight),
            "outcomes": outcomes_table(comparison, without + effect, without),
            "nuisances": nuisances_table(
                self.learners, {name: [one.nuisances[name] for one in splits] for name in splits[0].nuisances}
            ),
        }
        ends = interval(question, comparison, effect, variance)
        number = estimate(question, comparison, effect, ends, len(comparison.treated))
        return Evidence((number,), (_extrapolated(signed),), tables)

    def point(self, question: Effect, sample: pd.DataFrame) -> float:
        """Return the effect of one split alone, in people's units, refitting everything."""
        comparison = compared(question, sample)
        return comparison.scale * self._split(comparison, np.random.default_rng(0)).found.effect

    def _split(self, comparison: Comparison, rng: np.random.Generator) -> _Split:
        matrix, treated, outcome = comparison.covariates.matrix, comparison.treated, comparison.outcome
        fold = dealt(treated, comparison.clusters, self.folds, rng)
        everyone = np.ones(len(treated), dtype=bool)
        asked = everyone if comparison.everyone else treated
        nuisances = {
            name: learned(matrix, target, fold, self.learners, everyone)
            for name, target in ((TREATMENT, treated.astype(np.float64)), (OUTCOME, outcome))
        }
        chance, predicted = nuisances[TREATMENT].value, nuisances[OUTCOME].value
        columns = standardised(matrix if self.effect == "linear" else matrix[:, :0])
        coefficients = _by_econml(outcome, treated, columns[:, 1:], np.column_stack([predicted, chance]), fold)
        found = partialled_out(outcome - predicted, treated - chance, columns, coefficients, asked)
        without = (
            float((predicted - chance * found.effects).mean()) if comparison.everyone else outcome[treated].mean() - found.effect
        )
        return _Split(nuisances, found, variance_of(found.influence, comparison.clusters), float(without))


class _Foretold:
    """A first stage that was predicted out of sample beforehand: it looks its prediction up in a column of the controls.

    EconML can neither mix learners over all folds at once nor hold out clusters with a treatment spread evenly; the folds that it is
    given are the ones that the predictions come from.
    """

    def __init__(self, column: int) -> None:
        self.column = column

    def get_params(self, deep: bool = True) -> dict[str, int]:
        return {"column": self.column}

    def fit(self, controls: Floats, target: Floats) -> "_Foretold":
        return self

    def predict(self, controls: Floats) -> Floats:
        return controls[:, self.column]


def _by_econml(
    outcome: Floats, treated: NDArray[np.bool_], moderators: Floats, foretold: Floats, fold: NDArray[np.int64]
) -> Floats:
    """Return the coefficients of LinearDML's last stage, the intercept first."""
    from econml.dml import LinearDML

    first = moderators.shape[1]
    parts = [(np.flatnonzero(fold != part), np.flatnonzero(fold == part)) for part in np.unique(fold)]
    model = LinearDML(model_y=_Foretold(first), model_t=_Foretold(first + 1), cv=parts)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # columns that follow from one another change no mean effect
        model.fit(outcome, treated.astype(np.float64), X=moderators if first else None, W=foretold, inference=None)
    slopes = np.ravel(model.coef_) if first else np.empty(0)
    return np.asarray(np.r_[np.ravel(model.intercept_), slopes])


def _extrapolated(signed: Floats) -> Check:
    """Say which deals count the wrong way round, which is what a straight line does beyond the deals that it was drawn through."""
    share = float(np.maximum(-signed, 0.0).sum() / np.abs(signed).sum())
    says = f"{100 * share:.1f} % of the weight is negative: there the effect's straight line is drawn beyond the deals that can be compared."
    return Check("extrapolation", share <= 0.1, "note", says, share)  # noqa: PLR2004 - a note from a tenth on
