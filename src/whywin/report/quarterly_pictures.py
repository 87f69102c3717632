"""Pictures of the quarterly report: win rates over time, what works, and claims beside what came of them."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final, cast

import pandas as pd

from whywin.editions import Chapter, Edition
from whywin.evidence import Estimate, Unit
from whywin.report.canvas import TEXT, sheet, span, text_width, unit_axis, write
from whywin.report.forest import Group, Line, Row, forest
from whywin.report.numerals import coverage, one_line
from whywin.report.palette import LIGHT
from whywin.report.picture import Picture, said

TALL: Final = 230.0
MOST: Final = 16


def pictures_of(edition: Edition) -> Iterator[Picture]:
    """Yield what can be drawn of an edition; nothing of what it lacks."""
    for chapter in edition.of("winrates"):
        periods = periods_of(chapter)
        if len(periods) > 1:
            yield _over_time(periods, edition.quarter)
            break
    effects = [(chapter, row) for chapter in edition.chapters if chapter.topic != "winrates" for row in chapter.main_effects()]
    if effects:
        yield _effects(effects)
    for unit in ("percent", "points"):
        due = edition.due[(edition.due["unit"] == unit) & edition.due["verdict"].isin(["confirmed", "broken"])]
        if len(due):
            yield _claims(due, unit)


def periods_of(chapter: Chapter) -> list[Estimate]:
    """Return the win rates by period, in their order."""
    rows = [row for row in chapter.rows("win rate") if row.segment.partition("=")[0].endswith(("_quarter", "_month", "_year"))]
    return sorted((row for row in rows if "(missing)" not in row.segment), key=lambda row: row.segment)


def _over_time(periods: list[Estimate], quarter: str) -> Picture:
    label = [row.segment.partition("=")[2] for row in periods]
    title = f"Win rate by period, {label[0]} to {label[-1]}"
    says = f"In {label[-1]}: {said(periods[-1])}."
    key = f"Dot and bar: win rate with its {coverage(periods[0].level)} interval. Blue: {quarter}."
    return Picture("periods", title, says, key, partial(_series, periods, quarter))


def _series(periods: list[Estimate], quarter: str, width: float) -> Any:
    figure, axes = sheet(width, TALL, left=44, right=14, top=12, bottom=30)
    labels = [one_line(row.segment.partition("=")[2], 12) for row in periods]
    axes.set_xlim(-0.6, len(periods) - 0.4)
    axes.set_ylim(*span([end for row in periods for end in (row.low, row.high)], "percent"))
    unit_axis(axes.yaxis, "percent", ticks=5)
    axes.plot(range(len(periods)), [row.value for row in periods], color=LIGHT["rule"], linewidth=1.5, zorder=1)
    for place, row in enumerate(periods):
        colour = LIGHT["accent"] if labels[place] == quarter else LIGHT["muted"]
        axes.plot([place, place], [row.low, row.high], color=colour, linewidth=2.2, zorder=2)
        axes.plot([place], [row.value], "o", markersize=6.5, color=colour, markeredgewidth=0, zorder=3)
    room = (width - 58) / len(periods)
    every = max(1, -int(-(max(map(text_width, labels)) + 8) // room))
    axes.set_xticks([])
    for place in range(0, len(periods), every):
        across = axes.get_xaxis_transform()
        write(axes, place, -0.085, labels[place], transform=across, ha="center", color=LIGHT["muted"], fontsize=TEXT - 1)
    return figure


def _effects(effects: list[tuple[Chapter, Estimate]]) -> Picture:
    rows = []
    for chapter, row in effects[:MOST]:
        what = chapter.question.get("treatment") or row.segment.removeprefix("arm=")
        rows.append(Row(f"{chapter.grade}: {what.replace('_', ' ')}", row, not row.low <= 0 <= row.high))
    clear = sum(row.strong for row in rows)
    title = f"{clear} of {len(rows)} interventions have an interval that leaves out nought"
    key = "Letter: evidence grade. Dot and bar: change of the win rate in points with its interval; blue: it leaves out nought. Dashed line: no change."
    says = " ".join(f"{row.label} {said(row.estimate)}." for row in rows)
    return Picture("effects", title, says, key, partial(forest, [Group("", tuple(rows))], Line(0.0, "no change")))


def _claims(due: pd.DataFrame, unit: str) -> Picture:
    rows = []
    for claim in due.head(MOST).to_dict("records"):
        name = claim["segment"] if claim["segment"] != "all" else "all deals"
        what = name if claim["quantity"] == "win rate" else f"{claim['quantity']}, {name}"
        interval = Estimate(
            claim["quantity"],
            claim["segment"],
            claim["value"],
            claim["low"],
            claim["high"],
            claim["level"],
            int(claim["deals"]),
            cast("Unit", unit),
        )
        rows.append(Row(what.replace("=", " "), interval, claim["verdict"] == "broken", None, float(claim["found"])))
    held = int((due["verdict"] == "confirmed").sum())
    title = f"{held} of {len(due)} claims about {'win rates' if unit == 'percent' else 'effects'} came true"
    key = f"Bar: what was claimed, with {coverage(float(due['level'].iloc[0]))} probability. Diamond: what came. Bold: it broke."
    if len(due) > MOST:
        key += f" The first {MOST} of {len(due)}; all are in the ledger."
    says = " ".join(
        f"{row.label}: claimed {row.estimate.low:.1f} to {row.estimate.high:.1f}, found {row.truth:.1f}." for row in rows
    )
    return Picture(f"claims-{unit}", title, says, key, partial(forest, [Group("", tuple(rows))], None))
