"""Pictures of trials: every method's effect side by side, and the units that were randomised, one dot each."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd

from whywin.evidence import Estimate, Unit
from whywin.report.canvas import fitted, narrow, sheet, span, text_width, unit_axis, write
from whywin.report.effect_pictures import methods_picture
from whywin.report.forest import Group, Line, Row, forest
from whywin.report.numerals import coverage, in_unit, one_line
from whywin.report.palette import LIGHT
from whywin.report.picture import MOST_ROWS, Picture, numbers
from whywin.studies import Run
from whywin.trials.question import Trial
from whywin.trials.units import scale_of

EFFECT: Final = "effect of assignment"
DELIVERY: Final = "effect of delivery"
LOOKS: Final = 260.0
DOT: Final = 7.0
STACK: Final = 6
BAND: Final = 92.0
FEW_LOOKS: Final = 4
WIDEST: Final = 4.0  # times the last look's interval
FEW_WEEKS: Final = 8


def trial_pictures(run: Run) -> Iterator[Picture]:
    """Yield what can be drawn of the answer: the effects by method, by metric, by look and by segment, and the units by arm."""
    pairs = [
        (label, estimate)
        for label, evidence in run.evidence.items()
        for estimate in evidence.estimates
        if estimate.quantity in {EFFECT, DELIVERY}
    ]
    if pairs:
        yield methods_picture(run, sorted(pairs, key=lambda pair: pair[1].quantity != EFFECT))
    question = run.plan.question
    assert isinstance(question, Trial)  # noqa: S101 - the kind was looked at
    for name, build in (
        ("metrics", _metrics),
        ("looks", _looks),
        ("weeks", _weeks),
        ("segment_effects", _segments),
        ("reps", _units),
    ):
        tables = [evidence.tables[name] for evidence in run.evidence.values() if name in evidence.tables]
        picture = next(filter(None, (build(run, question, frame) for frame in tables)), None)
        if picture:
            yield picture


def _metrics(_: Run, question: Trial, frame: pd.DataFrame) -> Picture | None:
    """Every metric's effect as a share of control, so that they stand on one axis; none where there is one metric."""
    kept = frame.dropna(subset=["relative", "relative_low", "relative_high"])
    if kept["metric"].nunique() < 2:  # noqa: PLR2004 - one metric stands among the methods
        return None
    groups: dict[str, list[Row]] = {}
    for row in kept.head(MOST_ROWS).to_dict("records"):
        ends = (float(row["relative"]), float(row["relative_low"]), float(row["relative_high"]))
        estimate = Estimate(EFFECT, f"arm={row['arm']}", *ends, question.level, int(row["deals"]), "points")
        groups.setdefault(str(row["arm"]), []).append(Row(f"{row['metric']} ({row['role']})", estimate, row["role"] == "primary"))
    drawn = [Group(arm if len(groups) > 1 else "", tuple(rows)) for arm, rows in groups.items()]
    count = int(kept["metric"].nunique())
    beyond = sum(row.estimate.low > 0 or row.estimate.high < 0 for group in drawn for row in group.rows)
    title = (
        f"{beyond} of {sum(len(group.rows) for group in drawn)} effects on {count} metrics leave nought out, each looked at alone"
    )
    says = "; ".join(
        f"{one_line(row['metric'])} in {one_line(row['arm'])}: {row['verdict']}"
        for row in kept.head(MOST_ROWS).to_dict("records")
    )
    key = (
        f"Dot and bar: effect in percent of control with its {coverage(question.level)} interval, on the scale of logs, before it is adjusted for the "
        f"number of metrics; adjusted ones are in the table. Blue and bold: the primary metric. Dashed line: no effect."
    )
    return Picture("metrics", title, f"{says}.", key, partial(forest, drawn, Line(0.0, "no effect")))


def _segments(run: Run, question: Trial, frame: pd.DataFrame) -> Picture | None:
    """The effect by segment, drawn together, with what each level says alone."""
    kept = frame.dropna(subset=["pooled", "pooled_low", "pooled_high"])
    if kept.empty:
        return None
    unit, groups = scale_of(question)[2], dict[str, list[Row]]()
    several = len(set(kept["arm"])) > 1
    for row in kept.head(MOST_ROWS).to_dict("records"):
        ends = (float(row["pooled"]), float(row["pooled_low"]), float(row["pooled_high"]))
        estimate = Estimate(EFFECT, f"{row['segment']}={row['level']}", *ends, question.level, int(row["deals"]), unit)
        name = f"{row['segment']}, {row['arm']}" if several else str(row["segment"])
        groups.setdefault(name, []).append(Row(str(row["level"]), estimate, strong=False, raw=float(row["effect"])))
    drawn = [Group(name, tuple(rows)) for name, rows in groups.items()]
    whole = next((e for e in run.headline.estimates if e.quantity == EFFECT), None)
    line = Line(whole.value, "effect on all deals") if whole else Line(0.0, "no effect")
    found = int((kept["p_adjusted"] <= 1 - question.level).sum())
    title = f"The effect in {len(kept)} segments, explored: {found} differ from nought after adjustment"
    says = "; ".join(
        f"{one_line(row['level'])}: {in_unit(row['pooled'], unit)}" for row in kept.head(MOST_ROWS).to_dict("records")
    )
    key = (
        f"Dot and bar: the effect drawn towards its segment's mean, with its {coverage(question.level)} interval. Ring: what the level says alone. "
        f"Whether a segment's levels differ at all is in the table of interactions."
    )
    return Picture("segments", title, f"{says}.", key, partial(forest, drawn, line))


