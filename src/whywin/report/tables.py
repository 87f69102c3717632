"""Tables of the page as plain text cells: from data frames, and from estimates set side by side."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from whywin.evidence import Estimate
from whywin.report.numerals import (
    NOTHING,
    count,
    coverage,
    decimal,
    estimate_text,
    in_unit,
    interval,
    one_line,
    plain,
    probability,
    significant,
)
from whywin.report.picture import Truth
from whywin.report.words import readable

FOLDED: Final = 30  # a table with more rows is folded
LONG: Final = 80  # a folded table with more rows is not printed
_SHARES: Final = ("drawn_in", "level", "share", "share_low", "share_high", "outside")
_PERCENTS: Final = ("raw", "pooled", "low", "high", "rate", "mean")
_POINTS: Final = ("between_sd", "points", "before", "now", "change", "fixed_mix", "fixed_low", "fixed_high", "widest_seen")
_PLAIN: Final = ("variance_ratio", "ks_", "score", "chance")
_EDGES: Final = ("from", "to")
_COUNTS: Final = ("deals", "units", "n", "row", "compared", "effective", "treated", "controls", "rank", "rank_low", "rank_high")


@dataclass(frozen=True)
class View:
    """A table as the page shows it.

    Attributes:
        caption: what it is.
        headings: one a column.
        numeric: for each column whether it holds numbers, which are set right.
        rows: cells as text; the first of each row heads it.
        says: a sentence on how to read it.
    """

    caption: str
    headings: tuple[str, ...]
    numeric: tuple[bool, ...]
    rows: tuple[tuple[str, ...], ...]
    says: str = ""

    @property
    def folded(self) -> bool:
        """Whether it is too long to stand open."""
        return len(self.rows) > FOLDED

    @property
    def long(self) -> bool:
        """Whether it is too long to be printed."""
        return len(self.rows) > LONG


def view_of(frame: pd.DataFrame, caption: str, *, headings: Mapping[str, str] | None = None, says: str = "") -> View:
    """Return any data frame as a table; columns whose name tells what they hold are written as such."""
    named = _with_interval(frame if isinstance(frame.index, pd.RangeIndex) else frame.reset_index())
    names = [" ".join(map(str, name)) if isinstance(name, tuple) else str(name) for name in named.columns]
    columns, numeric = [], []
    for place, name in enumerate(names):
        column = named.iloc[:, place]
        figures = pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column)
        numeric.append(bool(figures) or name == "interval")
        columns.append([_cell(value, name, numeric=bool(figures)) for value in column])
    shown = tuple(one_line((headings or {}).get(name, readable(name))) for name in names)
    return View(caption, shown, tuple(numeric), tuple(zip(*columns, strict=True)) if columns else (), says)


def _with_interval(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with the columns low and high as one, where they stand side by side."""
    names = list(frame.columns)
    if "low" not in names or names[names.index("low") + 1 :][:1] != ["high"] or "interval" in names:
        return frame
    if not all(pd.api.types.is_numeric_dtype(frame[name]) for name in ("low", "high")):
        return frame
    write = decimal if frame[["low", "high"]].abs().max().max() >= 1 else significant
    ends = [
        NOTHING if pd.isna(low) and pd.isna(high) else f"{write(low)} to {write(high)}"
        for low, high in zip(frame["low"], frame["high"], strict=True)
    ]
    place = names.index("low")
    return pd.concat(
        [frame.iloc[:, :place], pd.DataFrame({"interval": ends}, index=frame.index), frame.iloc[:, place + 2 :]], axis=1
    )


def _cell(value: Any, name: str, *, numeric: bool) -> str:
    if not numeric:
        return plain(value) if not isinstance(value, str) else value
    if pd.isna(value):
        return NOTHING
    return _writer(name)(float(value)) if _writer(name) is not None else plain(value)


