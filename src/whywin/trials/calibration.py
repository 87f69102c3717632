"""The calibration card: a trial's method, put to the test on the company's own units before the trial."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.deals.labels import texts
from whywin.deals.need import Columns, Need
from whywin.stats.allocation import accepting, shuffled
from whywin.stats.calibration import Holds, Units, by_adjustment, by_clusters, by_deals, by_looks, by_redrawing, by_sequence
from whywin.stats.confidence_sequence import multiplier
from whywin.stats.group_sequential import bounds, spent
from whywin.stats.randomization import Accepts
from whywin.trials.design import PARAMETERS
from whywin.trials.metric import TIMED
from whywin.trials.period import as_known, of_pre_period
from whywin.trials.question import Trial
from whywin.trials.units import by_unit, need_of, pairs_of, valued

FEWEST = 6  # units: with fewer, drawing anew says nothing
MOST = 2_000  # units: with more, no test of means is in doubt
_CELLS = 4_000_000


@dataclass(frozen=True, eq=False)
class Ground:
    """What a calibration stands on.

    Attributes:
        source: whose deals these are, in words.
        units: the units' sums.
        treated: draws of who would have been treated, one a row.
        later: the sums of the later half of the deals, with the mean of the earlier half before them; None without dates.
    """

    source: str
    units: Units
    treated: NDArray[np.bool_]
    later: Units | None = None


def need_of_ground(question: Trial) -> Need:
    """Return the metric of every deal with its dates where the trial has a start, else what its analysis needs."""
    if question.start is None:
        return need_of(question, *question.dealt_by)
    names = (
        question.arm,
        question.unit,
        question.independent,
        *question.primary.columns,
        *question.dealt_by,
        "created",
        "closed",
        "won",
    )
    return Columns(tuple(dict.fromkeys(names)), closed_only=question.primary.kind not in TIMED)


def why_not(question: Trial) -> str:
    """Return why a trial cannot be calibrated, empty where it can."""
    if question.primary.kind in {"quantile", "ratio", *TIMED}:
        return f"a {question.primary.kind} is not the sum of deals that it takes"
    return f"{question.unit}s are not independent within a {question.cluster}" if question.independent != question.unit else ""


def ground_of(question: Trial, sample: pd.DataFrame, draws: int, rng: np.random.Generator) -> Ground | None:
    """Return what can be calibrated on: the units' deals before the trial, else those of control in it; None where too few.

    Args:
        question: the trial.
        sample: as `need_of_ground` asks for it.
        draws: assignments to draw.
        rng: where they come from.
    """
    past = of_pre_period(question, as_known(question, sample))
    if len(past):
        found = _before_trial(question, past, draws, rng)
        if found is not None:
            return found
    return _in_control(question, sample, draws, rng)


def _before_trial(question: Trial, past: pd.DataFrame, draws: int, rng: np.random.Generator) -> Ground | None:
    rows = valued(past, question.primary).dropna(subset=[question.arm])
    named = dict.fromkeys((question.unit, question.arm, *question.dealt_within, *question.balanced_on, "value"))
    rows = rows[list(named)].take(np.argsort(rows["closed"].to_numpy(), kind="stable"))
    units = texts(rows[question.unit]).cat
    names, index = units.categories.to_numpy(dtype=object), units.codes.to_numpy(dtype=np.int64)
    if not FEWEST <= len(names) <= MOST:
        return None
    first = rows.drop_duplicates(question.unit)
    arm = first.set_index(first[question.unit].astype(str))
    arms = arm.loc[names, question.arm].astype(str).to_numpy()
    other = sorted(set(arms) - {question.control})
    inside = np.isin(arms, [question.control, *other[:1]])
    if not other or min((arms == one).sum() for one in (question.control, other[0])) < 2:  # noqa: PLR2004 - an arm has noise
        return None
    groups = (
        _groups(arm.loc[names, list(question.dealt_within)]) if question.dealt_within else np.zeros(len(names), dtype=np.int64)
    )
    treated = _drawn(arms[inside] == other[0], groups[inside], draws, rng)
    if question.balanced_on:
        values = arm.loc[names, list(question.balanced_on)].to_numpy(dtype=float)
        codes = (
            pd.Series(arms).map({name: place for place, name in enumerate([question.control, *other])}).to_numpy(dtype=np.int64)
        )
        treated = _accepted(treated, accepting(values, codes, inside, 1, question.assignment.acceptance), groups[inside], rng)
    value = rows["value"].to_numpy(dtype=float)
    cut = len(rows) // 2  # the earlier half is what the later one is adjusted for
    before = _means(value[:cut], index[:cut], len(names))
    units = _summed(question, value, index, inside, question.looks)
    later = replace(_summed(question, value[cut:], index[cut:], inside, ()), before=before[inside])
    words = f"{int(inside.sum()):,} {question.unit}s before the trial, {int(units.size[-1].sum()):,} deals"
    return Ground(words, units, treated, later)


def _in_control(question: Trial, sample: pd.DataFrame, draws: int, rng: np.random.Generator) -> Ground | None:
    units = by_unit(question, sample)
    pairs = pairs_of(question, sample)
    control = units[units["arm"].astype(str) == question.control]
    if not pairs or not FEWEST <= len(control) <= MOST:
        return None
    share = float(pairs[0].treated.mean())
    count = min(max(round(share * len(control)), 2), len(control) - 2)
    treated = _drawn(np.arange(len(control)) < count, np.zeros(len(control), dtype=np.int64), draws, rng)
    total, squares, size = (control[name].to_numpy(dtype=float)[None, :] for name in ("total", "squares", "size"))
    words = f"{len(control):,} {question.unit}s of {question.control} in the trial, {int(size.sum()):,} deals"
    return Ground(words, Units(total, squares, size, None, question.primary.is_rate), treated)


def _drawn(treated: NDArray[np.bool_], groups: NDArray[np.int64], draws: int, rng: np.random.Generator) -> NDArray[np.bool_]:
    count = int(np.clip(_CELLS // len(treated), 200, draws))
    return shuffled(treated.astype(np.int64), groups, count, rng).astype(bool)


def _accepted(
    treated: NDArray[np.bool_], accepts: Accepts, groups: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Return so many draws that the constrained scheme would have accepted; as many as are found in a hundred times as many."""
    kept, wanted = [treated[accepts(treated)]], len(treated)
    for _ in range(100):
        if sum(map(len, kept)) >= wanted:
            break
        more = shuffled(treated[0].astype(np.int64), groups, wanted, rng).astype(bool)
        kept.append(more[accepts(more)])
    found = np.concatenate(kept)[:wanted]
    return found if len(found) else treated


