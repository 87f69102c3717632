"""What is associated with winning, one column at a time with the others held: average marginal effects, never causes."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, ClassVar, Final

import numpy as np
import pandas as pd
from annotated_types import Ge, doc
from numpy.typing import NDArray
from scipy.stats import chi2

from whywin.errors import QuestionError
from whywin.evidence import Check, Design, Estimate, Evidence, with_sign
from whywin.settings import check_settings
from whywin.stats.collinearity import variance_inflation
from whywin.stats.jackknife import jackknife, joint_test, share_interval
from whywin.stats.logistic import chosen_ridge
from whywin.stats.marginal_effects import Effects, average_marginal_effects, dealt_out, switched
from whywin.stats.multiplicity import holm
from whywin.winrates import driving
from whywin.winrates.driving import LATE
from whywin.winrates.metrics import Available, group_numbers
from whywin.winrates.question import WinRates

Integers = NDArray[np.int64]
SAME_SIGN: Final = 0.75  # of the periods: less, or periods that differ after Holm's correction, and it is not called stable
SURE: Final = 0.05
INFLATED: Final = 2.0  # an interval this many times wider for what the columns share


@dataclass(frozen=True)
class Drivers:
    """How the win rate of like deals differs by level of each column, in points: what is associated with winning, not what causes it.

    Effects and intervals are of a logistic model that is not drawn to zero, by the jackknife of reps (of deals without reps), which
    experiments/metrics.py shows to cover; "shrunk" is the same effect in a ridge whose penalty was chosen on held-out reps: near nought
    where the columns do not help to predict. p-values are Holm's over all effects. Columns known only when a deal has ended are left out.
    Sources: see `whywin.stats.marginal_effects`; Hoerl and Kennard (1970), Ridge regression, Technometrics 12, 55-67; for collinearity
    Fox and Monette (1992), JASA 87, 178-183.
    """

    design: ClassVar[Design] = "description"

    columns: Annotated[
        tuple[str, ...],
        doc("columns of numbers known when a deal is created, besides the question's covariates; per standard deviation"),
    ] = ()
    logarithms: Annotated[
        tuple[str, ...], doc("columns of positive numbers of which the logarithm is taken, such as amounts")
    ] = ()
    references: Annotated[
        Mapping[str, str], doc("column: the level that its others are compared with; the commonest when not given")
    ] = field(default_factory=dict)
    known_late: Annotated[
        tuple[str, ...], doc("columns that are known only when a deal has ended, such as stage, and are looked at all the same")
    ] = ()
    fewest: Annotated[int, Ge(1), doc("a level with fewer won or fewer lost deals gets no estimate")] = 5

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def need(self, question: WinRates) -> Available:
        """Closed deals with their segments, numbers, rep and period."""
        own = tuple(dict.fromkeys((*question.covariates, *self.columns, *self.logarithms, *self.known_late)))
        return Available(("won", *question.segments, *filter(None, (question.rep, question.period))), wanted=own)

    def answer(self, question: WinRates, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return the company's win rate in percent and each association in points, with their stability and collinearity."""
        reps = group_numbers(sample[question.rep], len(sample)) if question.rep else dealt_out(len(sample))
        if reps.max() + 1 == len(sample):  # each deal its own group: 2,000 groups of them say the same, and are left out sooner
            reps = dealt_out(len(sample))
        found, gone = self._designed(question, sample, reps)
        first = _company(question, found)
        if not found.switches:
            return Evidence((first,), (_check("There is no column to look at" + _left(gone + found.notes), 1.0, passed=False),))
        effects = _effects(found, reps, np.ones(len(sample), dtype=bool))
        table = _table(question, found, effects)
        ridge, penalty = chosen_ridge(found.matrix, found.won, reps, rng)
        table["shrunk"] = 100 * switched(found.matrix, ridge.coefficients, found.switches)
        periods = sample[question.period] if question.period else None
        table, stability = _over_time(question, found, effects, table, periods)
        collinearity = _collinearity(found)
        estimates = [
            Estimate("associated difference in win rate", one.segment, row["effect"], row["low"], row["high"], question.level, row["deals"], "points")
            for one, row in zip(found.levels, table.to_dict("records"), strict=True)
        ]  # fmt: skip
        joint = _joint(found, effects, table, grouped=question.rep is not None)
        checks = (joint, _ridge_says(penalty), *_warnings(table, collinearity, gone + found.notes))
        tables = {"drivers": table, "collinearity": collinearity, **({} if stability.empty else {"stability": stability})}
        return Evidence((first, *estimates), checks, tables)

    def _designed(self, question: WinRates, sample: pd.DataFrame, reps: Integers) -> tuple[driving.Design, list[str]]:
        late = [name for name in LATE if name not in self.known_late]
        numbers = {
            name: name in self.logarithms for name in dict.fromkeys((*question.covariates, *self.columns, *self.logarithms))
        }
        labels = [
            name for name in dict.fromkeys((*question.segments, *self.known_late)) if name not in numbers and name != question.rep
        ]
        missing = [name for name in (*numbers, *labels) if name not in sample]
        texts = [name for name in numbers if name in sample and not pd.api.types.is_numeric_dtype(sample[name])]
        faults = [f"drivers: the deals have no column {name!r}; name one that they have, or leave it out" for name in missing]
        faults += [f"drivers: {name!r} holds no numbers but {sample[name].dtype}; put it under segments" for name in texts]
        if faults:
            raise QuestionError(faults)
        gone = [f"{name}, known only when a deal has ended" for name in (*labels, *numbers) if _is_late(name, late)]
        if question.rep in question.segments:
            gone.append(f"{question.rep}, by which deals are grouped")
        kept = {name: logarithm for name, logarithm in numbers.items() if not _is_late(name, late)}
        known = [name for name in labels if not _is_late(name, late)]
        return driving.design_of(sample, reps, known, kept, fewest=self.fewest, references=self.references), gone


