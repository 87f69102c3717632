"""DoWhy's own estimators, each estimate by a fresh model on a frame of its own."""

import logging
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, Lt, doc
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

from whywin.deals.need import Need
from whywin.effects.comparison import Comparison, compared, estimate, need_of
from whywin.effects.dowhy_estimators import SMALLEST_STRATUM, WITHOUT_WEIGHTS, Estimator, faulty, made, short
from whywin.effects.fit import no_overlap_effect
from whywin.effects.question import Effect
from whywin.effects.tables import balance_table, groups_table, outcomes_table, overlap_table
from whywin.errors import QuestionError
from whywin.evidence import Check, Design, Evidence
from whywin.settings import check_settings
from whywin.stats.matching import match
from whywin.stats.propensity import propensity, standardised
from whywin.stats.streams import seeded_global_stream

TRIES: Final = 5  # times as many resamples are drawn before it is said that too few of them can be answered
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Dowhy:
    """DoWhy's estimators by their DoWhy names, with an interval that refits everything.

    DoWhy writes the propensity into the frame that it is given and reuses it; here every estimate, and every resample of the
    bootstrap, has a new frame, a new propensity model and a new estimator. The propensity is an unpenalised logistic regression on
    standardised columns. The bootstrap is invalid for matching (Abadie and Imbens, 2008, Econometrica 76, 1537-1557); matching
    has the standard error of Abadie and Imbens (2016) around DoWhy's estimate.
    """

    estimator: Annotated[
        Estimator,
        doc("which of DoWhy's estimators, by its short name or by DoWhy's own; one that goes wrong says why and is not run"),
    ] = "weighting"
    resamples: Annotated[int, Ge(20), doc("resamples of the bootstrap; of whole clusters where the question names one")] = 100
    clip: Annotated[
        float,
        Ge(0),
        Lt(0.5),
        doc("weighting: propensities nearer to 0 or 1 than this are set to it; DoWhy's own default is 0.05"),
    ] = 0.01
    design: ClassVar[Design] = "adjusted"
    most_refits: ClassVar[int] = 12  # a refit takes ten times what our own does

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def faults(self, question: Effect) -> list[str]:
        """Say which question DoWhy's estimator cannot answer, and which estimators are not run at all."""
        return [*faulty(self.estimator, question.estimand), *no_overlap_effect(question)]

    def need(self, question: Effect) -> Need:
        """The columns that the question rests on."""
        return need_of(question)

    def answer(self, question: Effect, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return DoWhy's estimate with an honest interval, and the balance that its weights reach."""
        comparison = _fit_for_dowhy(question, sample)
        with _quiet(), seeded_global_stream(rng):
            effect, frame = self._whole(comparison)
            error, remark = self._error(comparison, rng)
        reach = _quantile(question, comparison) * error
        tables, checks, count = self._behind(comparison, frame, effect)
        number = estimate(question, comparison, effect, (effect - reach, effect + reach), count)
        return Evidence((number,), (remark, *checks), tables)

    def _behind(
        self, comparison: Comparison, frame: pd.DataFrame, effect: float
    ) -> tuple[dict[str, pd.DataFrame], tuple[Check, ...], int]:
        """Return the tables behind the estimate, what cannot be told of it, and how many deals it rests on."""
        count = len(comparison.treated)
        if self.name in WITHOUT_WEIGHTS:
            chance = propensity(comparison.covariates.matrix, comparison.treated).chance
            tables = {
                "overlap": overlap_table(chance, comparison.treated),
                "groups": groups_table(comparison, chance, np.ones(count)),
            }
            says = f"DoWhy's {self.name} has no weights, so that the balance which it reaches is not known, and its grade is D at best."
            return tables, (Check("weights", False, "note", says, 0.0),), count  # noqa: FBT003
        chance = frame["propensity_score"].to_numpy()
        weight = self._weights(comparison, frame)
        asked = weight > 0 if comparison.everyone else comparison.treated & (weight > 0)
        observed = float(np.average(comparison.outcome[comparison.treated], weights=weight[comparison.treated]))
        tables = {
            "balance": balance_table(comparison, weight),
            "overlap": overlap_table(chance, comparison.treated),
            "groups": groups_table(comparison, chance, weight),
            "outcomes": outcomes_table(comparison, observed, observed - effect),
        }
        left = (len(asked) if comparison.everyone else int(comparison.treated.sum())) - int(asked.sum())
        dropped = Check("strata", left == 0, "note", f"{left:,} deals lie in strata too small to compare and are left out.", left)
        return tables, (dropped,) if self.name == "stratification" else (), int((weight > 0).sum())

    @property
    def name(self) -> str:
        """The estimator's short name."""
        return short(self.estimator)

    def point(self, question: Effect, sample: pd.DataFrame) -> float:
        """Return the effect alone, in people's units, refitting everything."""
        comparison = _fit_for_dowhy(question, sample)
        with _quiet():
            return comparison.scale * self._whole(comparison)[0]

    def _whole(self, comparison: Comparison) -> tuple[float, pd.DataFrame]:
        """Return DoWhy's estimate from every deal, and its frame; what DoWhy cannot do is the question's fault, not a crash."""
        try:
            return self._estimated(comparison, np.arange(len(comparison.treated)))
        except ValueError as refused:
            msg = (
                f"dowhy: {self.name} cannot compare these deals: {str(refused).rstrip('.')}; use weighting, or compare more deals"
            )
            raise QuestionError(msg) from refused

    def _estimated(self, comparison: Comparison, rows: NDArray[np.intp]) -> tuple[float, pd.DataFrame]:
        """Return DoWhy's estimate from these rows, as a fraction, and the frame that DoWhy has written into."""
        columns = standardised(comparison.covariates.matrix[rows])[:, 1:]
        names = [f"covariate {number}" for number in range(columns.shape[1])]
        frame = pd.DataFrame(columns, columns=names).assign(treated=comparison.treated[rows].astype(int))
        frame["result"] = comparison.outcome[rows]
        binary = bool(np.isin(comparison.outcome, (0.0, 1.0)).all())
        fitted = made(self.estimator, names, clip=self.clip, binary=binary).fit(frame.copy())
        found = fitted.estimate_effect(frame, target_units="ate" if comparison.everyone else "att")
        if self.name == "doubly_robust":
            frame["propensity_score"] = np.clip(
                fitted.propensity_score_model.predict_proba(frame)[:, 1], self.clip, 1 - self.clip
            )
        return float(found.value), frame

    def _error(self, comparison: Comparison, rng: np.random.Generator) -> tuple[float, Check]:
        """Return the standard error of the estimate, and where it comes from."""
        if self.name == "matching":
            says = "The interval is Abadie's and Imbens's of 2016, since the bootstrap is invalid for matching."
            return math.sqrt(self._pairs(comparison).variance), Check("interval", True, "note", says, 0.0)  # noqa: FBT003
        found: list[float] = []
        for _ in range(TRIES * self.resamples):
            rows = _resampled(comparison, rng)
            try:
                found.append(self._estimated(comparison, rows)[0])
            except ValueError:  # one group alone, or no stratum with both
                continue
            if len(found) == self.resamples:
                break
        if len(found) < self.resamples:
            raise QuestionError(
                f"dowhy: only {len(found)} of {TRIES * self.resamples} resamples have treated and untreated deals to compare: "
                "leave cluster out, or compare more deals"
            )
        unit = "deals" if comparison.clusters is None else "clusters"
        says = f"The interval is from {self.resamples} resamples of {unit}, each with a propensity model of its own."
        return float(np.std(found, ddof=1)), Check("interval", True, "note", says, float(self.resamples))  # noqa: FBT003

    def _pairs(self, comparison: Comparison) -> Any:
        score = propensity(comparison.covariates.matrix, comparison.treated)
        arrays = (score.chance, comparison.treated, comparison.outcome)
        return match(*arrays, everyone=comparison.everyone, score=score, clusters=comparison.clusters)

    def _weights(self, comparison: Comparison, frame: pd.DataFrame) -> Floats:
        """Return how much each deal weighs in DoWhy's estimate, up to a constant in each group."""
        treated, chance = comparison.treated, frame["propensity_score"].to_numpy()
        if self.name == "matching":
            return np.asarray(self._pairs(comparison).weight)
        if self.name in {"weighting", "doubly_robust"}:
            everyone = np.where(treated, 1 / chance, 1 / (1 - chance))
            return everyone if comparison.everyone else np.where(treated, 1.0, chance / (1 - chance))
        strata = frame.groupby("strata")["treated"]
        inside, total = strata.transform("sum").to_numpy(), strata.transform("size").to_numpy()
        enough = np.minimum(inside, total - inside) > SMALLEST_STRATUM
        wanted = total if comparison.everyone else inside
        own = np.where(treated, inside, total - inside)
        return np.asarray(np.where(enough, wanted / own, 0.0))


def _fit_for_dowhy(question: Effect, sample: pd.DataFrame) -> Comparison:
    comparison = compared(question, sample)
    if not comparison.covariates.names:
        raise QuestionError("dowhy: there is nothing to adjust for, and its propensity estimators need something; use difference")
    return comparison


def _resampled(comparison: Comparison, rng: np.random.Generator) -> NDArray[np.intp]:
    """Draw as many deals, or whole clusters, as there are, with replacement."""
    if comparison.clusters is None:
        return rng.integers(len(comparison.treated), size=len(comparison.treated))
    order = np.argsort(comparison.clusters, kind="stable")
    sizes = np.bincount(comparison.clusters)
    starts = np.cumsum(sizes) - sizes
    drawn = rng.integers(len(sizes), size=len(sizes))
    return np.concatenate([order[starts[cluster] : starts[cluster] + sizes[cluster]] for cluster in drawn])


def _quantile(question: Effect, comparison: Comparison) -> float:
    if comparison.clusters is None:
        return float(norm.ppf(0.5 + question.level / 2))
    return float(student.ppf(0.5 + question.level / 2, len(np.unique(comparison.clusters)) - 1))


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep DoWhy's log and the warnings of its frames to itself, and its many small fits on one core each."""
    from threadpoolctl import threadpool_limits

    logger = logging.getLogger("dowhy")
    level = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
