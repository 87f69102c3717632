"""The forest: one row a number, its interval as a bar, a line to compare it with."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any, Final

from whywin.evidence import Estimate
from whywin.report.canvas import NOTE, fitted, narrow, sheet, span, text_width, unit_axis, write
from whywin.report.numerals import in_unit, interval, one_line
from whywin.report.palette import LIGHT

ROW: Final = 22.0
HEADING: Final = 30.0
HALO: Final = {"facecolor": LIGHT["paper"], "edgecolor": "none", "pad": 1.5}  # so that no line runs through a heading


@dataclass(frozen=True)
class Row:
    """One line of a forest.

    Attributes:
        label: what it is about.
        estimate: its number with its interval.
        strong: whether the eye should find it first.
        raw: the same number before a model drew it in, where there is one.
        truth: the true number, where it is known.
        doubtful: whether a check failed that could undo it: its dot is hollow.
    """

    label: str
    estimate: Estimate
    strong: bool
    raw: float | None = None
    truth: float | None = None
    doubtful: bool = False


@dataclass(frozen=True)
class Group:
    """Rows under one heading; without a heading when the title is empty."""

    title: str
    rows: tuple[Row, ...]


@dataclass(frozen=True)
class Line:
    """What the rows are compared with."""

    at: float
    label: str


def forest(groups: Sequence[Group], line: Line | None, width: float) -> Any:
    """Draw groups of rows with their intervals, numbers at the right, and the line."""
    rows = [row for group in groups for row in group.rows]
    unit = rows[0].estimate.unit
    left = min(max(text_width(one_line(row.label)) for row in rows) + 14, (0.42 if narrow(width) else 0.38) * width)
    right = 52.0 if narrow(width) else 156.0
    top = 30.0 if line else 10.0
    tall = sum(ROW * len(group.rows) + HEADING * bool(group.title) for group in groups) + 6
    figure, axes = sheet(width, tall + top + 26, left=left, right=right, top=top, bottom=26)
    axes.set_ylim(tall, 0)
    axes.set_yticks([])
    axes.set_xlim(*_ends(rows, line, unit))
    unit_axis(axes.xaxis, unit, ticks=4 if narrow(width) else 6)
    across = axes.get_yaxis_transform()
    if line:
        axes.axvline(line.at, color=LIGHT["ink"], linewidth=1, linestyle=(0, (4, 3)), zorder=1)
        _name_line(axes, line)
    y = 3.0
    for group in groups:
        if group.title:
            y += HEADING
            write(
                axes,
                -left / (width - left - right),
                y - 11,
                fitted(group.title, 0.9 * width),
                transform=across,
                fontweight="bold",
            )
        for row in group.rows:
            y += ROW
            _draw(axes, row, y - ROW / 2, left - 12, wide=not narrow(width))
    return figure


def _ends(rows: list[Row], line: Line | None, unit: str) -> tuple[float, float]:
    shown = [number for row in rows for number in (row.estimate.low, row.estimate.high, row.estimate.value, row.raw, row.truth)]
    return span([number for number in shown if number is not None and isfinite(number)] + ([line.at] if line else []), unit)


def _name_line(axes: Any, line: Line) -> None:
    low, high = axes.get_xlim()
    place = (line.at - low) / (high - low)
    side = "left" if place < 0.25 else "right" if place > 0.75 else "center"  # noqa: PLR2004 - so that it stays on the sheet
    write(axes, line.at, -14, line.label, fontsize=NOTE, color=LIGHT["muted"], ha=side)


def _draw(axes: Any, row: Row, y: float, room: float, *, wide: bool) -> None:
    estimate = row.estimate
    colour = LIGHT["accent"] if row.strong else LIGHT["muted"]
    low, high = axes.get_xlim()
    axes.plot(
        [max(estimate.low, low), min(estimate.high, high)], [y, y], color=colour, linewidth=2.2, solid_capstyle="butt", zorder=2
    )
    if row.raw is not None:
        axes.plot([row.raw], [y], "o", markersize=6, markerfacecolor=LIGHT["paper"], markeredgecolor=colour, zorder=3)
    filling = {"markerfacecolor": LIGHT["paper"], "markeredgewidth": 1.6} if row.doubtful else {"markeredgewidth": 0}
    axes.plot([estimate.value], [y], "o", markersize=6.5, color=colour, zorder=4, **filling)
    if row.truth is not None:
        axes.plot([row.truth], [y], "D", markersize=5, color=LIGHT["warm"], markeredgewidth=0, zorder=5)
    weight = "bold" if row.strong else "normal"
    write(axes, 0, y, fitted(row.label, room), transform=_shifted(axes, -10), ha="right")
    number = in_unit(estimate.value, estimate.unit, named=False)
    write(axes, 1, y, number, transform=_shifted(axes, 44), ha="right", fontweight=weight)
    if wide:
        write(
            axes, 1, y, interval(estimate.low, estimate.high, estimate.unit),
            transform=_shifted(axes, 152), ha="right", fontsize=NOTE, color=LIGHT["muted"],
        )  # fmt: skip


def _shifted(axes: Any, pixels: float) -> Any:
    from matplotlib.transforms import ScaledTranslation

    return axes.get_yaxis_transform() + ScaledTranslation(pixels / 72, 0, axes.figure.dpi_scale_trans)
