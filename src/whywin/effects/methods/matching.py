"""Treated deals beside the untreated deals that were as likely to be treated."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, doc
from numpy.typing import NDArray

from whywin.deals.need import Need
from whywin.effects.comparison import ColumnsThere, Comparison, compared, estimate, need_of
from whywin.effects.inference import interval
from whywin.effects.matching_rules import contradictions, unfit
from whywin.effects.propensity_score import Model, Score, fitted_score
from whywin.effects.question import Effect
from whywin.effects.strata import strata_of
from whywin.effects.tables import balance_table, groups_table, outcomes_table, overlap_table, with_dropped
from whywin.errors import ConfigError, QuestionError
from whywin.evidence import Check, Design, Evidence
from whywin.settings import check_settings
from whywin.stats.matched_sets import Sets, compare_sets, full_sets, greedy_sets, optimal_sets
from whywin.stats.matching import Matched, match, matched_effect
from whywin.stats.neighbours import Ground, on_line
from whywin.stats.propensity import Standardised, standardisation
from whywin.stats.space import in_space

CELLS = 25_000_000  # distances that fit into a few hundred megabytes


@dataclass(frozen=True, eq=False)
class _Ready:
    """What stays the same when treatment is dealt out anew."""

    comparison: Comparison
    standard: Standardised
    strata: NDArray[np.int64] | None


@dataclass(frozen=True)
class Matching:
    """Matching on the propensity score or on the covariates, with standard errors that were made for it.

    With replacement every deal is matched with its nearest, all ties are taken, and the standard errors are Abadie's and Imbens's: for a
    logistic propensity they know that it was estimated (2016), for a boosted one or for Mahalanobis's distance they take what is matched
    on as given (2006). Without replacement each treated deal takes its nearest that is still free, the highest propensity first, and the
    standard errors are by matched set (Abadie and Spiess 2022). Where they rest on so few deals that they have fewer than 30 degrees of
    freedom (Satterthwaite), the interval is Student's. Where the question names a cluster, the products of different deals of
    a cluster are added, and the interval is Student's with clusters - 1 degrees of freedom.
    Sources: Rosenbaum and Rubin (1983), Biometrika 70, 41-55; (1985), American Statistician 39, 33-38; Abadie and Imbens (2006),
    Econometrica 74, 235-267; (2011), JBES 29, 1-11; (2016), Econometrica 84, 781-807; Abadie and Spiess (2022), JASA 117, 983-995;
    Hansen (2004), JASA 99, 609-618.
    """

    neighbours: Annotated[int, Ge(1), doc("how many matches each deal has; all that are equally near are taken")] = 1
    caliper: Annotated[
        float | None,
        Gt(0),
        doc(
            "deals without a match whose propensity is so near, in standard deviations of it, are left out and counted; no limit when "
            "not given"
        ),
    ] = None
    bias_adjustment: Annotated[bool, doc("take out by regression what differs within matches")] = False
    distance: Annotated[
        Literal["logit", "propensity", "mahalanobis"],
        doc("what nearness is measured on: the propensity in logits, or as a share, or the covariates themselves"),
    ] = "logit"
    exact: Annotated[tuple[str, ...], doc("columns in which a match must be the same, such as region")] = ()
    replacement: Annotated[
        bool, doc("a control may be the match of many; when false of one only, for the effect on the treated")
    ] = True
    pairs: Annotated[
        Literal["greedy", "optimal", "full"],
        doc(
            "without replacement: the nearest that is free, highest propensity first; or the least sum of distances, one to one; or that "
            "with everyone in a set (full matching)"
        ),
    ] = "greedy"
    model: Annotated[Model, doc("of the propensity: logistic regression, or cross-fitted gradient boosting")] = "logistic"
    ridge: Annotated[
        float, Ge(0), doc("penalty on the squared coefficients of the logistic regression, on standardised columns")
    ] = 0.0
    design: ClassVar[Design] = "adjusted"

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules, or contradict one another."""
        check_settings(self)
        found = contradictions(self)
        if found:
            raise ConfigError(found)

    @property
    def learners(self) -> tuple[str, ...]:
        """What the propensity is learned by: what tells checks how dear a refit is."""
        return ("linear",) if self.model == "logistic" else ("boosting",)

    def faults(self, question: Effect) -> list[str]:
        """Say why it cannot answer a question."""
        return unfit(self, question)

    def need(self, question: Effect) -> Need:
        """The columns that the question rests on, and those that are matched exactly."""
        plain = need_of(question)
        more = tuple(name for name in self.exact if name not in plain.names)
        return ColumnsThere((*plain.names, *more), plain.closed_only) if more else plain

    def answer(self, question: Effect, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return the effect with its interval, the balance before and after, and who is compared and who is dropped."""
        absent = [name for name in self.exact if name not in sample]
        if absent:
            raise QuestionError([f"exact: the deals have no column {name!r}; name another, or leave it out" for name in absent])
        ready = self._ready(question, sample)
        comparison = ready.comparison
        score, found = self._matched(ready, comparison.treated)
        wanted = comparison.treated | comparison.everyone
        asked = found.kept if comparison.everyone else found.kept & comparison.treated
        places = score.chance if self.distance == "propensity" else score.linear
        tables = {
            "balance": balance_table(comparison, found.weight),
            "overlap": overlap_table(score.chance, comparison.treated),
            "groups": groups_table(comparison, places, found.weight),
            "outcomes": outcomes_table(comparison, found.with_treatment, found.without_treatment),
        }
        ends = interval(question, comparison, found.effect, found.variance, found.freedom)
        number = estimate(question, comparison, found.effect, ends, int(found.kept.sum()))
        remarks = tuple(self._remarks(comparison, score, int(wanted.sum()), found.asked))
        return Evidence((number,), remarks, with_dropped(tables, comparison, wanted, asked))

    def point(self, question: Effect, sample: pd.DataFrame) -> float:
        """Return the effect alone, in people's units, refitting everything."""
        ready = self._ready(question, sample)
        return self._effect(ready, ready.comparison.treated)

    def refitter(self, question: Effect, sample: pd.DataFrame) -> Callable[[NDArray[np.float64]], float]:
        """Return what refits propensity and matches to another treatment of the same deals (1 or 0 each): the effect, in people's units.

        The deals are read and their covariates standardised once; it may be called from several threads. For the deals' own treatment
        it returns `point`, to the last bit.
        """
        ready = self._ready(question, sample)
        return lambda treatment: self._effect(ready, np.asarray(treatment) == 1)

    def _ready(self, question: Effect, sample: pd.DataFrame) -> _Ready:
        comparison = compared(question, sample)
        there = [name for name in self.exact if name in sample]  # a check may change deals of which it has fewer columns
        strata = strata_of(question, sample, there) if there else None
        return _Ready(comparison, standardisation(comparison.covariates.matrix), strata)

    def _score(self, ready: _Ready, treated: NDArray[np.bool_]) -> Score:
        return fitted_score(ready.standard, treated, model=self.model, ridge=self.ridge, clusters=ready.comparison.clusters)

    def _ground(self, ready: _Ready, score: Score) -> Ground:
        if self.distance == "mahalanobis":
            return in_space(ready.standard.covariates, score.linear, self.caliper, ready.strata)
        return on_line(score.linear if self.distance == "logit" else score.chance, self.caliper, ready.strata)

    def _effect(self, ready: _Ready, treated: NDArray[np.bool_]) -> float:
        comparison, adjust_for = ready.comparison, self._adjust_for(ready)
        score = self._score(ready, treated)
        ground = self._ground(ready, score)
        if not self.replacement:
            sets = self._sets(ground, treated, score)
            return comparison.scale * compare_sets(sets, treated, comparison.outcome, adjust_for=adjust_for).effect
        return comparison.scale * matched_effect(
            ground,
            treated,
            comparison.outcome,
            everyone=comparison.everyone,
            neighbours=self.neighbours,
            adjust_for=adjust_for,
        )

    def _matched(self, ready: _Ready, treated: NDArray[np.bool_]) -> tuple[Score, Matched]:
        comparison = ready.comparison
        score = self._score(ready, treated)
        ground = self._ground(ready, score)
        outcome, adjust_for, clusters = comparison.outcome, self._adjust_for(ready), comparison.clusters
        if self.replacement:
            known = None if self.distance == "mahalanobis" else score.logistic
            found = match(
                ground,
                treated,
                outcome,
                everyone=comparison.everyone,
                neighbours=self.neighbours,
                score=known,
                adjust_for=adjust_for,
                clusters=clusters,
            )
        else:
            sets = self._sets(ground, treated, score)
            found = compare_sets(sets, treated, outcome, adjust_for=adjust_for, clusters=clusters)
        if found.asked < 2:  # noqa: PLR2004 - a spread needs two
            within = "" if self.caliper is None else f" within {self.caliper:g}"
            same = f" with the same {', '.join(self.exact)}" if self.exact else ""
            raise QuestionError(
                f"caliper: only {found.asked} deals have a match{within}{same}; widen it, match on less exactly, or compare others"
            )
        return score, found

    def _adjust_for(self, ready: _Ready) -> NDArray[np.float64] | None:
        return ready.standard.covariates if self.bias_adjustment else None

    def _sets(self, ground: Ground, treated: NDArray[np.bool_], score: Score) -> Sets:
        if self.pairs == "greedy":
            return greedy_sets(ground, treated, score.linear, self.neighbours)
        count = int(treated.sum())
        if count * (len(treated) - count) > CELLS:
            raise QuestionError(
                f"pairs: {self.pairs} looks at every treated deal beside every untreated one, and {count:,} × {len(treated) - count:,} is "
                f"more than {CELLS:,}; use greedy, or compare fewer"
            )
        return optimal_sets(ground, treated) if self.pairs == "optimal" else full_sets(ground, treated)

    def _remarks(self, comparison: Comparison, score: Score, wanted: int, asked: int) -> Iterator[Check]:
        whom = "deals" if comparison.everyone else "treated deals"
        if self.caliper is not None or self.exact or not self.replacement:
            within = "" if self.caliper is None else f" within the caliper of {self.caliper:g}"
            same = f" with the same {', '.join(self.exact)}" if self.exact else ""
            says = f"{wanted - asked:,} of {wanted:,} {whom} have no match{same}{within} and are left out."
            yield Check("caliper", asked == wanted, "note", says, float(wanted - asked))
        yield Check("interval", passed=True, severity="note", says=self._errors(), value=0.0)
        if score.separated:
            says = f"What is adjusted for separates treated from untreated deals, so the propensity needed a ridge of {score.ridge:g}."
            yield Check("separation", passed=False, severity="note", says=says, value=score.ridge)

    def _errors(self) -> str:
        """Say which standard errors the interval is from."""
        if not self.replacement:
            return "The interval is by matched set (Abadie and Spiess 2022); it takes the propensity as given."
        if self.distance == "mahalanobis":
            return "The interval is Abadie's and Imbens's of 2006, for matching on the covariates themselves."
        if self.model == "boosting":
            return "The interval is Abadie's and Imbens's of 2006, which takes the boosted propensity as given."
        return "The interval is Abadie's and Imbens's of 2016, which knows that the propensity was estimated."
