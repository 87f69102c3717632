"""Pictures of win rates: the segments against the company, the periods over time, the changes."""

from collections.abc import Iterator
from functools import partial
from typing import Any, Final

from whywin.deals.derived import period_span
from whywin.evidence import Estimate
from whywin.report.canvas import TEXT, sheet, span, text_width, unit_axis, write
from whywin.report.forest import Group, Line, Row, forest
from whywin.report.numerals import coverage, in_unit, one_line
from whywin.report.palette import LIGHT
from whywin.report.picture import MOST_ROWS, Picture, Truth, dimensions_of, of_quantity, said, split, truth_of
from whywin.studies import Run
from whywin.winrates.question import WinRates

MISSING: Final = "(missing)"
TALL: Final = 250.0


def rate_pictures(run: Run) -> Iterator[Picture]:
    """Yield what can be drawn of the answer: segments, periods, changes."""
    question, truth = run.plan.question, truth_of(run)
    assert isinstance(question, WinRates)  # noqa: S101 - the kind was looked at
    estimates = run.headline.estimates
    company = next((e for e in estimates if (e.quantity, e.segment) == ("win rate", "all")), None)
    levels = [e for e in of_quantity(estimates, "win rate") if e.segment != "all"]
    periods = [e for e in levels if question.period and e.segment.startswith(f"{question.period}=")]
    rows = [_row(run, e, truth) for e in levels if e not in periods]
    if rows:
        yield _segments(rows, company, question.dimensions, apart=bool(periods))
    periods = sorted((e for e in periods if not e.segment.endswith(f"={MISSING}")), key=lambda e: e.segment)
    if len(periods) > 1:
        yield _periods(question, periods, company, truth)
    changes = list(of_quantity(estimates, "change in win rate"))
    if changes:
        yield _changes(question, changes, truth)


def _row(run: Run, estimate: Estimate, truth: Truth) -> Row:
    found = run.headline.tables.get("segments")
    strong, raw = True, None
    if found is not None and {"dimension", "level"} <= set(found.columns):
        own = found[(found["dimension"].astype(str) + "=" + found["level"].astype(str)) == estimate.segment]
        strong = bool(len(own) and own["different"].iloc[0]) if "different" in own else True
        raw = float(own["raw"].iloc[0]) if len(own) and "raw" in own else None
    label = split(estimate.segment, dimensions_of(run))[1]
    return Row(label, estimate, strong, raw, truth.get((estimate.quantity, estimate.segment)))


def _segments(rows: list[Row], company: Estimate | None, dimensions: tuple[str, ...], *, apart: bool) -> Picture:
    line = Line(company.value, f"company {in_unit(company.value, company.unit)}") if company else None
    shown = most_notable(rows, company.value if company else None)
    modelled = any(row.raw is not None for row in rows)
    named = [row for row in rows if row.strong] if modelled else []
    ends = sorted(rows, key=lambda row: row.estimate.value)
    low, high = (f"{one_line(row.estimate.segment)} with {said(row.estimate)}" for row in (ends[0], ends[-1]))
    title = (
        f"{len(named)} of {len(rows)} segments differ detectably from the company"
        if named
        else "No segment differs detectably from the company"
        if modelled
        else f"Observed win rates of {len(rows)} segments"
    )
    title += ", periods apart" if apart and modelled else ""
    against = f" The company's win rate is {said(company)}." if company else ""
    return Picture(
        "segments", title, f"Highest is {high}, lowest {low}.{against}", _key(shown, len(rows), modelled=modelled),
        partial(forest, grouped(shown, dimensions), line),
    )  # fmt: skip


def _key(shown: list[Row], count: int, *, modelled: bool) -> str:
    level = coverage(shown[0].estimate.level)
    parts = [f"Dot and bar: {'pooled' if modelled else 'observed'} win rate with its {level} interval."]
    if modelled:
        parts.append("Hollow dot: the rate as observed. Blue and bold: differs detectably; grey: does not.")
    parts.append("Dashed line: the company.")
    if any(row.truth is not None for row in shown):
        parts.append("Diamond: the truth of the made-up world.")
    if len(shown) < count:
        parts.append(
            f"The {len(shown)} of {count:,} segments furthest off the company for their interval; all are in the tables."
        )
    return " ".join(parts)


def most_notable(rows: list[Row], company: float | None, most: int = MOST_ROWS) -> list[Row]:
    """Return at most so many rows: first those that differ, then those furthest off for their interval; in the order they came."""
    if len(rows) <= most or company is None:
        return rows[:most]

    def rank(row: Row) -> tuple[bool, float]:
        half = max(row.estimate.high - row.estimate.low, 1e-9)
        return (not row.strong, -abs(row.estimate.value - company) / half)

    chosen = {id(row) for row in sorted(rows, key=rank)[:most]}
    return [row for row in rows if id(row) in chosen]