def _writer(name: str) -> Any:
    small = name.lower()
    for names, writer in (
        (_SHARES, lambda value: f"{decimal(100 * value, 0)}\u00a0%"),
        (_PERCENTS, decimal),
        (_POINTS, decimal),
        (_COUNTS, count),
        (("degrees",), decimal),
        (_EDGES, lambda value: decimal(value, 2)),
    ):
        if small in names:
            return writer
    if small in {"p", "pvalue"} or small.startswith("p_"):
        return probability
    if any(small.startswith(word) for word in _PLAIN):
        return lambda value: decimal(value, 2)
    if small.startswith("smd"):
        return lambda value: decimal(value, 2, signed=True)
    return None


def side_by_side(
    caption: str, by_method: Mapping[str, Iterable[Estimate]], truth: Truth, name: Callable[[str], str], heading: str
) -> View:
    """Return estimates of one quantity with a row a segment and a column a method; truth in the last column where it is known."""
    cells: dict[str, dict[str, Estimate]] = {}
    for label, estimates in by_method.items():
        for estimate in estimates:
            cells.setdefault(estimate.segment, {})[label] = estimate
    labels = [label for label in by_method if any(label in row for row in cells.values())]
    first = {segment: next(iter(row.values())) for segment, row in cells.items()}
    known = {segment: truth.get((one.quantity, segment)) for segment, one in first.items()}
    told = any(value is not None for value in known.values())
    rows = []
    for segment, row in cells.items():
        values = [estimate_text(row[label]) if label in row else NOTHING for label in labels]
        true = [NOTHING if known[segment] is None else in_unit(known[segment] or 0.0, first[segment].unit)] if told else []
        rows.append((name(segment), count(first[segment].n), *values, *true))
    level = coverage(next(iter(first.values())).level)
    headings = (heading, "deals", *(one_line(label) for label in labels), *(["truth"] if told else []))
    says = f"Estimate with its {level} interval in brackets, by method."
    return View(caption, headings, (False, *(True,) * (len(headings) - 1)), tuple(rows), says)


@dataclass(frozen=True)
class Standing:
    """What a method's answer rests on, as the page writes it beside its estimate: its effective number of deals, and its checks."""

    effective: str
    checks: str


def method_table(
    pairs: Sequence[tuple[str, Estimate]],
    grades: Mapping[str, str],
    truth: Truth,
    standing: Mapping[str, Standing] | None = None,
) -> View:
    """Return the main estimates, one row a method and quantity, with grade and truth; and with what each rests on, where it is given."""
    told = any((e.quantity, e.segment) in truth for _, e in pairs)
    split = any(e.segment != "all" for _, e in pairs)
    levels = {e.level for _, e in pairs}
    quantities = {e.quantity for _, e in pairs}
    single = standing is not None and len(quantities) == 1  # told in the caption, since the table is wide
    rows = []
    for label, e in pairs:
        true = truth.get((e.quantity, e.segment))
        ends = interval(e.low, e.high, e.unit) + (f" ({coverage(e.level)})" if len(levels) > 1 else "")
        verdict = NOTHING if true is None else f"{in_unit(true, e.unit)}, {'inside' if e.low <= true <= e.high else 'outside'}"
        rows.append((
            one_line(label), *([] if single else [one_line(e.quantity)]), *([one_line(e.segment.replace("=", " ", 1))] if split else []),
            in_unit(e.value, e.unit), ends, count(e.n), *([standing[label].effective, standing[label].checks] if standing else []),
            grades[label], *([verdict] if told else []),
        ))  # fmt: skip
    left = ["method", *([] if single else ["quantity"]), *(["segment"] if split else [])]
    between = f"{coverage(levels.pop())} interval" if len(levels) == 1 else "interval"
    rests = ["effective deals", "checks"] if standing else []
    numeric = (False,) * len(left) + (True, True, True) + ((True, False) if standing else ()) + (False,) + (True,) * told
    says = "The first method is the answer; the others stand beside it. Each interval is in the unit of its estimate."
    if standing:
        says += " Effective deals: what the treated and the untreated ones are worth once they are weighted."
    headings = (*left, "estimate", between, "deals", *rests, "grade", *(["truth"] if told else []))
    caption = f"Every method side by side: {one_line(quantities.pop())}" if single else "Every method side by side"
    return View(caption, headings, numeric, tuple(rows), says)
