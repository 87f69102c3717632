"""Pictures of a trial's design: the power by effect, and how small an effect becomes decidable in how many weeks."""

from functools import partial
from typing import Any, Final

import pandas as pd

from whywin.report.canvas import NOTE, sheet, text_width, unit_axis, write
from whywin.report.numerals import in_unit
from whywin.report.palette import LIGHT
from whywin.report.picture import Picture
from whywin.trials.design import Designed, TrialDesign, floor_of
from whywin.trials.question import Trial

TALL: Final = 300.0


def design_pictures(question: Trial, settings: TrialDesign, found: Designed) -> tuple[Picture, ...]:
    """Return the pictures of a design."""
    unit = unit_of(question)
    return _power(settings, found, unit), _weeks(question, settings, found, unit)


def unit_of(question: Trial) -> str:
    """Return the unit of the effect."""
    return "points" if question.primary.is_rate else "days" if question.primary.column == "cycle_days" else "number"


def _power(settings: TrialDesign, found: Designed, unit: str) -> Picture:
    at = in_unit(found.effect, unit)
    title = f"An effect of {at} is found with power {100 * found.simulated:.0f}\u00a0%"
    smallest = f"the smallest effect found with power {100 * settings.power:.0f} % is {in_unit(found.detectable, unit)}"
    says = f"By the formula it is {100 * found.power:.0f} %; {smallest}."
    key = (
        "Line: chance to find an effect of that size, by the formula. Dots: the share of simulated trials that found it. The upright line "
        "is the effect that the trial is to find, the level one the power asked for. Without an effect the chance is that of a false alarm."
    )
    return Picture("power", title, says, key, partial(_power_drawn, found, settings.power, unit))


def _power_drawn(found: Designed, power: float, unit: str, width: float) -> Any:
    table = found.tables["power"]
    figure, axes = sheet(width, TALL, left=48, right=20, top=14, bottom=48)
    axes.set_xlim(0, float(table["effect"].max()))
    axes.set_ylim(0, 103)
    unit_axis(axes.yaxis, "percent", ticks=5)
    unit_axis(axes.xaxis, unit, ticks=5)
    axes.axhline(100 * power, color=LIGHT["muted"], linewidth=1, linestyle=(0, (3, 2)))
    axes.axvline(found.effect, color=LIGHT["warm"], linewidth=1.4)
    axes.plot(table["effect"], 100 * table["power"], color=LIGHT["accent"], linewidth=2, zorder=3)
    dots = table.dropna(subset=["simulated"])
    axes.plot(dots["effect"], 100 * dots["simulated"], "o", markersize=6, color=LIGHT["ink"], markeredgewidth=0, zorder=4)
    _below(axes, "true effect", width)
    return figure


def _weeks(question: Trial, settings: TrialDesign, found: Designed, unit: str) -> Picture:
    scale = 100.0 if question.primary.is_rate else 1.0
    floor = scale * floor_of(found.clusters, found.layout, settings.power)
    never = found.effect <= floor
    when = "never decidable" if never else f"decidable after {found.weeks:.0f} weeks"
    title = f"An effect of {in_unit(found.effect, unit)} is {when}"
    says = f"However long it lasts, {found.layout.treated + found.layout.control:.0f} {question.unit}s find nothing below {in_unit(floor, unit)}."
    key = (
        f"Line: the smallest effect that is found with power {100 * settings.power:.0f} % after so many weeks. Dashed: what it comes down to "
        "in the end, because units differ and waiting makes no more of them. Upright line: the planned length; level line: the effect that is asked for."
    )
    return Picture(
        "weeks", title, says, key, partial(_weeks_drawn, found.tables["weeks"], found.effect, floor, settings.weeks, unit)
    )


def _weeks_drawn(table: pd.DataFrame, effect: float, floor: float, weeks: float, unit: str, width: float) -> Any:
    shown = table[table["detectable"] <= max(4 * effect, 3 * floor, 1.5 * float(table["detectable"].min()))]
    figure, axes = sheet(width, TALL, left=62, right=20, top=14, bottom=48)
    axes.set_xlim(0, float(table["weeks"].max()))
    axes.set_ylim(0, 1.05 * max(float(shown["detectable"].max()), effect))
    unit_axis(axes.yaxis, unit, ticks=5)
    unit_axis(axes.xaxis, "number", ticks=6)
    axes.axhline(effect, color=LIGHT["warm"], linewidth=1.4)
    axes.axhline(floor, color=LIGHT["muted"], linewidth=1, linestyle=(0, (3, 2)))
    axes.axvline(weeks, color=LIGHT["ink"], linewidth=1)
    axes.tick_params(axis="x", pad=9)
    axes.plot(shown["weeks"], shown["detectable"], color=LIGHT["accent"], linewidth=2, zorder=3)
    _below(axes, "weeks", width)
    return figure


def _below(axes: Any, text: str, width: float) -> None:
    write(axes, 0.5 - text_width(text) / width / 2, -0.16, text, transform=axes.transAxes, color=LIGHT["muted"], fontsize=NOTE)
