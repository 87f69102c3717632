"""The picture of effects that differ: one row a segment, against the effect on all deals that are asked for."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from whywin.evidence import Estimate, Evidence
from whywin.report.forest import Group, Line, Row, forest
from whywin.report.numerals import coverage, one_line
from whywin.report.picture import Picture, said, split, truth_of
from whywin.report.words import readable
from whywin.studies import Run

MOST: Final = 30


def heterogeneity_pictures(run: Run) -> Iterator[Picture]:
    """Yield the effects by segment of the first method that tells any."""
    for label, evidence in run.evidence.items():
        rows = [row for row in evidence.estimates if row.segment != "all"]
        whole = next((row for row in evidence.estimates if row.segment == "all"), None)
        if rows and whole is not None and {row.unit for row in rows} == {whole.unit}:
            yield _segments(run, label, evidence, whole, rows[:MOST])
            return


def _segments(run: Run, label: str, evidence: Evidence, whole: Estimate, rows: list[Estimate]) -> Picture:
    truth, modifiers = truth_of(run), tuple(getattr(run.plan.question, "modifiers", ()))
    groups: dict[str, list[Row]] = {}
    for row in rows:
        column, level = split(row.segment, modifiers)
        groups.setdefault(readable(column), []).append(
            Row(level, row, not row.low <= whole.value <= row.high, None, truth.get((row.quantity, row.segment)))
        )
    check = next((check for check in evidence.checks if check.name == "heterogeneity"), None)
    title = (check.says.partition(" (")[0] if check else f"{whole.quantity.capitalize()} by segment").rstrip(".")
    says = "; ".join(f"{one_line(row.segment)}: {said(row)}" for row in rows)
    key = (
        f"Dot and bar: effect in {whole.unit} with its {coverage(whole.level)} interval, each by itself, by {one_line(label)}. Dashed line: the "
        "effect on all deals that are asked for. Blue: the interval leaves it out, as one in twenty does by chance."
    )
    if any(row.truth is not None for group in groups.values() for row in group):
        key += " Diamond: the truth of the made-up world."
    drawn = [Group(name, tuple(group)) for name, group in groups.items()]
    return Picture("effects_by_segment", one_line(title), f"{says}.", key, partial(forest, drawn, Line(whole.value, "all deals")))
