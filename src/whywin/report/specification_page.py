"""The page of a sweep as one HTML file: the specification curve, what each choice does, and every specification."""

from collections.abc import Mapping
from typing import Any, Final

from whywin.report import contents
from whywin.report.document import drawn, rendered, unbroken
from whywin.report.numerals import NOTHING, count, coverage, in_unit, interval, one_line
from whywin.report.specification import Curve, Specification, by_choice, sentence
from whywin.report.specification_pictures import specification_picture
from whywin.report.tables import View
from whywin.report.words import readable

_NUMBERS: Final = ("lowest", "median", "highest")


def sweep_page(curve: Curve, *, text: str, repeat: str, recorded: Mapping[str, str]) -> str:
    """Return a sweep as one HTML file that needs nothing else.

    Args:
        curve: its specifications.
        text: its configs as YAML.
        repeat: the command that repeats it.
        recorded: label and value of what is shown at the foot.
    """
    picture = specification_picture(curve)
    placed = {place.specification.number: place.estimate for place in curve.places}
    ordered = [*(place.specification for place in curve.places), *(one for one in curve.all if one.number not in placed)]
    levels = {estimate.level for estimate in placed.values()}
    return rendered(
        "sweep.html.j2",
        name=curve.name,
        description=curve.description,
        answer=unbroken(sentence(curve)),
        sound=curve.sound == len(curve.all),
        undone=len(curve.all) - curve.sound,
        count=len(curve.all),
        picture=drawn(picture) if picture else None,
        choices=_choices(curve),
        headings=[readable(key.rpartition(".")[2]) for key in curve.keys],
        between=f"{coverage(levels.pop())} interval" if len(levels) == 1 else "interval",
        rows=[_row(curve, one, placed.get(one.number)) for one in ordered],
        plan_text=text,
        repeat=repeat,
        foot=contents.foot(recorded),
    )


def sweep_figures(curve: Curve) -> dict[str, str]:
    """Return the picture of a sweep as SVG text by name."""
    picture = specification_picture(curve)
    return {picture.name: picture.svg(wide=True)} if picture else {}


def _choices(curve: Curve) -> View:
    frame = by_choice(curve)
    rows = tuple(
        (
            one_line(row["choice"]), readable(str(row["key"]).rpartition(".")[2]),
            *(in_unit(float(row[name]), curve.unit) for name in _NUMBERS),
            *(count(row[name]) for name in ("specifications", "sound", "failed")),
        )
        for row in frame.to_dict("records")
    )  # fmt: skip
    says = "The estimates of the specifications that made this choice, whatever else they chose."
    headings = ("choice", "of", *_NUMBERS, "specifications", "sound", "failed to run")
    return View("What each choice does", headings, (False, False, *(True,) * 6), rows, says)


def _row(curve: Curve, one: Specification, estimate: Any) -> dict[str, Any]:
    numbers = (NOTHING, NOTHING, NOTHING)
    if estimate is not None:
        ends = interval(estimate.low, estimate.high, estimate.unit)
        numbers = (in_unit(estimate.value, estimate.unit), ends, count(estimate.n))
    said = one.failure or (f"check {', '.join(map(readable, one.undone))}" if one.undone else "nothing")
    return {
        "number": one.number,
        "choices": [one_line(one.choices.get(key, NOTHING)) for key in curve.keys],
        "numbers": numbers,
        "grade": one.grade or NOTHING,
        "checks": one_line(said, 300),
        "run": one.run[:8],
        "link": one.link,
    }
