"""The metrics that sales teams use, each with its interval: what each deal adds to a sum, and what is made of the sums."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.deals.derived import derivable
from whywin.deals.need import Columns
from whywin.evidence import Estimate, Unit
from whywin.stats.cluster import Contrast
from whywin.stats.jackknife import OfSums, jackknife, share_interval
from whywin.stats.medians import median_gap

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Available(Columns):
    """Columns of every deal, of which some may not be there: `wanted` are given where the table has them or they follow from it."""

    wanted: tuple[str, ...] = ()

    def sample(self, table: pd.DataFrame) -> pd.DataFrame:
        """Return the needed part of a deal table with a fresh 0…n-1 index; wanted columns that are not there are left out."""
        there = tuple(name for name in self.wanted if name in table.columns or derivable(name, table.columns))
        return Columns((*self.names, *there), self.closed_only).sample(table)


@dataclass(frozen=True, eq=False)
class Facts:
    """What is known of each deal, as arrays of n; what the table does not have is all missing.

    Attributes:
        groups: the rep of each deal as an integer from 0; its own number where reps are not told apart.
        closed: whether it has ended.
        won: whether it was won.
        amount: its amount, in the currency of the table.
        cycle: days from creation to closing.
        age: days from creation to the day of the table, at least 1.
        stage: number of the furthest stage, from 1 to `stages`; those that were won have passed all of them.
        stages: how many stages there are.
        level: coverage of the intervals.
    """

    groups: Integers
    closed: Mask
    won: Mask
    amount: Floats
    cycle: Floats
    age: Floats
    stage: Floats
    stages: int
    level: float

    @property
    def lost(self) -> Mask:
        """Whether it was lost."""
        return self.closed & ~self.won

    @property
    def open(self) -> Mask:
        """Whether it is still open."""
        return ~self.closed


def group_numbers(reps: pd.Series | None, count: int) -> Integers:
    """Return an integer from 0 for each deal's rep; deals of no known rep, like all deals where there is none or one, are each their own."""
    codes = np.full(count, -1) if reps is None else pd.factorize(reps)[0].astype(np.int64)
    if codes.max(initial=-1) < 1:  # of one rep nothing can be said but how that rep's own deals go
        return np.arange(count, dtype=np.int64)
    alone = codes < 0
    codes[alone] = codes.max() + 1 + np.arange(alone.sum())
    return codes


def share(facts: Facts, part: Mask, whole: Mask) -> Contrast:
    """Return a share of deals with its standard error."""
    return jackknife(np.column_stack([part & whole, whole]), facts.groups, lambda sums: sums[..., 0] / sums[..., 1])


def rate(facts: Facts, quantity: str, segment: str, part: Mask, whole: Mask) -> Estimate | None:
    """Return the share of some deals in others, in percent; nothing where there are none or only one rep's."""
    groups = len(np.unique(facts.groups[whole]))
    if groups < 2:  # noqa: PLR2004 - one rep says nothing of how reps differ
        return None
    found = share(facts, part, whole)
    low, high = share_interval(found, groups, facts.level)
    return _estimate(facts, quantity, segment, (found.value, low, high), int(whole.sum()), "percent", 100.0)


def impact(facts: Facts, segment: str, inside: Mask) -> tuple[Estimate, float] | None:
    """Return (segment rate − company rate) × the segment's share of closed deals, in points, and the p-value of its being zero."""
    closed, won = facts.closed, facts.won
    parts = np.column_stack([won & inside, closed & inside, won, closed])
    found = jackknife(parts, facts.groups, _impact)
    if not np.isfinite(found.standard_error):
        return None
    numbers = (found.value, *found.interval(facts.level))
    return _estimate(facts, "segment impact", segment, numbers, int((closed & inside).sum()), "points", 100.0), found.p_value


def _impact(sums: Floats) -> Floats:
    won, deals, all_won, all_deals = np.moveaxis(sums, -1, 0)
    return np.asarray(won / all_deals - deals * all_won / all_deals**2)


def revenue_at_risk(facts: Facts, segment: str, inside: Mask) -> Estimate | None:
    """Return number of open deals × loss rate of the closed ones × mean amount of the open ones, in the currency."""
    priced = facts.open & inside & np.isfinite(facts.amount)
    amount = float(facts.amount[priced].sum())
    found = rate(facts, "revenue at risk", segment, facts.lost, facts.closed & inside)
    if found is None or amount <= 0:
        return None
    numbers = tuple(amount * one / 100 for one in (found.value, found.low, found.high))
    return _estimate(facts, found.quantity, segment, numbers, found.n + int(priced.sum()), "number")


def cycle_gap(facts: Facts, segment: str, inside: Mask) -> Estimate | None:
    """Return median days of lost deals − median days of won deals."""
    lost, won = (side & inside & np.isfinite(facts.cycle) for side in (facts.lost, facts.won))
    if min(len(np.unique(facts.groups[side])) for side in (lost, won)) < 2:  # noqa: PLR2004 - as in rate
        return None
    found = median_gap(facts.cycle[lost], facts.groups[lost], facts.cycle[won], facts.groups[won], facts.level)
    return _estimate(facts, "cycle gap", segment, (found.value, found.low, found.high), int((lost | won).sum()), "days")