def _groups(columns: pd.DataFrame) -> NDArray[np.int64]:
    joined = columns.astype("string").fillna("(missing)").apply(" · ".join, axis=1)
    return np.asarray(np.unique(joined.to_numpy(dtype=str), return_inverse=True)[1])


def _summed(
    question: Trial, value: NDArray[np.float64], index: NDArray[np.int64], inside: NDArray[np.bool_], looks: tuple[Any, ...]
) -> Units:
    """Return the units' sums at the looks, which take their planned shares of the deals in the order in which they closed."""
    found = []
    for share in [share for _, share in looks] or [1.0]:
        upto = round(share * len(value))
        worth = value[:upto]
        sums = [np.bincount(index[:upto], weights=one, minlength=len(inside))[inside] for one in (worth, worth**2, np.ones(upto))]
        found.append(sums)
    total, squares, size = (np.array([step[place] for step in found]) for place in range(3))
    return Units(total, squares, size, None, question.primary.is_rate)


def _means(value: NDArray[np.float64], index: NDArray[np.int64], count: int, prior: float = 5.0) -> NDArray[np.float64]:
    middle = float(value.mean()) if len(value) else 0.0
    size = np.bincount(index, minlength=count)
    return np.asarray((np.bincount(index, weights=value, minlength=count) + prior * middle) / (size + prior))


def fast_form(method: Any, question: Trial, ground: Ground) -> tuple[Holds, Units, str] | None:
    """Return the test that a method makes, the units that it is put to, and what is special about it; None where it has no fast form."""
    units, alpha = ground.units, 1 - question.level
    last = replace(units, total=units.total[-1:], squares=units.squares[-1:], size=units.size[-1:])
    name, count = type(method).__name__, units.size.shape[-1]
    if name == "Adjusted":
        return None if ground.later is None else (by_adjustment, ground.later, "the later half adjusted for the earlier")
    if name == "GroupSequential":
        return _sequential(method, question, units, last, alpha)
    if name == "Anytime":
        return by_sequence(multiplier(count, alpha, method.tuning or count)), last, "one look"
    if name == "Randomization":
        return by_redrawing(last, ground.treated, question.level), last, ""
    plain: dict[str, Holds] = {"Fixed": by_clusters, "DealsAsUnits": by_deals}
    return (plain[name], last, "") if name in plain else None


def _sequential(method: Any, question: Trial, units: Units, last: Units, alpha: float) -> tuple[Holds, Units, str]:
    shares = tuple(share for _, share in question.looks)
    if len(shares) < 2 or len(units.total) != len(shares):  # noqa: PLR2004 - one look is the usual test
        return by_clusters, last, "one look" if shares else ""
    parameter = PARAMETERS.get(method.spending, 0.0) if method.parameter is None else method.parameter
    found = bounds(shares, spent(method.spending, alpha / 2, shares, parameter))
    return by_looks(tuple(found.tolist())), units, f"{len(shares)} looks"
