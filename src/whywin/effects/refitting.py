"""Refitting a whole method on deals that were changed on purpose: what every check that refutes stands on.

Each refit has a copy of the deals, a seed of its own, and nothing of the fits before it, so that the numbers do not depend on how many
are done at a time. A method says by `most_refits` how often a check may refit it; without a word, one that learns by more than
straight lines is refitted a few times, and any other as often as the check asks.
"""

import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import norm
from scipy.stats import t as student

from whywin import fanning
from whywin.effects.identification import identified
from whywin.effects.question import Effect
from whywin.errors import QuestionError
from whywin.evidence import Estimate

Floats = NDArray[np.float64]
Changed = Callable[[Effect, pd.DataFrame, np.random.Generator], tuple[Effect, pd.DataFrame]]

FEW: Final = 6  # most refits of a method that learns by machine
FEWEST: Final = 3  # refits, or halvings, below which their spread says nothing
WORKERS: Final = 4  # at the same time, where nobody said how many
SMALLEST: Final = 1e-4  # p-values below it are not told apart
LARGE: Final = 20_000  # deals from which on a dear refit is worth a process of its own


def refutable(question: Effect, answers: Iterable[Any]) -> list[tuple[Any, Estimate]]:
    """Return the answers that rest on comparing deals as they are and can be refitted, each with its estimate of the effect."""
    return [(one, row) for one in answers if _is_comparison(one) and (row := estimate_of(question, one)) is not None]


def estimate_of(question: Effect, answer: Any) -> Estimate | None:
    """Return an answer's estimate of the effect that is asked for, or None when it tells something else."""
    rows = (row for row in answer.evidence.estimates if (row.quantity, row.segment) == (question.quantity, "all"))
    return next(rows, None)


def _is_comparison(answer: Any) -> bool:
    """Whether changed deals can be answered again: natural experiments have checks of their own, and sampling takes too long."""
    method = answer.method
    compares = getattr(method, "design", None) in {"adjusted", "unadjusted"}
    return compares and (hasattr(method, "point") or answer.evidence.posterior is None)


def affordable(method: Any, wanted: int) -> int:
    """Return how often a check that wants so many refits may refit a method: of one that is dear a tenth, but a few."""
    few = min(max(wanted // 10, FEWEST), FEW)
    return min(wanted, int(getattr(method, "most_refits", few if is_dear(method) else wanted)))


def affordable_pairs(method: Any, wanted: int, few: int = FEWEST) -> int:
    """Return how often a check that refits a method twice may do so; `few` times where it is dear."""
    if not is_dear(method):
        return wanted
    return min(wanted, max(int(getattr(method, "most_refits", 2 * few)) // 2, FEWEST))


def is_dear(method: Any) -> bool:
    """Whether a refit costs many times what a straight line does."""
    return not set(getattr(method, "learners", ("linear",))) <= {"linear"} or hasattr(method, "most_refits")


def manner(method: Any, deals: pd.DataFrame) -> Literal["turns", "processes"]:
    """Return how refits are best done: small ones one after another, since threads only get in one another's way."""
    return "processes" if is_dear(method) and len(deals) >= LARGE else "turns"


def seeds(count: int, rng: np.random.Generator) -> list[int]:
    """Return one seed a refit; every method is refitted on the same changed deals."""
    return [int(seed) for seed in rng.integers(2**63, size=count)]


def refits(method: Any, question: Effect, deals: pd.DataFrame, changed: Changed, given: Sequence[int]) -> Floats:
    """Return the estimate of each refit that can be answered, in people's units.

    Args:
        method: what is refitted, by its `point` where it can do without an interval.
        question: what is asked.
        deals: the deals that are compared; never modified.
        changed: returns another question and a changed copy of the deals from a random stream; a function of a module, so that other
            processes find it.
        given: one seed a refit.
    """
    found = each(_refit, [(method, question, deals, changed, seed) for seed in given], by=manner(method, deals))
    return np.array([number for number in found if np.isfinite(number)])


def each(
    work: Callable[..., Any], tasks: Sequence[tuple[Any, ...]], *, by: Literal["turns", "threads", "processes"]
) -> list[Any]:
    """Return what a function makes of each task, in order: one at a time, or several, each on one core."""
    with _kept():
        if by == "processes":
            return fanning.values(work, tasks, what="refits", usual=min(WORKERS, fanning.processors()))
        if by == "threads":
            return fanning.in_threads(work, tasks, most=WORKERS)
        return [work(*task) for task in tasks]


@contextmanager
def _kept() -> Iterator[None]:
    """Keep what threads would fight over: one core each, no warnings, and the level of DoWhy's log put back."""
    from threadpoolctl import threadpool_limits

    logger = logging.getLogger("dowhy")
    level = logger.level
    try:
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)


def _refit(method: Any, question: Effect, deals: pd.DataFrame, changed: Changed, seed: int) -> float:
    asked, copy = changed(question, deals, np.random.default_rng(seed))
    return point(method, asked, copy)


def point(method: Any, question: Effect, deals: pd.DataFrame) -> float:
    """Return a method's estimate of changed deals; not a number where they cannot be answered."""
    try:
        if hasattr(method, "point"):
            return float(method.point(question, deals))
        return float(method.answer(question, deals, np.random.default_rng(0)).of(question.quantity).value)
    except QuestionError:
        return float("nan")


def whole(method: Any, question: Effect, deals: pd.DataFrame) -> float:
    """Return a method's estimate of the deals as they are, by the way in which it is refitted."""
    return float(each(point, [(method, question, deals)], by="turns")[0])


def settled(question: Effect, columns: Iterable[str], more: tuple[str, ...] = (), **changes: Any) -> Effect:
    """Return the question with what is adjusted for written out, further columns added, so that no graph is asked again."""
    adjusted = identified(question, tuple(columns)).adjusted
    return replace(question, confounders=(*adjusted, *more), graph=(), **changes)


def error_of(question: Effect, row: Estimate, deals: pd.DataFrame) -> float:
    """Return the standard error behind an estimate's interval, which is normal, or Student's where deals share a cluster."""
    place = 0.5 + row.level / 2
    groups = None if question.cluster is None else deals[question.cluster].nunique(dropna=False)
    quantile = norm.ppf(place) if groups is None else student.ppf(place, max(groups - 1, 1))
    return (row.high - row.low) / (2 * float(quantile))


def unit_of(row: Estimate) -> str:
    """Return the unit as it follows a number in a sentence."""
    return {"points": " points", "days": " days"}.get(row.unit, "")


def signed(number: float) -> str:
    """Return a number as it stands in sentences about refits: two decimals, always a sign, and a typographic minus."""
    return f"{number:+.2f}".replace("-", "−")


def likely(chance: float) -> str:
    """Return a p-value as it stands in sentences."""
    return "p < 0.0001" if chance < SMALLEST else f"p = {chance:.2g}"


def halves(question: Effect, deals: pd.DataFrame, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Return which deals lie in the first of two random halves; of whole clusters, and of treated and untreated deals alike."""
    if question.cluster is not None:
        codes = pd.factorize(deals[question.cluster], use_na_sentinel=False)[0]
        return np.asarray(_half(int(codes.max()) + 1, rng)[codes])
    treated = deals[question.treatment].to_numpy(dtype=float) == 1
    first = np.zeros(len(deals), dtype=bool)
    for group in (treated, ~treated):
        first[group] = _half(int(group.sum()), rng)
    return first


def _half(count: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    return rng.permutation(count) < count / 2