def _is_late(name: str, late: list[str]) -> bool:
    return name in late or (name.startswith("closed_") and "closed" in late)


def _company(question: WinRates, found: driving.Design) -> Estimate:
    parts = np.column_stack([found.won, np.ones(len(found.won))])
    share = jackknife(parts, found.groups, lambda sums: sums[..., 0] / sums[..., 1])
    low, high = share_interval(share, len(np.unique(found.groups)), question.level)
    return Estimate("win rate", "all", 100 * share.value, 100 * low, 100 * high, question.level, len(found.won), "percent")


def _effects(found: driving.Design, reps: Integers, rows: NDArray[np.bool_]) -> Effects:
    return average_marginal_effects(found.matrix[rows], found.won[rows], reps[rows], found.switches, int(reps.max()) + 1)


def _table(question: WinRates, found: driving.Design, effects: Effects) -> pd.DataFrame:
    rows = []
    for place, one in enumerate(found.levels):
        contrast = effects.contrast(place)
        low, high = contrast.interval(question.level)
        deals = int(found.inside[place].sum())
        rows.append(
            (one.column, one.level, one.reference, deals, *(100 * x for x in (contrast.value, low, high)), contrast.p_value)
        )
    table = pd.DataFrame(rows, columns=["column", "level", "reference", "deals", "effect", "low", "high", "p"])
    return table.assign(p_adjusted=holm(table["p"].to_numpy(float)))


