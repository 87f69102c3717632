"""How numbers are written for people: with a unit, a typographic sign, and no more digits than the noise allows."""

import math
import re
import unicodedata
from numbers import Integral, Real
from typing import Any, Final

import numpy as np
import pandas as pd

from whywin.evidence import Estimate

SPACE: Final = "\u00a0"  # between a number and its unit, where a line must not break
MINUS: Final = "\u2212"
NOTHING: Final = "\u2013"
_GAPS: Final = re.compile(r"[^\S\u00a0]+")  # a space that must not break stays one
_UNITS: Final = {"percent": f"{SPACE}%", "points": f"{SPACE}points", "share": "", "number": ""}
_KEPT_CONTROLS: Final = frozenset("\n\t")
_TURNING: Final = frozenset(map(chr, (*range(0x202A, 0x202F), *range(0x2066, 0x206A))))  # they change the order of what follows


def decimal(value: float, digits: int = 1, *, signed: bool = False) -> str:
    """Return a number with so many decimals; a sign before what is not nought when `signed`."""
    if math.isnan(value):
        return NOTHING
    text = f"{abs(value):,.{digits}f}" if math.isfinite(value) else "∞"
    if not any(digit in text for digit in "123456789∞"):
        return text
    sign = MINUS if value < 0 else "+" if signed else ""
    return sign + text


def probability(value: float) -> str:
    """Return a probability or a p-value: two decimals, three below .1, and never a flat nought or one."""
    if not math.isfinite(value):
        return NOTHING
    for bound, text in ((value < 0.001, "< 0.001"), (value > 0.999, "> 0.999")):  # noqa: PLR2004 - what is written then
        if bound and 0 <= value <= 1:
            return text
    return decimal(value, 3 if value < 0.1 or value > 0.99 else 2)  # noqa: PLR2004 - where a third decimal says something


def significant(value: float, digits: int = 3) -> str:
    """Return a number of unknown meaning with three significant digits, in full rather than in powers of ten where that is short."""
    if not math.isfinite(value):
        return decimal(value)
    size = math.floor(math.log10(abs(value))) if value else 0
    if size < -4 or size > 11:  # noqa: PLR2004 - beyond these a reader counts noughts
        return f"{value:.{digits - 1}e}".replace("-", MINUS)
    return decimal(value, max(digits - 1 - size, 0))


def in_unit(value: float, unit: str, *, named: bool = True) -> str:
    """Return a value as its unit wants it: percent and points with one decimal, points with their sign."""
    match unit:
        case "percent":
            text = decimal(value)
        case "points":
            text = decimal(value, signed=True)
        case "deals":
            text = decimal(value, 0)
        case _:
            text = significant(value)
    return text + (_UNITS.get(unit, f"{SPACE}{unit}") if named and text != NOTHING else "")


def interval(low: float, high: float, unit: str, *, named: bool = False) -> str:
    """Return an interval in words, such as "40.1 to 50.6"."""
    return f"{in_unit(low, unit, named=False)} to {in_unit(high, unit, named=named)}"


def estimate_text(estimate: Estimate) -> str:
    """Return an estimate with its unit and its interval."""
    ends = interval(estimate.low, estimate.high, estimate.unit)
    return f"{in_unit(estimate.value, estimate.unit)} ({ends})"


def coverage(level: float) -> str:
    """Return an interval's nominal coverage, such as "95 %"."""
    return f"{100 * level:g}{SPACE}%"


def count(value: float) -> str:
    """Return a number of things."""
    return decimal(float(value), 0)


def plain(value: Any) -> str:
    """Return a cell of a table whose meaning is not known."""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if value is None or (pd.api.types.is_scalar(value) and pd.isna(value)):
        return NOTHING
    if isinstance(value, Integral):
        return count(int(value))
    if isinstance(value, Real):
        return significant(float(value))
    return str(value)


def clean(text: str) -> str:
    """Return a text without what a page or a picture cannot hold: control characters, halves of characters, and turns of direction."""
    return "".join(sign for sign in text if _fit(sign))


def _fit(sign: str) -> bool:
    if sign in _KEPT_CONTROLS:
        return True
    return sign not in _TURNING and sign not in "\ufffe\uffff" and unicodedata.category(sign) not in {"Cc", "Cs"}


def one_line(text: object, longest: int = 10_000) -> str:
    """Return a label on one line, cut with an ellipsis when it is longer than `longest`."""
    line = _GAPS.sub(" ", clean(str(text))).strip() or "(empty)"
    return line if len(line) <= longest else line[: longest - 1].rstrip() + "…"
