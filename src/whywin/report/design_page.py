"""The page of a trial's design as one HTML file."""

from collections.abc import Mapping
from typing import Final

from whywin.plan import Plan
from whywin.report import contents
from whywin.report.design_pictures import design_pictures
from whywin.report.document import drawn, rendered
from whywin.report.tables import View, view_of
from whywin.report.words import Known
from whywin.trials.design import Designed, TrialDesign
from whywin.trials.question import Trial

TABLES: Final[Mapping[str, Known]] = {
    "units": Known(
        "By number of units",
        "What the same trial would find with other numbers of units. The smallest p-value is what chance assignment allows at best.",
        {
            "units": "units in all arms", "smallest_p": "smallest p-value", "power": "power, formula", "simulated": "power, simulated",
            "detectable": "smallest effect found",
        },
    ),
    "assumptions": Known(
        "What the design assumes",
        "From the company's own past deals where nothing was given; with the interval where it was estimated.",
        {"low": "lower end", "high": "upper end"},
    ),
    "power": Known("Power by effect", "", {"power": "power, formula", "simulated": "power, simulated"}),
    "weeks": Known("Smallest effect by length", "", {"deals": "deals of a unit", "detectable": "smallest effect found"}),
}  # fmt: skip


def design_page(
    plan: Plan,
    question: Trial,
    settings: TrialDesign,
    found: Designed,
    *,
    plan_text: str,
    repeat: str,
    recorded: Mapping[str, str],
) -> str:
    """Return a design as one HTML file that needs nothing else.

    Args:
        plan: the plan.
        question: its question.
        settings: what the trial is designed for.
        found: what follows from the design.
        plan_text: the plan as YAML.
        repeat: the command that repeats it.
        recorded: label and value of what is shown at the foot.
    """
    return rendered(
        "design.html.j2",
        plan=plan,
        answer=found.says,
        sound=found.sound,
        findings=[contents.finding(check) for check in found.checks],
        pictures=[drawn(picture) for picture in design_pictures(question, settings, found)],
        tables=[_view(found, name) for name in TABLES],
        source=contents.source_text(plan.source),
        plan_text=plan_text,
        repeat=repeat,
        foot=contents.foot(recorded),
    )


def design_figures(question: Trial, settings: TrialDesign, found: Designed) -> dict[str, str]:
    """Return the pictures of a design as SVG text by name."""
    return {picture.name: picture.svg(wide=True) for picture in design_pictures(question, settings, found)}


def _view(found: Designed, name: str) -> View:
    about = TABLES[name]
    return view_of(found.tables[name], about.title, headings=about.headings, says=about.says)
