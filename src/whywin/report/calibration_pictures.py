"""The calibration card as a picture: how often each method finds an effect that is not there, and how often one that is."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd

from whywin.report.canvas import NOTE, fitted, narrow, sheet, text_width, unit_axis, write
from whywin.report.numerals import SPACE, decimal, in_unit, one_line
from whywin.report.palette import LIGHT
from whywin.report.picture import Picture
from whywin.studies import Run
from whywin.trials.question import Trial

ROW: Final = 46.0


def calibration_pictures(run: Run) -> Iterator[Picture]:
    """Yield the calibration card's picture where a card was made."""
    table = run.headline.tables.get("calibration")
    question = run.plan.question
    if table is None or table.empty or not isinstance(question, Trial):
        return
    promised = 100 * (1 - question.level)
    first = table.iloc[0]
    alarms = 100 * float(first["false_alarms"])
    title = f"Where nothing was tried, {one_line(first['method'])} finds an effect in {decimal(alarms)}{SPACE}% of the trials"
    says = f"It says {promised:g}{SPACE}%. Tried on {first['tried_on']}."
    if np.isfinite(first["power_at_margin"]):
        unit = "points" if question.primary.is_rate else "number"
        says += f" One of {in_unit(float(first['margin']), unit)} would be found in {decimal(100 * float(first['power_at_margin']), 0)}{SPACE}%."
    key = (
        f"Dot: share of trials without an effect in which the method finds one. Bar: where a method that is right may lie, for units are few "
        f"and differ. Upright line: the {promised:g}{SPACE}% that are promised. Diamond: share in which an effect of the margin's size is found."
    )
    yield Picture("calibration", title, says, key, partial(_drawn, table, promised))


def _drawn(table: pd.DataFrame, promised: float, width: float) -> Any:
    labels = [fitted(name, 0.3 * width) for name in table["method"]]
    left = max(text_width(label) for label in labels) + 16
    height = ROW * len(table) + 54
    figure, axes = sheet(width, height, left=left, right=18, top=8, bottom=46)
    shares = 100 * table[["false_alarms", "high", "power_at_margin"]].to_numpy(dtype=float)
    axes.set_xlim(0, min(1.08 * float(np.nanmax(shares)), 101))
    axes.set_ylim(len(table) - 0.4, -0.6)
    axes.set_yticks([])
    unit_axis(axes.xaxis, "percent", ticks=4 if narrow(width) else 7)
    axes.axvline(promised, color=LIGHT["ink"], linewidth=1.4, zorder=1)
    for place, row in enumerate(table.to_dict("records")):
        bad = row["false_alarms"] > row["high"]
        colour = LIGHT["bad"] if bad else LIGHT["accent"]
        axes.plot([100 * row["low"], 100 * row["high"]], [place, place], color=LIGHT["rule"], linewidth=7, zorder=2)
        axes.plot(100 * row["false_alarms"], place, "o", markersize=8, color=colour, markeredgewidth=0, zorder=4)
        if np.isfinite(row["power_at_margin"]):
            axes.plot(100 * row["power_at_margin"], place, "D", markersize=7, color=LIGHT["warm"], markeredgewidth=0, zorder=3)
        across = axes.get_yaxis_transform()
        write(
            axes,
            -8 / (width - left - 18),
            place,
            labels[place],
            transform=across,
            ha="right",
            color=colour if bad else LIGHT["ink"],
        )
    write(axes, 0, -38 / (height - 54), "share of trials", transform=axes.transAxes, color=LIGHT["muted"], fontsize=NOTE)
    return figure
