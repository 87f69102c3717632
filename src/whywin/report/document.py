"""The page of a run as HTML."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any, Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from whywin.report import contents
from whywin.report.numerals import clean, decimal
from whywin.report.palette import style_sheet
from whywin.report.picture import Picture
from whywin.report.pictures import pictures
from whywin.report.words import GRADES
from whywin.studies import Run

_BROKEN: Final = re.compile(r"(\d) (?=%|points\b)")  # no line breaks between a number and its unit


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("whywin.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=_finished,
    )


def _finished(value: Any) -> Any:
    return clean(value) if isinstance(value, str) and not isinstance(value, Markup) else value


def unbroken(text: str) -> str:
    """Return a text whose lines do not break between a number and its unit."""
    return _BROKEN.sub("\\1\u00a0", text)


def rendered(template: str, **values: Any) -> str:
    """Return a page of its own template, with our colours."""
    return _environment().get_template(template).render(colours=Markup(style_sheet(":root")), **values)  # noqa: S704 - our own palette


def document(run: Run, *, plan_text: str, repeat: str, recorded: Mapping[str, str]) -> str:
    """Return the page as text."""
    shown, others = contents.room_tables(run)
    found, beside = contents.parted(contents.findings(run), run.plan.headline)
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            run=run,
            answer=unbroken(run.answer),
            kind=contents.kind_words(run),
            colours=Markup(style_sheet(":root")),  # noqa: S704 - our own palette
            grade_means=GRADES[run.grade],
            undoing=contents.undoing(run),
            not_run=contents.not_run(run),
            pictures=[drawn(picture) for picture in pictures(run)],
            estimates=contents.main_estimates(run),
            by_segment=contents.segment_estimates(run),
            tables=shown,
            other_tables=others,
            findings=found,
            beside=beside,
            truth_says=contents.truth_sentence(run),
            facts=contents.deal_facts(run.deals),
            score=decimal(run.deals.quality.score),
            quality=contents.quality_view(run.deals),
            patterns=contents.pattern_findings(run.deals),
            quarantine=contents.quarantine_view(run.deals),
            source=contents.source_text(run.plan.source),
            plan_text=plan_text,
            repeat=repeat,
            foot=contents.foot(recorded),
        )
    )


def drawn(picture: Picture) -> dict[str, Any]:
    """Return a picture drawn for a screen and for a telephone; its texts were escaped when the SVG was written."""
    return {
        "name": picture.name,
        "title": picture.title,
        "key": picture.key,
        "wide": Markup(picture.svg(wide=True)),  # noqa: S704 - written by an XML serialiser
        "narrow": Markup(picture.svg(wide=False)),  # noqa: S704 - likewise
    }
