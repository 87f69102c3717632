"""From deals to the regressors of a logistic model: levels against a reference, numbers in standard deviations."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from whywin.stats.marginal_effects import Switch

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]
FEW: Final = "(few deals)"
LATE: Final = ("cycle_days", "closed", "stage", "outcome", "won", "deal_id")  # known, or settled, only when a deal has ended
_RANK: Final = 1e-8


@dataclass(frozen=True)
class Level:
    """What one effect is about: a level against the reference, or one standard deviation more of a column of numbers."""

    column: str
    level: str
    reference: str

    @property
    def segment(self) -> str:
        """The segment of its estimate."""
        return f"{self.column}={self.level}"


@dataclass(eq=False)
class Design:
    """Regressors of the closed deals, made column by column.

    Attributes:
        groups: the rep of each deal as an integer, for which levels to trust.
        won: outcomes, 0 or 1.
        regressors: one array of n each, the intercept first.
        blocks: places of each column's regressors.
        levels: what each effect is about, in the order of `switches`.
        switches: what is compared.
        inside: the deals in each level, or all of a column of numbers.
        notes: what was left out or set together, and why.
    """

    groups: Integers
    won: Floats
    regressors: list[Floats]
    blocks: dict[str, tuple[int, ...]] = field(default_factory=dict)
    levels: list[Level] = field(default_factory=list)
    switches: list[Switch] = field(default_factory=list)
    inside: list[NDArray[np.bool_]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def matrix(self) -> Floats:
        """The regressors, n × p, the intercept first."""
        return np.stack(self.regressors, axis=1)

    def add_labels(self, name: str, values: pd.Series, fewest: int, reference: str | None) -> None:
        """Add a column of labels; levels with too few won or lost deals, or of one rep, stay in the model without an estimate."""
        labels = values.astype("string").fillna("(missing)").to_numpy(dtype=object)
        thin = [one for one in dict.fromkeys(labels) if not self._enough(labels == one, fewest)]
        labels = np.where(np.isin(labels, thin), FEW, labels) if thin else labels
        names = sorted(set(labels) - {FEW})
        if not names or len(set(labels)) < 2:  # noqa: PLR2004 - one level compares nothing
            self.notes.append(f"{name} compares nothing: no two of its levels have {fewest} won and {fewest} lost deals")
            return
        first = reference if reference in names else max(names, key=lambda one: int((labels == one).sum()))
        if thin:
            self.notes.append(
                f"{name}: no estimate of {_listed(thin)}, with fewer than {fewest} won or lost deals or deals of one rep"
            )
        others = [one for one in (*names, *([FEW] if thin else [])) if one != first]
        block = self._block(name, [(labels == one).astype(float) for one in others])
        for place, one in enumerate(others if block else ()):
            if one != FEW:
                self.levels.append(Level(name, str(one), str(first)))
                self.switches.append(Switch(block, np.eye(len(block))[place], np.zeros(len(block))))
                self.inside.append(labels == one)

    def add_numbers(self, name: str, values: Floats, *, logarithm: bool) -> None:
        """Add a column of numbers, in standard deviations; missing ones count as the mean."""
        known = np.isfinite(values) & (values > 0 if logarithm else True)
        x = np.log(np.where(known, values, 1.0)) if logarithm else values
        spread = float(x[known].std()) if known.any() else 0.0
        if spread == 0:
            self.notes.append(f"{name} compares nothing: all its numbers are alike")
            return
        if not known.all():
            self.notes.append(
                f"{name}: {int((~known).sum()):,} deals without {'a positive' if logarithm else 'a'} number count as its mean"
            )
        block = self._block(name, [np.where(known, (np.where(known, x, 0.0) - x[known].mean()) / spread, 0.0)])
        if block:
            more = f"one deviation more{' (logarithm)' if logarithm else ''}"
            self.levels.append(Level(name, more, "otherwise alike"))
            self.switches.append(Switch(block, np.array([0.5]), np.array([-0.5]), added=True))
            self.inside.append(known)

    def _enough(self, inside: NDArray[np.bool_], fewest: int) -> bool:
        won = int(self.won[inside].sum())
        return min(won, int(inside.sum()) - won) >= fewest and len(np.unique(self.groups[inside])) > 1

    def _block(self, name: str, added: list[Floats]) -> tuple[int, ...]:
        """Add regressors and return their places; none of them where they follow from those before."""
        whole = np.stack([*self.regressors, *added], axis=1)
        gram = whole.T @ whole
        scale = np.sqrt(np.diag(gram))
        if np.linalg.eigvalsh(gram / np.outer(scale, scale))[0] < _RANK:
            self.notes.append(f"{name} is left out: it follows from the columns before it")
            return ()
        self.blocks[name] = tuple(range(len(self.regressors), len(self.regressors) + len(added)))
        self.regressors += added
        return self.blocks[name]


def design_of(
    sample: pd.DataFrame,
    groups: Integers,
    labels: Iterable[str],
    numbers: Mapping[str, bool],
    *,
    fewest: int,
    references: Mapping[str, str],
) -> Design:
    """Return the design of columns of labels, and of columns of numbers with whether to take their logarithm."""
    won = sample["won"].to_numpy(float)
    design = Design(groups, won, [np.ones(len(sample))])
    for name in labels:
        design.add_labels(name, sample[name], fewest, references.get(name))
    for name, logarithm in numbers.items():
        design.add_numbers(name, sample[name].to_numpy(float), logarithm=logarithm)
    return design


def _listed(names: list[str]) -> str:
    shown = ", ".join(map(str, sorted(names)[:5]))
    return f"{shown} and {len(names) - 5} more" if len(names) > 5 else shown  # noqa: PLR2004 - a line's worth
