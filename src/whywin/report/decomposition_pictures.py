"""The picture of a change taken apart: its parts one after another, from nought to the whole."""

from collections.abc import Iterator
from functools import partial
from itertools import accumulate
from typing import Any, Final

import pandas as pd

from whywin.deals.derived import period_span
from whywin.evidence import Estimate
from whywin.report.canvas import NOTE, fitted, narrow, sheet, span, text_width, unit_axis, write
from whywin.report.numerals import coverage, in_unit, interval
from whywin.report.palette import LIGHT
from whywin.report.picture import MOST_ROWS, Picture, said
from whywin.studies import Run

ROW: Final = 26.0
THICK: Final = 12.0


def decomposition_pictures(run: Run) -> Iterator[Picture]:
    """Yield the parts of the change, where the answer takes one apart; nothing of another's."""
    table = run.headline.tables.get("decomposition")
    if table is not None and len(table):
        yield _parts(run, table)


def _parts(run: Run, table: pd.DataFrame) -> Picture:
    question: Any = run.plan.question
    there = {one.quantity: one for one in run.headline.estimates if one.segment == "all"}
    *parts, whole = [there[str(name)] for name in table["part"]][-MOST_ROWS:]
    rate, mix = there["rate effect"], there["mix effect"]
    because = f"rates {'fell' if rate.value < 0 else 'rose'}" if abs(rate.value) >= abs(mix.value) else "the mix of deals shifted"
    periods = f"from {period_span(question.baseline, question.grain)} to {period_span(question.current, question.grain)}"
    title = f"{in_unit(whole.value, 'points')} {periods}, mostly because {because}"
    if abs(there["chance"].value) >= max(abs(rate.value), abs(mix.value)):
        title = f"{in_unit(whole.value, 'points')} {periods}, mostly by chance"
    says = f"Rate effect {said(rate)}, mix effect {said(mix)}, chance {said(there['chance'])}."
    key = (
        f"Bars: the parts of the change in points of win rate, each from where the one above ends, which sum to the whole at the "
        f"bottom. Line: {coverage(whole.level)} interval of each part. Blue: the interval leaves out nought; grey: it does not."
    )
    return Picture("decomposition", title, says, key, partial(_waterfall, parts, whole))


def _waterfall(parts: list[Estimate], whole: Estimate, width: float) -> Any:
    ends = list(accumulate((one.value for one in parts), initial=0.0))
    rows = [*zip(parts, ends, strict=False), (whole, 0.0)]
    left = min(max(text_width(_label(one)) for one, _ in rows) + 14, (0.42 if narrow(width) else 0.38) * width)
    right, tall = 52.0 if narrow(width) else 156.0, ROW * len(rows) + 6
    figure, axes = sheet(width, tall + 36, left=left, right=right, top=10, bottom=26)
    axes.set_ylim(tall, 0)
    axes.set_yticks([])
    axes.set_xlim(*span([0.0, *(start + end for one, start in rows for end in (one.low, one.high))], "points"))
    unit_axis(axes.xaxis, "points", ticks=4 if narrow(width) else 6)
    axes.axvline(0, color=LIGHT["ink"], linewidth=1, zorder=1)
    for place, (one, start) in enumerate(rows):
        y = 3 + ROW * (place + 0.5)
        _bar(axes, one, start, y, last=place == len(rows) - 1)
        _words(axes, one, y, left, right, width)
    return figure


def _bar(axes: Any, one: Estimate, start: float, y: float, *, last: bool) -> None:
    clear = one.low > 0 or one.high < 0
    colour = LIGHT["ink"] if last else LIGHT["accent"] if clear else LIGHT["muted"]
    end = start + one.value
    axes.barh([y], [one.value], left=start, height=THICK, color=colour, alpha=0.45, linewidth=0, zorder=2)
    axes.plot([start + one.low, start + one.high], [y, y], color=colour, linewidth=1.6, solid_capstyle="butt", zorder=3)
    if not last:
        axes.plot([end, end], [y, y + ROW], color=LIGHT["rule"], linewidth=1, zorder=1)


def _words(axes: Any, one: Estimate, y: float, left: float, right: float, width: float) -> None:
    across, inner = axes.get_yaxis_transform(), width - left - right
    weight = "bold" if one.low > 0 or one.high < 0 else "normal"
    write(axes, -10 / inner, y, fitted(_label(one), left - 12), transform=across, ha="right")
    number = in_unit(one.value, one.unit, named=False)
    write(axes, 1 + 44 / inner, y, number, transform=across, ha="right", fontweight=weight)
    if not narrow(width):
        ends = interval(one.low, one.high, one.unit)
        write(axes, 1 + 152 / inner, y, ends, transform=across, ha="right", fontsize=NOTE, color=LIGHT["muted"])


def _label(one: Estimate) -> str:
    return one.quantity.replace("_", " ")
