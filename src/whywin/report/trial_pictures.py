"""Pictures of trials: every method's effect side by side, and the units that were randomised, one dot each."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd

from whywin.evidence import Unit
from whywin.report.canvas import fitted, narrow, sheet, span, text_width, unit_axis, write
from whywin.report.effect_pictures import methods_picture
from whywin.report.numerals import in_unit, one_line
from whywin.report.palette import LIGHT
from whywin.report.picture import Picture, numbers
from whywin.studies import Run
from whywin.trials.question import Trial

EFFECT: Final = "effect of assignment"
DOT: Final = 7.0
STACK: Final = 6
BAND: Final = 92.0


def trial_pictures(run: Run) -> Iterator[Picture]:
    """Yield what can be drawn of the answer: the effects by method, and the units by arm."""
    pairs = [
        (label, estimate)
        for label, evidence in run.evidence.items()
        for estimate in evidence.estimates
        if estimate.quantity.startswith("effect")
    ]
    if pairs:
        yield methods_picture(run, sorted(pairs, key=lambda pair: pair[1].quantity != EFFECT))
    question = run.plan.question
    assert isinstance(question, Trial)  # noqa: S101 - the kind was looked at
    tables = [evidence.tables["reps"] for evidence in run.evidence.values() if "reps" in evidence.tables]
    picture = next(filter(None, (_units(run, question, frame) for frame in tables)), None)
    if picture:
        yield picture


def _units(run: Run, question: Trial, frame: pd.DataFrame) -> Picture | None:
    if not {"arm", "rate"} <= set(frame.columns):
        return None
    kept = pd.DataFrame({"arm": frame["arm"].astype(str), "rate": numbers(frame, "rate")})
    kept["deals"] = numbers(frame, "deals") if "deals" in frame else 1.0
    kept = kept.dropna()
    kept = kept[kept["deals"] > 0]
    if kept.empty:
        return None
    unit = next(
        (e.unit for e in run.headline.estimates if e.segment.startswith("arm=") and not e.quantity.startswith("effect")), None
    )
    unit = unit or ("percent" if question.metric == "won" else "number")
    arms = [question.control, *sorted(set(kept["arm"]) - {question.control})]
    arms = [arm for arm in arms if (kept["arm"] == arm).any()]
    means = {arm: float(np.average(part["rate"], weights=part["deals"])) for arm, part in kept.groupby("arm")}
    what = "win rate" if question.metric == "won" else one_line(question.metric)
    title = f"The {what} of {len(kept):,} {one_line(question.unit)}s by arm"
    says = " ".join(_said(arm, kept[kept["arm"] == arm]["rate"], means[arm], unit) for arm in arms)
    key = f"One dot a {one_line(question.unit)}. Tall line: the arm's mean, in which every deal counts alike."
    return Picture("reps", title, says, key, partial(_dots, kept, arms, means, unit))


def _said(arm: str, rates: pd.Series, mean: float, unit: Unit) -> str:
    ends = f"{in_unit(rates.min(), unit)} to {in_unit(rates.max(), unit)}"
    return f"{one_line(arm)}: {len(rates):,} units from {ends}, mean {in_unit(mean, unit)}."


def _dots(frame: pd.DataFrame, arms: list[str], means: dict[str, float], unit: Unit, width: float) -> Any:
    labels = {arm: fitted(arm, 0.3 * width) for arm in arms}
    left = max(1.1 * max(map(text_width, labels.values())) + 16, 70)
    right = 16.0
    figure, axes = sheet(width, BAND * len(arms) + 34, left=left, right=right, top=6, bottom=28)
    axes.set_xlim(*span([*frame["rate"], *means.values()], unit))
    axes.set_ylim(BAND * len(arms), 0)
    axes.set_yticks([])
    unit_axis(axes.xaxis, unit, ticks=4 if narrow(width) else 7)
    low, high = axes.get_xlim()
    for place, arm in enumerate(arms):
        colour = LIGHT["warm"] if place == 0 else LIGHT["accent"]
        middle = BAND * (place + 0.5)
        rates = np.sort(frame.loc[frame["arm"] == arm, "rate"].to_numpy(float))
        lift = stacked((rates - low) / (high - low) * (width - left - right))
        axes.plot(rates, middle + lift, "o", markersize=DOT - 1, color=colour, markeredgewidth=0, alpha=0.75, zorder=2)
        ends = [middle - BAND * 0.42, middle + BAND * 0.42]
        axes.plot([means[arm]] * 2, ends, color=LIGHT["ink"], linewidth=1.6, zorder=3)
        across = axes.get_yaxis_transform()
        gap = -10 / (width - left - right)
        write(axes, gap, middle - 9, labels[arm], transform=across, ha="right", fontweight="bold", color=colour)
        write(axes, gap, middle + 9, in_unit(means[arm], unit), transform=across, ha="right", color=LIGHT["muted"])
    return figure


def stacked(pixels: np.ndarray) -> np.ndarray:
    """Return how far each dot moves up or down so that neighbours do not hide one another; `pixels` are sorted places across."""
    lift, since = np.zeros(len(pixels)), [-np.inf] * (2 * STACK + 1)
    order = sorted(range(-STACK, STACK + 1), key=lambda step: (abs(step), step))
    for number, place in enumerate(pixels):
        free = next((step for step in order if place - since[step + STACK] >= DOT - 1), order[number % len(order)])
        since[free + STACK] = place
        lift[number] = free * (DOT - 1)
    return lift
