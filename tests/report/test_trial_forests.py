"""Pictures of trials with several metrics, looks and segments."""

from pathlib import Path

import pytest

from whywin.config import load_plan
from whywin.report.picture import Picture
from whywin.report.pictures import pictures
from whywin.sources import read
from whywin.studies import study

CONFIGS = Path(__file__).parents[2] / "configs" / "trials"
LOOKS = "question.looks=[[2024-08-20,0.25],[2024-09-20,0.5],[2024-11-30,1.0]]"


def drawn(config: str, *sets: str) -> dict[str, Picture]:
    """Return the pictures of a run by name."""
    plan = load_plan(CONFIGS / f"{config}.yaml", list(sets))
    source = read(plan.source)
    return {picture.name: picture for picture in pictures(study(plan, source.frame, truth=source.truth))}


@pytest.fixture(scope="module")
def of_metrics() -> dict[str, Picture]:
    """The pictures of the plan with several metrics."""
    return drawn("metrics", "methods=[fixed]")


def test_metrics_of_all_units_stand_on_one_axis(of_metrics: dict[str, Picture]) -> None:
    """Every metric has a row in percent of control, the primary one in bold, and says what follows."""
    svg = of_metrics["metrics"].svg(wide=True)

    for text in ("won (primary)", "amount (secondary)", "cycle_days (guardrail)"):
        assert text in svg
    assert "percent of control" in of_metrics["metrics"].key
    assert "no worse" in of_metrics["metrics"].says


def test_segments_show_both_the_pooled_and_the_own_effect(of_metrics: dict[str, Picture]) -> None:
    """The forest has a group a segment and a row a level, at both widths."""
    for wide in (True, False):
        svg = of_metrics["segments"].svg(wide=wide)
        assert "lead_source" in svg
        assert "Referral" in svg
    assert "explored" in of_metrics["segments"].title


def test_looks_show_the_band_that_an_effect_must_leave() -> None:
    """Each look has its date; the title says whether a bound was crossed."""
    picture = drawn("demo", "methods=[group_sequential]", LOOKS)["looks"]

    assert "2024-08-20" in picture.svg(wide=True)
    assert "bound" in picture.title


def test_one_metric_and_no_segment_have_no_further_forest() -> None:
    """The demonstration draws its methods and its reps alone."""
    assert {"metrics", "segments", "looks"} & set(drawn("demo", "methods=[fixed]")) == set()
