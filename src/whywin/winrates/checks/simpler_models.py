"""Whether what the model is made of predicts deals better than a simpler model does."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Annotated, Any, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, doc
from numpy.typing import NDArray
from scipy.special import logsumexp

from whywin.evidence import Check, with_sign
from whywin.settings import check_settings
from whywin.winrates.question import WinRates
from whywin.winrates.rates import cell_rates
from whywin.winrates.refitting import refittable, refitted
from whywin.winrates.structure import Structure

Floats = NDArray[np.float64]
Pairs = tuple[tuple[str, str], ...]
DRAWS: Final = 1000
LEAST_DRAWS, WORK = (
    200,
    30_000_000,
)  # draws: fewer where there are so many cells that their rates at all draws would be more than this
MOVEMENT: Final = "the movement of segments over time"
SURE: Final = 2.0  # standard errors
TINY: Final = 1e-12


@dataclass(frozen=True)
class SimplerModels:
    """Each crossing, the movement over time, the rep and the segments predict left-out deals better than the model without them.

    Every deal is left out in turn (leave-one-out, by importance sampling from the draws that there are) and scored by the log of the
    chance that the rest gave to its outcome; the model and the simpler ones, which are fitted anew, are compared deal by deal. Pareto
    smoothing corrects the deals whose ratios vary most and judges them by k-hat. A part that predicts no better does no harm, since
    pooling shrinks it; below a difference of 4 the standard error says little (Sivula and others), so that nothing is claimed.
    Sources: Vehtari, Gelman and Gabry (2017), Practical Bayesian model evaluation using leave-one-out cross-validation and WAIC,
    Statistics and Computing 27, 1413-1432; Vehtari, Simpson, Gelman, Yao and Gabry (2024), Pareto smoothed importance sampling, JMLR
    25 (72); Sivula, Magnusson, Matamoros and Vehtari (2020), Uncertainty in Bayesian leave-one-out cross-validation based model
    comparison, arXiv 2008.10296.
    """

    most_models: Annotated[int, Ge(1), doc("at most this many simpler models are fitted")] = 4
    most_points: Annotated[
        int,
        Ge(50),
        doc("Pareto smoothing for so many pairs of cell and outcome, those whose ratios vary most; the rest need none"),
    ] = 500
    least_difference: Annotated[float, Gt(0), doc("a smaller difference of the summed log scores is taken for none")] = 4.0
    most_khat: Annotated[float, Gt(0), Lt(1), doc("deals with a k-hat above this are counted")] = 0.7

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: WinRates) -> None:
        """Nothing beyond the draws and the cells they were fitted to."""

    def check(
        self, question: WinRates, answers: tuple[Any, ...], sample: pd.DataFrame | None, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return one note for each answer of a model that can be fitted again."""
        del sample
        return tuple(self._judged(question, one, rng) for one in refittable(answers))

    def _judged(self, question: WinRates, answer: Any, rng: np.random.Generator) -> Check:
        structure: Structure = answer.method.structure(question, answer.sample)
        won, lost = counts(answer.evidence.posterior)
        full = left_out(answer.evidence.posterior, self.most_points)
        found, unfitted = {}, []
        for name, simpler in _simpler(question, structure, answer.sample, self.most_models):
            other = self._scored(answer, simpler, rng)
            if other is None:
                unfitted.append(name)
            else:
                found[name] = difference(other.scores - full.scores, np.concatenate([won, lost]))
        bad = int(np.concatenate([won, lost])[full.khat > self.most_khat].sum())
        worse = [name for name, (mean, error) in found.items() if self._clear(mean, error)]
        deals = round(won.sum() + lost.sum())
        says = f"{self._compared(found, deals)}{self._rest(full, bad, unfitted)}."
        return Check("simpler_models", not (worse or bad), "note", says, float(np.nanmax(full.khat, initial=0.0)), answer.label)

    def _scored(self, answer: Any, simpler: Structure, rng: np.random.Generator) -> "LeftOut | None":
        if not simpler.pieces(answer.sample).terms:
            return constant(*counts(answer.evidence.posterior))
        tree = refitted(answer.method, simpler, answer.sample, rng)
        return None if tree is None else left_out(tree, self.most_points)

    def _clear(self, mean: float, error: float) -> bool:
        return mean > max(self.least_difference, SURE * error)

    def _compared(self, found: dict[str, tuple[float, float]], deals: int) -> str:
        if not found:
            return "No simpler model was compared"
        changes = ", ".join(f"{with_sign(mean)} ± {error:.1f} without {name}" for name, (mean, error) in found.items())
        kept = [name for name, (mean, error) in found.items() if self._clear(-mean, error)]
        worse = [name for name, (mean, error) in found.items() if self._clear(mean, error)]
        idle = [name for name in found if name not in (*kept, *worse)]
        verdicts = [f"{_listed(kept)} {_verb(kept, 'earns its', 'earn their')} keep"] if kept else []
        verdicts += [f"without {_listed(idle)} deals are predicted as well"] if idle else []
        verdicts += (
            [f"without {_listed(worse)} they are predicted better, so that nothing is lost by leaving it out"] if worse else []
        )
        left = f"Leaving out each of {deals:,} deals in turn, the summed log score changes by"
        return f"{left} {changes}: {'; '.join(verdicts)}"

    def _rest(self, full: "LeftOut", bad: int, unfitted: list[str]) -> str:
        tail = f"; {bad:,} deals have a k-hat above {self.most_khat:g}, so that their scores are rough" if bad else ""
        if not bad and full.smoothed:
            tail = f" (k-hat at most {np.nanmax(full.khat, initial=0.0):.2f})"
        return tail + (f"; the model without {_listed(unfitted)} could not be fitted quickly" if unfitted else "")


