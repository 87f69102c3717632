"""The specification curve: estimates with their intervals in order, and below each what was chosen for it and which checks failed."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from whywin.report.canvas import NOTE, fitted, narrow, sheet, span, text_width, unit_axis, write
from whywin.report.numerals import coverage, one_line
from whywin.report.palette import LIGHT
from whywin.report.picture import Picture
from whywin.report.specification import Curve, Place, sentence
from whywin.report.words import readable

TALL: Final = 230.0
ROW: Final = 19.0
HEADING: Final = 27.0
RIGHT: Final = 14.0
CHOSEN: Final = {"marker": "o", "color": LIGHT["ink"], "markeredgewidth": 0}


@dataclass(frozen=True)
class Group:
    """Rows below the curve: a heading, the columns that each row marks by its label, and whether a mark is a failure."""

    heading: str
    rows: tuple[tuple[str, tuple[int, ...]], ...]
    failures: bool = False


def specification_picture(curve: Curve) -> Picture | None:
    """Return the picture of a sweep; None where no specification has an answer."""
    if not curve.places:
        return None
    levels = {place.estimate.level for place in curve.places}
    interval = f"{coverage(levels.pop())} interval" if len(levels) == 1 else "interval"
    truth = " Diamonds: the truth of the made-up market." if any(place.truth is not None for place in curve.places) else ""
    hollow = " Hollow: a check failed that undoes it; a cross in the rows below says which." if curve.undone else ""
    key = (
        f"Each column is one specification: above, its estimate with its {interval}, from the lowest to the highest; below, what was "
        f"chosen for it.{hollow}{truth} The specifications share their deals: that many agree is no sum of evidence."
    )
    title = f"{curve.quantity.capitalize()} by specification"
    return Picture("specifications", title, sentence(curve), key, partial(_drawn, curve))


def _drawn(curve: Curve, width: float) -> Any:
    groups = _groups(curve)
    labels = [label for group in groups for label, _ in group.rows]
    left = max(
        52.0, min(max(map(text_width, map(one_line, labels)), default=0.0) + 16, (0.42 if narrow(width) else 0.36) * width)
    )
    below = sum(HEADING + ROW * len(group.rows) for group in groups) + 8
    figure, axes = sheet(width, TALL + below, left=left, right=RIGHT, top=12, bottom=below)
    axes.spines["bottom"].set_visible(False)
    axes.set_xticks([])
    axes.set_xlim(-0.8, len(curve.places) - 0.2)
    ends = [end for place in curve.places for end in (place.estimate.low, place.estimate.high, place.truth) if end is not None]
    axes.set_ylim(*span([*ends, 0.0] if curve.nought else ends, curve.unit))
    unit_axis(axes.yaxis, curve.unit, ticks=6)
    if curve.nought:
        axes.axhline(0, color=LIGHT["ink"], linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    size = min(6.5, max(2.0, 0.6 * (width - left) / len(curve.places)))
    for x, place in enumerate(curve.places):
        _estimate(axes, x, place, size)
    place_of_rows = (left / width, 0, (width - left - RIGHT) / width, below / (TALL + below))
    rows_axes = figure.add_axes(place_of_rows, facecolor="none")
    rows_axes.set_axis_off()
    rows_axes.set_xlim(axes.get_xlim())
    rows_axes.set_ylim(below, 0)
    _choices(rows_axes, groups, left, width, size)
    return figure


def _estimate(axes: Any, x: int, place: Place, size: float) -> None:
    sound = place.specification.sound
    colour = LIGHT["accent"] if sound else LIGHT["muted"]
    estimate = place.estimate
    axes.plot([x, x], [estimate.low, estimate.high], color=colour, linewidth=min(2.0, size / 2), solid_capstyle="butt", zorder=2)
    filling = {"markeredgewidth": 0} if sound else {"markerfacecolor": LIGHT["paper"], "markeredgewidth": 1.4}
    axes.plot([x], [estimate.value], "o", markersize=size, color=colour, zorder=3, **filling)
    if place.truth is not None:
        axes.plot([x], [place.truth], "D", markersize=0.7 * size, color=LIGHT["warm"], markeredgewidth=0, zorder=4)


def _groups(curve: Curve) -> list[Group]:
    groups = []
    for key in curve.keys:
        rows = []
        for words in dict.fromkeys(one.choices.get(key, "") for one in curve.all):
            marked = (x for x, place in enumerate(curve.places) if place.specification.choices.get(key, "") == words)
            rows.append((words or "as it is", tuple(marked)))
        groups.append(Group(readable(key.rpartition(".")[2]), tuple(rows)))
    checks = dict.fromkeys(name for place in curve.places for name in place.specification.undone)
    failed = tuple(
        (readable(name), tuple(x for x, place in enumerate(curve.places) if name in place.specification.undone))
        for name in checks
    )
    return [*groups, *([Group("checks that failed", failed, failures=True)] if failed else [])]


def _choices(axes: Any, groups: list[Group], left: float, width: float, size: float) -> None:
    first, last = axes.get_xlim()
    pixel = (last - first) / (width - left - RIGHT)
    y = 0.0
    for group in groups:
        y += HEADING
        write(axes, first - (left - 6) * pixel, y - 9, fitted(group.heading, 0.9 * width), fontweight="bold", fontsize=NOTE)
        style = {"marker": "x", "color": LIGHT["bad"], "markeredgewidth": 1.4} if group.failures else CHOSEN
        for label, marked in group.rows:
            y += ROW
            middle = y - ROW / 2
            axes.plot([first, last], [middle, middle], color=LIGHT["rule"], linewidth=0.6, zorder=1)
            axes.plot(marked, [middle] * len(marked), linestyle="none", markersize=0.8 * size, zorder=2, **style)
            write(
                axes, first - 8 * pixel, middle, fitted(label, left - 14, NOTE), ha="right", fontsize=NOTE, color=LIGHT["muted"]
            )