def grouped(rows: list[Row], dimensions: tuple[str, ...]) -> list[Group]:
    """Return the rows by dimension, the highest rate first."""
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(split(row.estimate.segment, dimensions)[0], []).append(row)
    return [
        Group(name.replace("_", " "), tuple(sorted(group, key=lambda row: -row.estimate.value))) for name, group in groups.items()
    ]


def _changes(question: WinRates, changes: list[Estimate], truth: Truth) -> Picture:
    rows = []
    for estimate in changes:
        label = "all deals" if estimate.segment == "all" else ": ".join(split(estimate.segment, question.dimensions))
        clear = estimate.low > 0 or estimate.high < 0
        rows.append(Row(label, estimate, clear, None, truth.get((estimate.quantity, estimate.segment))))
    whole = [row for row in rows if row.estimate.segment == "all"]
    parts = [row for row in rows if row.estimate.segment != "all"]
    shown = [*whole, *most_notable(parts, 0.0, MOST_ROWS - len(whole))]
    clear_rows, periods = (
        sum(row.strong for row in rows),
        f"from {period_span(question.baseline, question.grain)} to {period_span(question.current, question.grain)}",
    )
    title = f"{clear_rows} of {len(rows)} changes {periods} have an interval that leaves out nought"
    if not clear_rows:
        title = f"Every change {periods} has an interval that includes nought"
    key = [f"Dot and bar: change of the win rate in points {periods}, with its {coverage(changes[0].level)} interval."]
    key.append("Blue and bold: the interval leaves out nought. Dashed line: no change.")
    if any(row.truth is not None for row in shown):
        key.append("Diamond: the truth of the made-up world.")
    if len(shown) < len(rows):
        key.append(f"The {len(shown)} most notable of {len(rows):,}; all are in the tables.")
    says, drawn = f"{one_line(shown[0].label)}: {said(shown[0].estimate)}.", [Group("", tuple(shown))]
    return Picture("changes", title, says, " ".join(key), partial(forest, drawn, Line(0.0, "no change")))


def _periods(question: WinRates, periods: list[Estimate], company: Estimate | None, truth: Truth) -> Picture:
    word = str(question.grain)
    low, high = min(periods, key=lambda e: e.value), max(periods, key=lambda e: e.value)
    label = {id(e): e.segment.partition("=")[2] for e in periods}
    title = f"Win rate by {word}, {label[id(periods[0])]} to {label[id(periods[-1])]}"
    says = f"Highest in {label[id(high)]}, {said(high)}; lowest in {label[id(low)]}, {said(low)}."
    key = f"Dot and bar: win rate by {word} of {question.time} date with its {coverage(periods[0].level)} interval."
    key += " Dashed line: the company." if company else ""
    if question.current:
        key += f" Blue: {period_span(question.current, question.grain)}, the {word}{'s' if len(question.current) > 1 else ''} in question."
    if any((e.quantity, e.segment) in truth for e in periods):
        key += " Diamond: the truth of the made-up world."
    return Picture("periods", title, says, key, partial(_over_time, question, periods, company, truth))


def _over_time(question: WinRates, periods: list[Estimate], company: Estimate | None, truth: Truth, width: float) -> Any:
    figure, axes = sheet(width, TALL, left=44, right=14, top=12, bottom=30)
    labels = [one_line(e.segment.partition("=")[2], 12) for e in periods]
    known = [(place, truth[e.quantity, e.segment]) for place, e in enumerate(periods) if (e.quantity, e.segment) in truth]
    ends = [*(e.low for e in periods), *(e.high for e in periods), *(value for _, value in known)]
    axes.set_xlim(-0.6, len(periods) - 0.4)
    axes.set_ylim(*span(ends + ([company.value] if company else []), "percent"))
    unit_axis(axes.yaxis, "percent", ticks=5)
    if company:
        axes.axhline(company.value, color=LIGHT["ink"], linewidth=1, linestyle=(0, (4, 3)), zorder=1)
    axes.plot(range(len(periods)), [e.value for e in periods], color=LIGHT["rule"], linewidth=1.5, zorder=1)
    for place, estimate in enumerate(periods):
        now = labels[place] in question.current or not question.current
        colour = LIGHT["accent"] if now else LIGHT["muted"]
        axes.plot([place, place], [estimate.low, estimate.high], color=colour, linewidth=2.2, zorder=2)
        axes.plot([place], [estimate.value], "o", markersize=6.5, color=colour, markeredgewidth=0, zorder=3)
    for place, value in known:
        axes.plot([place], [value], "D", markersize=5, color=LIGHT["warm"], markeredgewidth=0, zorder=4)
    room = (width - 58) / len(periods)
    every = max(1, -int(-(max(map(text_width, labels)) + 8) // room))
    axes.set_xticks([])
    for place in range(0, len(periods), every):
        across = axes.get_xaxis_transform()
        write(axes, place, -0.075, labels[place], transform=across, ha="center", color=LIGHT["muted"], fontsize=TEXT - 1)
    return figure