def pipeline_velocity(facts: Facts, segment: str, inside: Mask) -> Estimate | None:
    """Return mean amount × win rate ÷ mean cycle days of closed deals whose amount and cycle are known: currency a deal and day."""
    whole = facts.closed & inside & np.isfinite(facts.amount) & np.isfinite(facts.cycle)
    amount, cycle = (np.where(whole, one, 0.0) for one in (facts.amount, facts.cycle))
    parts = np.column_stack([amount, facts.won & whole, cycle, whole])
    return _positive(
        facts, "pipeline velocity", segment, parts, lambda sums: sums[..., 0] * sums[..., 1] / (sums[..., 2] * sums[..., 3])
    )


def stage_momentum(facts: Facts, segment: str, inside: Mask) -> Estimate | None:
    """Return stage number ÷ days since creation of open deals, as the sum of the one over the sum of the other: stages a day."""
    whole = facts.open & inside & np.isfinite(facts.stage) & np.isfinite(facts.age)
    parts = np.column_stack([np.where(whole, facts.stage, 0.0), np.where(whole, facts.age, 0.0)])
    return _positive(facts, "stage momentum", segment, parts, lambda sums: sums[..., 0] / sums[..., 1])


def conversion(facts: Facts, name: str, number: int, segment: str, inside: Mask) -> Estimate | None:
    """Return which share of the closed deals that reached a stage went beyond it, in percent."""
    reached = facts.closed & inside & (facts.won | (facts.stage >= number))
    return rate(facts, f"conversion from {name}", segment, facts.won | (facts.stage > number), reached)


def late_losses(facts: Facts, proposal: int, segment: str, inside: Mask) -> Estimate | None:
    """Return which share of the lost deals was lost at the proposal stage or later, in percent."""
    return rate(facts, "late-stage loss ratio", segment, facts.stage >= proposal, facts.lost & inside & np.isfinite(facts.stage))


def _positive(facts: Facts, quantity: str, segment: str, parts: Floats, of_sums: OfSums) -> Estimate | None:
    """Return a quantity above zero with an interval that is symmetric for its logarithm, since products and ratios are skewed."""
    logged: Callable[[Floats], Floats] = lambda sums: np.log(of_sums(sums))  # noqa: E731 - one line says it
    found = jackknife(parts, facts.groups, logged) if parts.any() else None
    if found is None or not np.isfinite([found.value, found.standard_error]).all():
        return None
    with np.errstate(over="ignore"):
        numbers = tuple(float(one) for one in np.exp([found.value, *found.interval(facts.level)]))
    n = int((parts != 0).any(axis=1).sum())
    return _estimate(facts, quantity, segment, numbers, n, "number") if np.isfinite(numbers).all() else None


def _estimate(
    facts: Facts, quantity: str, segment: str, numbers: tuple[float, ...], n: int, unit: Unit, scale: float = 1.0
) -> Estimate:
    value, low, high = (scale * float(one) for one in numbers)
    return Estimate(quantity, segment, value, min(low, value), max(high, value), facts.level, n, unit)


FORMULAE: Final = (
    ("segment impact", "(segment win rate − company win rate) × share of the closed deals", "points",
     "Sums to nought over the levels of a column; a large segment near the company's rate and a small one far off can score alike."),
    ("revenue at risk", "number of open deals × loss rate of closed deals × mean amount of open deals", "currency",
     "Takes open deals to be lost as often as closed ones, whatever their stage, age and amount; the interval is of the expected loss."),
    ("cycle gap", "median days of lost deals − median days of won deals", "days",
     "Of closed deals alone: where many are open, slow ones are missing. Longer cycles need not cause losses."),
    ("pipeline velocity", "mean amount × win rate ÷ mean cycle days, of closed deals", "currency a deal and day",
     "Mixes three things that move for different reasons: look at each before acting. Large deals decide it."),
    ("stage momentum", "sum of stage numbers ÷ sum of days since creation, of open deals", "stages a day",
     "Old open deals weigh most, and stages are not equally long. By itself it predicts nothing."),
    ("conversion", "closed deals that went beyond the stage ÷ closed deals that reached it", "percent",
     "Won deals count as having passed every stage; a lost deal's stage is the one that it was lost in."),
    ("late-stage loss ratio", "losses at the proposal stage or later ÷ losses of known stage", "percent",
     "A share of losses: it rises when early losses fall."),
)  # fmt: skip


def definitions() -> pd.DataFrame:
    """Return one row a metric: its formula, its unit, and what to beware of."""
    return pd.DataFrame(FORMULAE, columns=["metric", "formula", "unit", "caveat"])


def segments_of(sample: pd.DataFrame, names: tuple[str, ...]) -> Iterator[tuple[str, Mask]]:
    """Yield "all" and then "column=level" for each level, each with the deals inside it."""
    yield "all", np.ones(len(sample), dtype=bool)
    for name in names:
        codes, labels = pd.factorize(sample[name].astype("string").fillna("(missing)"), sort=True)
        for code, label in enumerate(labels):
            yield f"{name}={label}", np.asarray(codes == code)