def _listed(names: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _verb(names: list[str], one: str, more: str) -> str:
    return one if len(names) == 1 and names[0] != "the segments" else more


def _simpler(question: WinRates, structure: Structure, cells: pd.DataFrame, most: int) -> Iterator[tuple[str, Structure]]:
    """Yield by name of what is left out the simpler models: crossings, movement over time, segments, and single columns."""
    period = structure.period
    plain = [pair for pair in structure.cross if period is None or period not in pair]
    moving = tuple(pair for pair in structure.cross if pair not in plain)
    columns = [name for name in structure.dimensions if name not in (*question.segments, period)]
    rest = bool(moving) + 1 + min(len(columns), 1)
    groups: list[tuple[str, Pairs]] = [(f"{a} × {b}", ((a, b),)) for a, b in plain]
    if len(groups) > max(most - rest, 1):
        groups = [("all crossings of segments", tuple(plain))]
    groups += [(MOVEMENT, moving)] if moving else []
    models = [(name, _without(structure, pairs=pairs)) for name, pairs in groups]
    models += [(name, _without(structure, columns=(name,))) for name in columns[:1]]
    models += [("the segments", _without(structure, columns=question.segments))]
    models += [(name, _without(structure, columns=(name,))) for name in columns[1:]]
    terms = structure.pieces(cells).terms
    there = [(name, simpler) for name, simpler in models if simpler.pieces(cells).terms != terms]
    yield from there[:most]


def _without(structure: Structure, columns: tuple[str, ...] = (), pairs: Pairs = ()) -> Structure:
    cross = tuple(pair for pair in structure.cross if pair not in pairs and not set(pair) & set(columns))
    left = tuple(name for name in structure.dimensions if name not in columns)
    return replace(structure, dimensions=left, cross=cross, walks=tuple(name for name in structure.walks if name in left))


@dataclass(frozen=True, eq=False)
class LeftOut:
    """What the other deals say of a left-out one.

    Attributes:
        scores: by cell, log of the chance of a win for a won deal that is left out; then by cell likewise for a lost one.
        khat: of the importance ratios behind each; 0 where they need no smoothing or there is no such deal.
        smoothed: how many of them were smoothed.
    """

    scores: Floats
    khat: Floats
    smoothed: int


def counts(tree: Any) -> tuple[Floats, Floats]:
    """Return won and lost deals by cell."""
    deals, won = (tree.observed_data[name].to_numpy().astype(float) for name in ("deals", "won"))
    return won, deals - won


def left_out(tree: Any, most_points: int) -> LeftOut:
    """Return the scores of deals that are left out one at a time, by importance sampling from the draws of the whole posterior.

    A deal's ratio is one over its likelihood, so that its score is minus the log of the mean ratio. Pareto smoothing (ArviZ) replaces
    it for the `most_points` kinds of deals whose log ratios vary most: where they vary less a heavy tail cannot matter.
    """
    won, lost = counts(tree)
    draws = tree.posterior["intercept"].size
    kept = int(np.clip(WORK // max(len(won), 1), LEAST_DRAWS, DRAWS))
    chosen = slice(None, None, max(draws // kept, 1))
    ratio, first, second, total = np.zeros(2 * len(won)), np.zeros(2 * len(won)), np.zeros(2 * len(won)), 0
    for rates in cell_rates(tree, chosen):
        chance = _chances(rates)
        logs = np.log(chance)
        total += len(rates)
        ratio, first, second = ratio + (1 / chance).sum(0), first + logs.sum(0), second + (logs**2).sum(0)
    scores = -np.log(ratio / total)
    variance = np.where(np.concatenate([won, lost]) > 0, second / total - (first / total) ** 2, 0.0)
    points = np.sort(np.argsort(-variance, kind="stable")[:most_points])
    points = points[variance[points] > TINY]
    khat = np.zeros(len(scores))
    if len(points):
        logs = np.log(np.concatenate([_chances(rates)[:, points] for rates in cell_rates(tree, chosen)])).T
        scores[points], khat[points] = smoothed(logs)
    return LeftOut(scores, khat, len(points))


def _chances(rates: Floats) -> Floats:
    return np.asarray(np.clip(np.concatenate([rates, 1 - rates], axis=1), TINY, 1.0))


def smoothed(log_likelihood: Floats) -> tuple[Floats, Floats]:
    """Return the leave-one-out score and k-hat of each point, from points × draws, by Pareto smoothed importance sampling."""
    from arviz_stats.base import array_stats

    with np.errstate(all="ignore"):  # a tail of equal draws has no shape: its k-hat is not a number, and it stays unsmoothed
        log_weight, khat = array_stats.psislw(log_likelihood)
    return np.asarray(logsumexp(log_weight + log_likelihood, axis=1)), np.nan_to_num(khat, nan=0.0, posinf=1e6)


def constant(won: Floats, lost: Floats) -> LeftOut:
    """Return the scores where all deals have one rate with a prior of half a deal won and half a deal lost (Jeffreys)."""
    rate = (np.array([won.sum(), lost.sum()]) - 0.5) / (won.sum() + lost.sum())
    scores = np.repeat(np.log(np.maximum(rate, TINY)), len(won))
    return LeftOut(scores, np.zeros(len(scores)), 0)


def difference(scores: Floats, deals: Floats) -> tuple[float, float]:
    """Return the sum over deals of a difference that is the same for some of them at a time, and its standard error."""
    mean = float(scores @ deals / deals.sum())
    return mean * float(deals.sum()), float(np.sqrt((scores - mean) ** 2 @ deals))
