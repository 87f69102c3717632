"""The analysis of a trial at one of several planned looks, by the unit that was randomised."""

from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

import numpy as np
import pandas as pd
from annotated_types import Ge, Gt, Lt, doc

from whywin.deals.need import Columns, Need
from whywin.errors import QuestionError
from whywin.evidence import Check, Design, Estimate, Evidence
from whywin.settings import check_settings
from whywin.stats.cluster_looks import Look, cluster_looks, usable
from whywin.stats.group_sequential import Spending, bounds, conditional_power, futility_bounds, spent
from whywin.trials.looks import LookedAt, looked_at
from whywin.trials.period import dates_of
from whywin.trials.question import Trial
from whywin.trials.units import need_of, scale_of, unit_only

_DEFAULTS = {"hwang_shih_decani": -4.0, "kim_demets": 3.0}


@dataclass(frozen=True)
class GroupSequential:
    """Difference of each arm to control at the last look that was reached, with a repeated confidence interval.

    The error rate that a look may use up, and what the looks have in common, follow from the planned shares, the latter from
    the information that the units' deals gave where that grew more steeply. All looks' intervals hold together at the question's level, whether or not
    the trial stopped when it should. A futility bound says when the trial has little prospect left to show the metric better; it is not binding: a
    trial that runs on below it keeps its error rate. Errors are those of `fixed` (CR2 with Satterthwaite degrees of freedom); without planned
    looks it is `fixed`. Sources: Lan and DeMets (1983), Biometrika 70, 659-663; Jennison and Turnbull (1989), Interim analyses:
    the repeated confidence interval approach, JRSS B 51, 305-334.
    """

    design: ClassVar[Design] = "randomised"
    independent: ClassVar[Literal["unit", "deal"]] = "unit"
    looks: ClassVar[Literal["one", "several"]] = "several"
    spending: Annotated[Spending, doc("how the error rate is spread over the looks")] = "obrien_fleming"
    parameter: Annotated[
        float | None, doc("gamma of hwang_shih_decani (-4 when not given) or the power of kim_demets (3 when not given)")
    ] = None
    held: Annotated[int, Ge(0), doc("how many looks have been held; 0: those whose date the deals have reached")] = 0

    futility: Annotated[
        Spending | None,
        doc(
            "how the chance of missing an effect is spread over the looks, for a bound below which to give up; no such bound when not given"
        ),
    ] = None
    power: Annotated[float, Gt(0), Lt(1), doc("the chance to find the effect of the plan that a futility bound leaves")] = 0.8

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)

    def faults(self, question: Trial) -> list[str]:
        """Say what the question asks that it cannot tell."""
        return unit_only(question, "group_sequential")

    def need(self, question: Trial) -> Need:
        """The metric and date of every deal; counts by arm and unit where no looks are planned."""
        if question.looks:
            names = (question.arm, question.unit, *question.primary.columns, question.look_date, *dates_of(question))
            return Columns(tuple(dict.fromkeys(names)))
        return need_of(question)

    def answer(self, question: Trial, sample: pd.DataFrame, rng: np.random.Generator) -> Evidence:
        """Return each arm's difference to control, in points for the win rate, and the table ``looks``.

        Raises:
            QuestionError: no look was reached, or more were held than planned.
        """
        planned = tuple(share for _, share in question.looks) or (1.0,)
        self._refuse_held(len(planned))
        scale, _, unit, _ = scale_of(question)
        estimates, checks, tables = [], [], []
        for seen in looked_at(question, sample, self.held):
            could = usable(seen.size, seen.treated)
            if not could.any():
                raise QuestionError(
                    f"group_sequential: at no look so far have two {question.unit}s of {seen.arm} and of {question.control} "
                    f"deals; wait for the next look"
                )
            shares = np.array(planned)[: len(could)][could]
            looks = cluster_looks(
                seen.total[could], seen.squares[could], seen.size[could], seen.treated, shares, self._spent(question, shares)
            )
            table = self._table(question, seen, looks, np.flatnonzero(could), planned)
            low, high = (scale * end for end in looks[-1].interval)
            if unit == "points":
                low, high = max(low, -100.0), min(high, 100.0)
            value = scale * looks[-1].effect.value
            n = seen.deals[-1]
            estimates.append(Estimate("effect of assignment", f"arm={seen.arm}", value, low, high, question.level, n, unit))
            checks.append(_stopping(question, seen.arm, table))
            tables.append(table)
        return Evidence(tuple(estimates), tuple(checks), {"looks": pd.concat(tables, ignore_index=True)})

    def _refuse_held(self, planned: int) -> None:
        if self.held > planned:
            raise QuestionError(f"group_sequential.held: {self.held} looks cannot have been held where {planned} are planned")

    def _spent(self, question: Trial, shares: np.ndarray) -> np.ndarray:
        parameter = _DEFAULTS.get(self.spending, 0.0) if self.parameter is None else self.parameter
        return spent(self.spending, (1 - question.level) / 2, shares, parameter)

    def _table(
        self, question: Trial, seen: LookedAt, looks: tuple[Look, ...], places: np.ndarray, planned: tuple[float, ...]
    ) -> pd.DataFrame:
        scale = scale_of(question)[0]
        rows = []
        for place, look in zip(places, looks, strict=True):
            low, high = (scale * end for end in look.interval)
            rows.append(
                {
                    "arm": seen.arm,
                    "look": int(place) + 1,
                    "date": seen.days[place],
                    "share": planned[place],
                    "units": int((seen.size[place] > 0).sum()),
                    "deals": seen.deals[place],
                    "effect": scale * look.effect.value,
                    "low": low,
                    "high": high,
                    "z": look.z,
                    "bound": look.bound,
                    "crossed": look.crossed,
                }
            )
        share = planned[places[-1]]
        chance = self._later(question, looks, share, planned)
        table = pd.DataFrame(rows).assign(chance_later=[float("nan")] * (len(rows) - 1) + [chance])
        return table if self.futility is None else table.assign(futility=self._below(question, looks, share, planned))

    def _below(self, question: Trial, looks: tuple[Look, ...], share: float, planned: tuple[float, ...]) -> list[float]:
        """Return the z of each look below which the plan gives up, turned so that it is crossed on the way to worse; none at the last.

        Source: Pampallona, Tsiatis and Kim (2001), Interim monitoring of group sequential trials using spending functions for the type I
        and type II error probabilities, Drug Information Journal 35, 1113-1121.
        """
        times, reached = self._timed(looks, share, planned)
        upper = bounds(times, self._spent(question, reached))
        parameter = _DEFAULTS.get(str(self.futility), 0.0)
        missed = spent(self.futility or self.spending, 1 - self.power, reached, parameter)
        lower = futility_bounds(times, upper, missed)[0]
        lower[-1] = float("nan")  # there the plan decides
        sign = 1 if question.primary.better == "higher" else -1
        return [float(sign * one) for one in lower[: len(looks)]]

    def _timed(self, looks: tuple[Look, ...], share: float, planned: tuple[float, ...]) -> tuple[np.ndarray, np.ndarray]:
        """Return the information at the looks that were held and that are left, and the shares of it that were planned."""
        left = [one for one in planned if one > share]
        return np.array([*(look.information * share for look in looks), *left]), np.array(
            [*_shares_of(looks, planned, share), *left]
        )

    def _later(self, question: Trial, looks: tuple[Look, ...], share: float, planned: tuple[float, ...]) -> float:
        """Return the chance that a later look stops the trial with an effect of this sign, if the present effect is the true one."""
        times, reached = self._timed(looks, share, planned)
        if len(times) == len(looks):
            return float("nan")
        critical = bounds(times, self._spent(question, reached))[len(looks) :]
        now, z = float(times[len(looks) - 1]), abs(looks[-1].z)
        return conditional_power(z, now, times[len(looks) :], -critical, critical, z / np.sqrt(now))[0]


