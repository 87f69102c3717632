"""The picture of effects by segment."""

from dataclasses import replace
from types import SimpleNamespace
from xml.etree import ElementTree as ET

from whywin import report
from whywin.evidence import Check, Evidence


def drawn(runs: SimpleNamespace) -> dict[str, str]:
    """The pictures of an effect with two segments, whose method says that effects do not differ."""
    run = runs.effect()
    whole = run.headline.estimates[0]
    segments = [
        replace(whole, segment=f"region={name}", value=whole.value + more) for name, more in (("North", 1.0), ("South", -1.0))
    ]
    says = "Effects do not differ detectably between deals (p = 0.4): nothing is there."
    check = Check("heterogeneity", passed=True, severity="note", says=says, value=0.4)
    return report.figures(runs.run_of(run.plan.question, {"forest": Evidence((whole, *segments), (check,))}))


def test_segments_are_drawn_with_what_the_method_says_of_them(runs: SimpleNamespace) -> None:
    """The title is the finding, not the most different segment, and each segment is a row."""
    picture = drawn(runs)["effects_by_segment"]
    root = ET.fromstring(picture)  # noqa: S314 - our own text
    shown = {"".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")}

    assert root.find("{*}title").text == "Effects do not differ detectably between deals"
    assert {"North", "South", "region"} <= shown


def test_without_segments_there_is_no_such_picture(runs: SimpleNamespace) -> None:
    """The effect on all deals alone is not drawn a second time."""
    run = runs.effect()
    bare = runs.run_of(run.plan.question, {"forest": Evidence(run.headline.estimates[:1])})

    assert "effects_by_segment" not in report.figures(bare)