def _over_time(
    question: WinRates, found: driving.Design, effects: Effects, table: pd.DataFrame, periods: pd.Series | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the table with how stable each association is, and each association in each period that has deals enough."""
    by_period: dict[str, Effects] = {}
    rows: list[tuple[object, ...]] = []
    usable: list[list[str]] = [[] for _ in found.levels]
    for period in [] if periods is None else sorted(periods.dropna().unique()):
        inside = (periods == period).fillna(value=False).to_numpy(bool)
        if min(found.won[inside].sum(), (1 - found.won[inside]).sum()) < 2 * len(found.regressors):
            continue  # a model of more coefficients than half of the rarer outcome says nothing
        by_period[period] = _effects(found, found.groups, inside)
        for place, one in enumerate(found.levels):
            if _tellable(found, place, inside):
                usable[place].append(period)
                contrast = by_period[period].contrast(place)
                ends = (100 * x for x in (contrast.value, *contrast.interval(question.level)))
                deals = int((inside & found.inside[place]).sum())
                rows.append((one.column, one.level, period, deals, *ends))
    told = [_course(by_period, names, place, effects) for place, names in enumerate(usable)]
    same, apart = (np.array(one, dtype=float) for one in zip(*told, strict=True))
    if np.isfinite(same).any():
        stable = (same >= SAME_SIGN) & ~(holm(apart) < SURE)
        said = [bool(one) if known else None for one, known in zip(stable, np.isfinite(same), strict=True)]
        table = table.assign(same_sign=same, p_heterogeneity=apart, stable=said)
    return table, pd.DataFrame(rows, columns=["column", "level", "period", "deals", "effect", "low", "high"])


def _tellable(found: driving.Design, place: int, rows: NDArray[np.bool_]) -> bool:
    """Whether a level, and its reference, have five won and five lost deals of two reps among these rows."""
    switch = found.switches[place]
    if switch.added:
        return True
    block = np.stack([found.regressors[number] for number in switch.block], axis=1)
    sides = (found.inside[place] & rows, ~block.any(axis=1) & rows)
    counts = [(found.won[side].sum(), (1 - found.won[side]).sum(), len(np.unique(found.groups[side]))) for side in sides]
    return all(min(won, lost) >= 5 and reps > 1 for won, lost, reps in counts)  # noqa: PLR2004 - as the docstring says


def _course(by_period: Mapping[str, Effects], names: list[str], place: int, effects: Effects) -> tuple[float, float]:
    """Return the share of periods with the overall sign, and the p-value of the periods being alike; missing with one period."""
    if len(names) < 2:  # noqa: PLR2004 - one period is no course
        return np.nan, np.nan
    sizes = np.array([by_period[name].sizes[place] for name in names])
    without = np.stack([by_period[name].without[:, place] for name in names], axis=1)
    degrees = min(by_period[name].degrees[place] for name in names)
    _, p = joint_test(sizes[:-1] - sizes[-1], without[:, :-1] - without[:, -1:], float(degrees))
    return float((np.sign(sizes) == np.sign(effects.sizes[place])).mean()), p


def _collinearity(found: driving.Design) -> pd.DataFrame:
    blocks = [[place - 1 for place in block] for block in found.blocks.values()]
    factors = variance_inflation(found.matrix[:, 1:], blocks)
    columns = {
        "column": list(found.blocks),
        "regressors": [len(block) for block in blocks],
        "inflation": factors[:, 0],
        "wider": factors[:, 1],
    }
    return pd.DataFrame(columns)


def _joint(found: driving.Design, effects: Effects, table: pd.DataFrame, *, grouped: bool) -> Check:
    """Return whether the columns, taken together, go with winning: by likelihood ratio, or by Holm where reps matter."""
    rate = float(found.won.mean())
    null = len(found.won) * (rate * np.log(rate) + (1 - rate) * np.log(1 - rate))
    ratio, count = 2 * (effects.model.likelihood - null), len(found.regressors) - 1
    p = float(chi2.sf(ratio, count))
    said = f"likelihood ratio {ratio:.1f} on {count} degrees of freedom, p {_p(p)}"
    if grouped:  # with reps that differ the likelihood ratio refuses a true null in 30 to 40 of 100 tables; Holm holds 5
        p = float(table["p_adjusted"].min())
        said = f"the smallest p-value is {_p(p)} after Holm's correction, with deals of one rep together; {said} with every deal by itself"
    joined = "are associated with winning" if p < SURE else "are not detectably associated with winning"
    return _check(f"Taken together, the columns {joined}: {said}", p)


def _ridge_says(penalty: float) -> Check:
    return _check(
        f"On held-out deals a ridge penalty of {penalty:,.{0 if penalty >= 1 else 1}f} predicted best; the larger it is, the less the columns predict",
        penalty,
    )


def _warnings(table: pd.DataFrame, collinearity: pd.DataFrame, gone: list[str]) -> Iterator[Check]:
    wide = collinearity[collinearity["wider"] > INFLATED]
    for row in wide.to_dict("records"):
        yield _check(
            f"{row['column']} says much the same as the other columns: intervals are {row['wider']:.1f} times as wide for it",
            row["wider"],
        )
    sure = table[table["p_adjusted"] < SURE]
    for row in sure[sure["stable"].eq(other=False)].to_dict("records") if "stable" in sure else ():
        said = f"{row['column']} {row['level']} is associated with {with_sign(row['effect'])} points, but not in the same way in every period"
        yield _check(said, row["same_sign"], passed=False)
    if gone:
        yield _check(f"Left out or set together: {'; '.join(gone)}", float(len(gone)), passed=False)


def _left(gone: list[str]) -> str:
    return f"; left out: {'; '.join(gone)}" if gone else ""


def _p(value: float) -> str:
    return "below 0.001" if value < 0.001 else f"{value:.3f}" if value < 0.1 else f"{value:.2f}"  # noqa: PLR2004 - how p-values are written


def _check(says: str, value: float, *, passed: bool = True) -> Check:
    return Check("drivers", passed=passed, severity="note", says=f"{says}.", value=float(value))