def _looks(_: Run, question: Trial, frame: pd.DataFrame) -> Picture | None:
    """The effect at each look of one arm, with the band that it must leave for the trial to stop."""
    arm = str(frame["arm"].iloc[0])
    rows = frame[frame["arm"] == arm]
    unit = scale_of(question)[2]
    last = rows.iloc[-1]
    stopped = rows.loc[rows["crossed"].astype(bool), "look"]
    where = (
        f"crosses its bound at look {int(stopped.iloc[0])}"
        if len(stopped)
        else f"has not crossed its bound by look {int(last['look'])}"
    )
    title = f"The effect of {one_line(arm)} {where} of {len(question.looks) or 1}"
    says = "; ".join(f"look {int(row['look'])}: {in_unit(row['effect'], unit)}" for row in rows.to_dict("records"))
    key = (
        f"Dot and bar: the effect at each look with its repeated {coverage(question.level)} interval. Grey band: effects that do not stop the trial at "
        f"that look; it narrows as deals come in. The last look has {int(last['deals']):,} deals."
    )
    return Picture("looks", title, f"{says}.", key, partial(_by_look, rows, unit))


def _weeks(_: Run, question: Trial, frame: pd.DataFrame) -> Picture | None:
    """The effect of one arm at the end of each week, where no looks were planned."""
    arm = str(frame["arm"].iloc[0])
    rows = frame[frame["arm"] == arm]
    unit, last = scale_of(question)[2], rows.iloc[-1]
    crossed = rows.loc[rows["crossed"].astype(bool), "week"]
    where = f"leaves the boundary in week {int(crossed.iloc[0])}" if len(crossed) else "stays within the boundary in every week"
    title = f"The effect of {one_line(arm)} {where}"
    says = "; ".join(f"week {int(row['week'])}: {in_unit(row['effect'], unit)}" for row in rows.to_dict("records"))
    key = (
        f"Dot and bar: the effect of all deals closed by the end of that week, with a {coverage(question.level)} interval that holds in "
        f"all weeks at once. Grey band: effects within the boundary, which leave nought possible. The last week has {int(last['deals']):,} deals."
    )
    frame = rows.assign(date=rows["week"].map(lambda week: f"week {week}" if len(rows) <= FEW_WEEKS else str(week)))
    return Picture("weeks", title, f"{says}.", key, partial(_by_look, frame, unit))


def _by_look(frame: pd.DataFrame, unit: Unit, width: float) -> Any:
    figure, axes = sheet(width, LOOKS, left=64, right=16, top=12, bottom=30)
    places = np.arange(len(frame))
    value, low, high = (frame[name].to_numpy(dtype=float) for name in ("effect", "low", "high"))
    half = (high - low) / 2
    steps, edge = np.repeat(places, 2) + np.tile([-0.5, 0.5], len(frame)), np.repeat(half, 2)
    # an early look at few deals may be so wide that the others could not be told apart: its bar runs out of the picture
    told = half <= WIDEST * half[-1]
    axes.set_ylim(*span([*value[told], *low[told], *high[told], *half[told], *-half[told]], unit))
    axes.set_xlim(-0.6, len(frame) - 0.4)
    labels = frame["date"].astype(str).to_list()
    every = (
        max(1, int(np.ceil(len(labels) * (max(map(text_width, labels)) + 8) / (width - 80)))) if len(labels) > FEW_LOOKS else 1
    )
    # of many looks some are named, the last among them
    named = places[::-1][::every][::-1]
    axes.set_xticks(named, [fitted(labels[place], 0.8 * every * width / len(labels)) for place in named])
    unit_axis(axes.yaxis, unit, ticks=5)
    axes.fill_between(steps, -edge, edge, color=LIGHT["rule"], alpha=0.6, linewidth=0, zorder=1)
    axes.axhline(0, color=LIGHT["ink"], linewidth=1, linestyle=(0, (4, 3)), zorder=2)
    axes.vlines(places, low, high, color=LIGHT["accent"], linewidth=2.2, zorder=3)
    axes.plot(places, value, "o", markersize=7, color=LIGHT["accent"], markeredgewidth=0, zorder=4)
    return figure


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
    unit = unit or scale_of(question)[1]
    arms = [question.control, *sorted(set(kept["arm"]) - {question.control})]
    arms = [arm for arm in arms if (kept["arm"] == arm).any()]
    means = {arm: float(np.average(part["rate"], weights=part["deals"])) for arm, part in kept.groupby("arm")}
    what = one_line(scale_of(question)[3]).removeprefix("mean of ")
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
