"""A sheet to draw on: pixels as units, a quiet axis, and text that is never taken for a formula."""

import re
import unicodedata
from functools import cache
from typing import Any, Final

from whywin.report.numerals import in_unit, one_line
from whywin.report.palette import LIGHT

WIDE: Final = 720
NARROW: Final = 368
SMALL: Final = 500  # a sheet less wide than this is drawn for a telephone
TEXT: Final = 12.0
NOTE: Final = 11.0


def narrow(width: float) -> bool:
    """Whether a sheet of this width is drawn for a telephone."""
    return width < SMALL


def text_width(text: str, size: float = TEXT) -> float:
    """Return how many pixels a text takes at most: in DejaVu Sans, which runs wider than what browsers use instead of it."""
    return sum(map(_advance, text)) * size


def fitted(text: object, pixels: float, size: float = TEXT) -> str:
    """Return a text on one line, cut with an ellipsis where it would take more than so many pixels."""
    line = one_line(text, 200)
    while len(line) > 1 and text_width(line, size) > pixels:
        line = line.removesuffix("…")[:-1].rstrip() + "…"
    return line


@cache
def _advance(sign: str) -> float:
    """Width of one sign as a share of the letters' size; a sign that the font lacks is as wide as it is high."""
    from matplotlib.font_manager import FontProperties, findfont, get_font

    if unicodedata.combining(sign):
        return 0.0
    font = get_font(findfont(FontProperties("DejaVu Sans")))
    if not font.get_char_index(ord(sign)):
        return 1.0
    font.set_size(100, 72)
    return float(font.load_char(ord(sign)).linearHoriAdvance) / 65536 / 100


def sheet(width: float, height: float, *, left: float, right: float, top: float, bottom: float) -> tuple[Any, Any]:
    """Return a figure and its axes, with margins in pixels."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width / 72, height / 72), dpi=144, facecolor=LIGHT["paper"])
    place = (left / width, bottom / height, (width - left - right) / width, (height - top - bottom) / height)
    axes = figure.add_axes(place, facecolor="none")
    for side in ("left", "right", "top"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(LIGHT["rule"])
    axes.tick_params(axis="both", length=0, labelsize=NOTE, labelcolor=LIGHT["muted"], pad=5)
    axes.set_axisbelow(True)
    return figure, axes


def write(axes: Any, x: float, y: float, text: str, **settings: Any) -> None:
    """Write text on one line; a dollar sign is a dollar sign."""
    style = {"fontsize": TEXT, "color": LIGHT["ink"], "va": "center", "parse_math": False, "clip_on": False} | settings
    axes.text(x, y, one_line(text), **style)


def unit_axis(axis: Any, unit: str, *, ticks: int) -> None:
    """Give an axis few round ticks, written in its unit, and a faint grid."""
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axis.set_major_locator(MaxNLocator(nbins=ticks, steps=[1, 2, 5, 10]))
    axis.set_major_formatter(FuncFormatter(lambda value, _: tick_text(value, unit)))
    axis.grid(visible=True, color=LIGHT["rule"], linewidth=0.6)


def tick_text(value: float, unit: str) -> str:
    """Return a tick's label: whole numbers without decimals."""
    text = in_unit(value, unit, named=unit == "percent")
    # not everything with decimals has one: a large number has none, a small one has two
    return re.sub(r"\.0+(?!\d)", "", text, count=1) if abs(value - round(value)) < 1e-9 else text  # noqa: PLR2004 - rounding of a sum of steps


def span(values: list[float], unit: str) -> tuple[float, float]:
    """Return the ends of an axis that shows all values, with some air; percents stay within 0 and 100."""
    low, high = min(values), max(values)
    air = 0.05 * (high - low) or 1.0
    low, high = low - air, high + air
    if unit == "percent":
        low, high = max(low, -1.5), min(high, 101.5)
    return low, high
