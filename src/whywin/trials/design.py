"""What a trial is designed for, and what a design that was judged looks like."""

from dataclasses import dataclass, replace
from typing import Annotated, Final

import pandas as pd
from annotated_types import Ge, Gt, Le, Lt, doc

from whywin.errors import ConfigError
from whywin.evidence import Check
from whywin.settings import check_settings
from whywin.stats.group_sequential import Spending, bounds, inflation, spent
from whywin.stats.power import Clusters
from whywin.stats.trial_power import Layout, excess_variation, smallest_effect
from whywin.trials.question import Trial

LONGEST = 104.0  # weeks that are looked at
PATIENCE = 520.0  # weeks beyond which nobody waits
PARAMETERS: Final = {"hwang_shih_decani": -4.0, "kim_demets": 3.0}  # of spending functions that have one, when it is not given


@dataclass(frozen=True)
class TrialDesign:
    """What a trial is designed for; what is not given is estimated from the company's own past deals."""

    effect: Annotated[
        float | None,
        Gt(0),
        doc("the effect that the trial is to find, in points or the metric's unit; the margin when not given"),
    ] = None
    units: Annotated[int | None, Ge(2), doc("number of units in all arms; those with past deals when not given")] = None
    weeks: Annotated[float, Gt(0), Le(520), doc("how many weeks the trial is to last")] = 12.0
    power: Annotated[float, Gt(0), Lt(1), doc("the chance to find the effect that is asked for")] = 0.8
    correlation: Annotated[float | None, Ge(0), Lt(1), doc("correlation of two deals of one unit")] = None
    variation: Annotated[float | None, Ge(0), doc("coefficient of variation of the units' expected numbers of deals")] = None
    deals_per_week: Annotated[float | None, Gt(0), doc("deals that a unit closes in a week")] = None
    mean: Annotated[float | None, doc("mean of the metric in control; of the win rate in percent")] = None
    deviation: Annotated[float | None, Gt(0), doc("standard deviation of the metric between deals; follows from a win rate")] = (
        None
    )
    before: Annotated[
        float | None, Ge(0), Lt(1), doc("correlation of a unit's mean with its mean before the trial, where that is adjusted for")
    ] = None
    adjusted: Annotated[bool, doc("whether the analysis adjusts for the unit's mean before the trial")] = False
    past_weeks: Annotated[
        float | None, Gt(0), doc("in how many weeks the past deals closed; from their dates when not given")
    ] = None
    worlds: Annotated[int, Ge(100), Le(20_000), doc("simulated trials behind each simulated power")] = 1000

    def __post_init__(self) -> None:
        """Refuse settings that break their own rules."""
        check_settings(self)


@dataclass(frozen=True, eq=False)
class Designed:
    """A design and what follows from it.

    Attributes:
        effect: the effect that is to be found, in points or the metric's unit.
        clusters: the units over the planned weeks.
        layout: the arms and the looks.
        detectable: the smallest effect that is found with the power asked for, in the same unit.
        power: the chance to find the effect, by the formula.
        simulated: the same by simulation.
        wanted: units that all arms would need.
        weeks: weeks after which the power is there; infinite where it never is.
        checks: what makes the design hopeless or weak.
        tables: "assumptions", "power", "units", "weeks".
        says: the design in one sentence.
    """

    effect: float
    clusters: Clusters
    layout: Layout
    detectable: float
    power: float
    simulated: float
    wanted: int
    weeks: float
    checks: tuple[Check, ...]
    tables: dict[str, pd.DataFrame]

    says: str = ""

    @property
    def sound(self) -> bool:
        """Whether nothing undoes the design."""
        return not any(check.undoes for check in self.checks)


def layout_of(question: Trial, units: int, spending: Spending, parameter: float) -> Layout:
    """Return the arms and looks of a trial: control with the smallest other arm, which decides what can be found.

    Raises:
        ConfigError: the arms cannot have two units each.
    """
    shares = dict(question.shares)
    control = shares.get(question.control, 0.5)
    treated = min((share for arm, share in shares.items() if arm != question.control), default=0.5)
    counts = round(treated * units), round(control * units)
    if min(counts) < 2:  # noqa: PLR2004 - the noise of an arm cannot be told from one unit
        raise ConfigError(
            f"design.units: {units} units give the smallest arm {min(counts)}, and its noise cannot be told with fewer than 2; add units"
        )
    alpha = 1 - question.level
    times = tuple(share for _, share in question.looks) or (1.0,)
    if len(times) == 1:
        return Layout(*counts, alpha)
    critical = bounds(times, spent(spending, alpha / 2, times, parameter))
    grown = inflation(times, critical, alpha / 2, 0.8)
    return Layout(*counts, alpha, times, tuple(critical.tolist()), grown)


def floor_of(clusters: Clusters, layout: Layout, power: float) -> float:
    """Return the effect below which no length of the trial helps: units differ, and there are no more of them."""
    spread = excess_variation(clusters.variation, clusters.size)
    for_ever = replace(clusters, size=1e9, variation=spread)
    return smallest_effect(for_ever, layout, power)


def in_all_arms(question: Trial, units: int) -> int:
    """Return the units of all arms when two of them have so many."""
    shares = dict(question.shares)
    if not shares:
        return units
    control = shares.get(question.control, 0.5)
    treated = min((share for arm, share in shares.items() if arm != question.control), default=0.5)
    return round(units / (control + treated))
