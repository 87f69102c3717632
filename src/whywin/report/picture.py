"""A picture of a run before it is drawn, and what several of them share."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from whywin.evidence import Estimate
from whywin.report.canvas import NARROW, WIDE
from whywin.report.numerals import in_unit, interval
from whywin.report.svg import own_style, svg_of
from whywin.studies import Run

Truth = Mapping[tuple[str, str], float]
MOST_ROWS: Final = 24


@dataclass(frozen=True)
class Picture:
    """A picture that can be drawn at any width.

    Attributes:
        name: short name, the artifact's file name.
        title: the finding in a few words; read aloud first.
        says: what it shows with the main numbers, for those who do not see it.
        key: how to read it, shown below it.
        draw: from a width in pixels to a matplotlib figure.
    """

    name: str
    title: str
    says: str
    key: str
    draw: Callable[[float], Any]

    def svg(self, *, wide: bool) -> str:
        """Return the picture as SVG text, for a screen or for a telephone."""
        return svg_of(
            self.figure(WIDE if wide else NARROW),
            name=self.name if wide else f"{self.name}-narrow",
            title=self.title,
            description=f"{self.says} {self.key}",
        )

    def figure(self, width: float = WIDE) -> Any:
        """Return the picture as a matplotlib figure that no window knows of."""
        with own_style():
            return self.draw(width)


def truth_of(run: Run) -> Truth:
    """Return the true values by quantity and segment; nothing when the world is the real one."""
    if run.truth is None:
        return {}
    known = run.truth[["quantity", "segment", "value"]].dropna().itertuples(index=False, name=None)
    return {(str(quantity), str(segment)): float(value) for quantity, segment, value in known}


def split(segment: str, dimensions: Iterable[str] = ()) -> tuple[str, str]:
    """Return the dimension and the level of a segment; the question's own dimensions tell where a name itself has an equals sign."""
    named = next((name for name in sorted(dimensions, key=len, reverse=True) if segment.startswith(f"{name}=")), None)
    name, _, level = (named, "=", segment[len(named) + 1 :]) if named else segment.partition("=")
    return name, level


def dimensions_of(run: Run) -> tuple[str, ...]:
    """Return the columns that a run's question splits the deals by, where it names them."""
    return tuple(getattr(run.plan.question, "dimensions", ()))


def of_quantity(estimates: Iterable[Estimate], quantity: str) -> Iterator[Estimate]:
    """Yield the estimates of one quantity."""
    return (estimate for estimate in estimates if estimate.quantity == quantity)


def said(estimate: Estimate) -> str:
    """Return an estimate with its interval, as it is read aloud."""
    ends = interval(estimate.low, estimate.high, estimate.unit, named=True)
    return f"{in_unit(estimate.value, estimate.unit)} ({ends})"


def column_like(frame: pd.DataFrame, *words: str) -> str | None:
    """Return the first column whose name contains one of the words, the earlier words first."""
    names = [str(name) for name in frame.columns]
    return next((name for word in words for name in names if word in name.lower()), None)


def numbers(frame: pd.DataFrame, name: str | None) -> pd.Series:
    """Return a column as numbers, what is none as missing."""
    return pd.to_numeric(frame[name], errors="coerce") if name else pd.Series(dtype=float)