def _shares_of(looks: tuple[Look, ...], planned: tuple[float, ...], share: float) -> tuple[float, ...]:
    """Return the planned shares of the looks that were held, those that could not be left out."""
    return tuple(one for one in planned if one <= share)[-len(looks) :]


def _stopping(question: Trial, arm: str, table: pd.DataFrame) -> Check:
    """Say where the trial stands; a bound that was crossed at an earlier look is a departure from the plan, worth knowing."""
    last = table.iloc[-1]
    earlier = table.iloc[:-1].loc[table["crossed"].iloc[:-1]]
    where = f"At look {last['look']} of {max(len(question.looks), 1)} the effect of {arm} is {abs(last['z']):.2f} standard errors from zero"
    says = f"{where}, where {last['bound']:.2f} stop the trial"
    if np.isfinite(last["chance_later"]) and not last["crossed"]:
        says += f"; if it is the true effect, a later look stops the trial with chance {100 * last['chance_later']:.0f} %"
    if "futility" in table and not last["crossed"] and _given_up(question, last):
        says += f"; z is {last['z']:.2f} against a futility bound of {last['futility']:.2f}, so that the plan gives up"
    if len(earlier):
        says += f"; the bound was already crossed at look {earlier['look'].iloc[0]}, where the trial should have stopped"
    return Check("stopping", not len(earlier), "note", f"{says}.", float(last["z"]))


def _given_up(question: Trial, look: pd.Series) -> bool:
    """Return whether the effect is so far on the worse side of the futility bound that the plan gives up."""
    sign = 1 if question.primary.better == "higher" else -1
    return bool(sign * look["z"] <= sign * look["futility"])
