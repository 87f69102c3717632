"""Pages and figures from runs: the only room that knows matplotlib and Jinja2."""

from collections.abc import Mapping
from typing import Any

from whywin.errors import QuestionError
from whywin.report.contents import kind_words
from whywin.report.document import document
from whywin.report.pictures import pictures
from whywin.report.quarterly_document import as_pdf, quarterly_page
from whywin.studies import Run

__all__ = ["as_pdf", "figures", "page", "plot", "quarterly_page"]


def page(run: Run, *, plan_text: str, repeat: str, recorded: Mapping[str, str]) -> str:
    """Return a run as one HTML file that needs nothing else: the answer first, what it rests on below.

    Args:
        run: the plan and its evidence.
        plan_text: the plan as YAML.
        repeat: the command that repeats the run.
        recorded: label and value of what is shown at the foot; an address of this machine becomes a link.
    """
    return document(run, plan_text=plan_text, repeat=repeat, recorded=recorded)


def figures(run: Run) -> dict[str, str]:
    """Return the run's figures as SVG text by name, the answer's first; the same run gives the same bytes."""
    return {picture.name: picture.svg(wide=True) for picture in pictures(run)}


def plot(run: Run) -> Any:
    """Return the figure of the answer as a `matplotlib.figure.Figure`, for a notebook or a slide.

    Raises:
        QuestionError: the answer has no estimate that could be drawn.
    """
    drawn = pictures(run)
    if not drawn:
        msg = (
            f"{run.plan.headline}: gave no estimate, so there is nothing to draw ({kind_words(run).lower()}); look at its checks"
        )
        raise QuestionError(msg)
    return drawn[0].figure()
