"""Whether a segment's label means the same in every period."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Any, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, doc
from numpy.typing import NDArray
from scipy.stats import hypergeom, norm

from whywin.deals.need import Columns
from whywin.evidence import Check, Severity
from whywin.settings import check_settings
from whywin.stats.interaction import interaction, shift
from whywin.winrates.question import WinRates

Floats = NDArray[np.float64]
SIMILAR: Final = 1.5  # a new label is like the old one when its share is at most so many times as large or as small
LIKE: Final = 0.01  # and when that may be chance
NAMED: Final = 3


@dataclass(frozen=True)
class Change:
    """A label that may have changed its meaning: the last period before and the first after, in words, and how likely by chance."""

    before: str
    after: str
    says: str
    chance: float


@dataclass(frozen=True)
class ChangedLabels:
    """No label of a segment was renamed or filled with other deals between two periods.

    A rename: a label that ends where another one of its column begins, with about the same share of the deals, both too often to be
    chance. A re-definition: between two periods a label's deals change in the other segment columns, or in an amount that the
    question names, unlike the column's other labels' deals in the same time; so a market that changes everywhere is none. Chances
    are multiplied by the number of comparisons of the table (Bonferroni), and small changes are left alone however sure they are.
    Reps come and go and are not looked at. A real change of the business can look the same: the check says where to ask.
    Sources: Agresti (2013), Categorical Data Analysis, 3rd edition, sections 9.2 and 9.3 (no three-way interaction).
    """

    false_alarms: Annotated[float, Gt(0), Lt(1), doc("chance that a table without changed labels raises an alarm")] = 0.01
    least_deals: Annotated[
        int, Ge(5), doc("labels with fewer deals, in either period where two are compared, are not judged")
    ] = 20
    least_moved: Annotated[
        float, Gt(0), Lt(1), doc("share of a label's deals that must have changed their column's level, beyond what others' did")
    ] = 0.2
    least_shift: Annotated[
        float, Gt(0), doc("standard deviations of log amount that a label's mean must have moved, beyond what others' did")
    ] = 0.5

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: WinRates) -> Columns | None:
        """Segments, amounts and period of every deal, open ones too; nothing without time."""
        if not question.period:
            return None
        return Columns((*question.segments, *question.banded, question.period), closed_only=False)

    def check(
        self, question: WinRates, answers: tuple[Any, ...], sample: pd.DataFrame | None, rng: np.random.Generator
    ) -> tuple[Check, ...]:
        """Return one check of the deals, whichever methods answered; none without two periods."""
        del answers, rng
        if sample is None or sample[question.period].nunique() < 2:  # noqa: PLR2004 - a change needs two
            return ()
        found = self.changes(question, sample)
        if not found:
            columns = ", ".join(name for name in question.segments if name != question.period)
            says = f"No label of {columns} was renamed or filled with other deals between two periods, as far as the deals show."
            return (Check("changed_labels", passed=True, severity="serious", says=says, value=0.0),)
        compared = [change for change in found if _compared(question, change)]
        named = (compared or found)[:NAMED]
        more = f"; and {len(found) - len(named)} more" if len(found) > len(named) else ""
        so = "before and after are not the same segment there" if compared else "no comparison that was asked for rests on it"
        severity: Severity = "serious" if compared else "note"
        says = f"{'; '.join(change.says for change in named)}{more}: {so}."
        return (Check("changed_labels", passed=False, severity=severity, says=says, value=float(len(found))),)

    def changes(self, question: WinRates, sample: pd.DataFrame) -> tuple[Change, ...]:
        """Return the changes that are too large and too unlikely to be chance, the least likely first."""
        rows = sample[sample[question.period].notna()]
        period = _column(question.period or "", rows)
        columns = [_column(name, rows) for name in question.segments if name != question.period]
        tested: list[Change | None] = []
        for one in columns:
            counts = _counted(one, period)
            tested += _renames(one, period, counts, self.least_deals)
            able = list(_able(counts, self.least_deals))
            for other in columns:
                if other is not one:
                    tested += self._mixes(one, other, period, able)
            for amount in question.banded:
                tested += self._amounts(one, period, able, amount, rows[amount])
        sure = self.false_alarms / max(len(tested), 1)
        return tuple(sorted((one for one in tested if one is not None and one.chance < sure), key=lambda one: one.chance))

    def _mixes(self, one: "_Column", other: "_Column", period: "_Column", able: list[tuple[int, int]]) -> Iterator[Change | None]:
        cube = _counted(one, period, other)
        whole = cube.sum(axis=0)
        for label, place in able:
            own, two = cube[label, place : place + 2], whole[place : place + 2]
            chance, moved, most = interaction(np.array([two - own, own]))
            before, after = period.labels[place : place + 2]
            says = (
                f"{one.name}={one.labels[label]} holds other deals from {after} on ({100 * moved:.0f} % moved between levels of "
                f"{other.name}, most of all {other.labels[most]})"
            )
            yield Change(before, after, says, chance) if moved >= self.least_moved else None

    def _amounts(
        self, one: "_Column", period: "_Column", able: list[tuple[int, int]], amount: str, values: pd.Series
    ) -> Iterator[Change | None]:
        number = values.to_numpy(float, na_value=np.nan)
        good = number > 0
        log = np.log(number, where=good, out=np.zeros(len(number)))
        sums = np.array([_counted(one, period, weight=weight) for weight in (good.astype(float), log, log**2)])
        for label, place in able:
            own = sums[:, label, place : place + 2]
            count, first, second = np.stack([sums[:, :, place : place + 2].sum(axis=1) - own, own], axis=1)
            if count.min() < 2:  # noqa: PLR2004 - a variance needs two
                yield None
                continue
            variance = np.maximum(second - first**2 / count, 0.0) / (count - 1)
            chance, far = shift(count, first / count, variance)
            before, after = period.labels[place : place + 2]
            says = (
                f"{one.name}={one.labels[label]} holds other deals from {after} on (their typical {amount} is {np.exp(far):.2g} times "
                f"what it would have been)"
            )
            yield Change(before, after, says, chance) if abs(far) >= self.least_shift * np.sqrt(variance[1].mean()) else None


@dataclass(frozen=True, eq=False)
class _Column:
    """A column as codes of its sorted labels."""

    name: str
    labels: tuple[str, ...]
    codes: Any


def _column(name: str, rows: pd.DataFrame) -> _Column:
    codes, values = pd.factorize(rows[name], use_na_sentinel=False)
    texts = pd.Series(values).astype("string").fillna("(missing)")  # of each value once: those of ten million deals are gigabytes
    places, labels = pd.factorize(texts, sort=True)
    return _Column(name, tuple(map(str, labels)), places.astype(np.min_scalar_type(len(labels)))[codes])


def _counted(*columns: _Column, weight: Floats | None = None) -> Floats:
    """Return how many deals each combination of labels has, or the sum of their weights, one axis a column."""
    shape = tuple(len(column.labels) for column in columns)
    code = np.ravel_multi_index(tuple(column.codes for column in columns), shape)
    return np.bincount(code, weight, int(np.prod(shape))).astype(float).reshape(shape)


def _compared(question: WinRates, change: Change) -> bool:
    """Whether periods on both sides of the change are compared with one another."""
    sides = (question.baseline, question.current)
    if not all(sides):
        return False
    return any(min(one) <= change.before and max(other) >= change.after for one, other in (sides, sides[::-1]))


def _able(counts: Floats, least: int) -> Iterator[tuple[int, int]]:
    """Yield each label and first of two periods in both of which the label has deals enough, and the other labels too."""
    rest = counts.sum(axis=0) - counts
    enough = (counts >= least) & (rest >= least)
    for label, place in np.argwhere(enough[:, :-1] & enough[:, 1:]):
        yield int(label), int(place)


def _renames(column: _Column, period: _Column, counts: Floats, least: int) -> Iterator[Change | None]:
    """Yield each pair of a label that ends and one that begins then; as nothing where their shares of the deals differ."""
    total, often = counts.sum(axis=0), counts.sum(axis=1) >= least
    end = counts.shape[1] - 1
    first, last = (counts > 0).argmax(axis=1), end - (counts[:, ::-1] > 0).argmax(axis=1)
    for old in np.flatnonzero(often & (last < end)):
        for new in np.flatnonzero(often & (first > 0)):
            if first[new] not in {last[old], last[old] + 1} or first[old] >= first[new] or last[new] <= last[old]:
                continue
            start, stop = int(first[new]), int(last[old]) + 1
            held = (counts[old, :start].sum(), total[:start].sum()), (counts[new, stop:].sum(), total[stop:].sum())
            gone = hypergeom.pmf(0, total.sum(), counts[old].sum(), total[stop:].sum())
            fresh = hypergeom.pmf(0, total.sum(), counts[new].sum(), total[:start].sum())
            says = (
                f"{column.name}={column.labels[new]} takes the place of {column.labels[old]} in {period.labels[start]} with as many "
                f"deals, as a new name for it would have"
            )
            ends = period.labels[last[old]], period.labels[start]  # the same period where the name changed in the middle of it
            yield Change(*ends, says, float(max(gone, fresh))) if _alike(*held) else None


def _alike(before: tuple[float, float], after: tuple[float, float]) -> bool:
    """Whether two shares (deals of a label, all deals) are similar, and differ by no more than chance."""
    one, two = before[0] / before[1], after[0] / after[1]
    if max(one, two) > SIMILAR * min(one, two):
        return False
    whole = (before[0] + after[0]) / (before[1] + after[1])
    error = np.sqrt(whole * (1 - whole) * (1 / before[1] + 1 / after[1]))
    return bool(2 * norm.sf(abs(one - two) / error) > LIKE) if error else True
