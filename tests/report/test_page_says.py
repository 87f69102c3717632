"""The page of a run: what it says, and in which order."""

import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from whywin import report
from whywin.effects.question import Effect
from whywin.evidence import Check, Estimate, Evidence
from whywin.plan import File, Simulated
from whywin.winrates.question import WinRates
from whywin.worlds.knobs import Market


def test_an_unsound_run_says_why(runs: SimpleNamespace, page_of: Callable) -> None:
    """Before any estimate: that it is not sound, which checks failed with their numbers, what follows, and what did not run."""
    text = runs.words(runs.tree(page_of(runs.unsound())).of("header")[0]["text"])

    assert "Not sound: 2 checks failed" in text
    assert text.index("Placebo. A made-up treatment changes the win rate by 4.1 points. Do not use this answer.") < text.index(
        "Balance."
    )
    assert "engagement_score stays 0.31 apart. The grade falls" in text
    assert "Sound." not in text
    assert "must not be read as an effect" in text


def test_a_required_check_that_did_not_run_is_named(runs: SimpleNamespace, page_of: Callable) -> None:
    """A trial whose unit of analysis nobody checked cannot have the best grade, and the page says what is missing."""
    run = runs.trial()
    text = runs.words(runs.tree(page_of(run)).of("header")[0]["text"])

    assert "Not checked." in text
    assert "unit of analysis" in text
    assert "Not checked." not in runs.words(runs.tree(page_of(runs.observed())).of("header")[0]["text"])


def test_a_failed_check_beside_the_answer_leaves_it_sound(runs: SimpleNamespace, page_of: Callable) -> None:
    """The usual wrong way fails its check, is listed as failed, and the answer stays sound."""
    tree = runs.tree(page_of(runs.trial()))
    found = [runs.words(item["text"]) for item in tree.of("li")]

    assert "Sound." in runs.words(tree.of("header")[0]["text"])
    failed = next(text for text in found if text.startswith("Failed Unit of analysis of deals_as_units"))
    assert "A method must take as independent what was randomised" in failed
    assert "the answer is not touched" in failed


def test_what_others_passed_is_folded(runs: SimpleNamespace, page_of: Callable) -> None:
    """Checks that the methods beside the answer passed stand folded; all else stands open."""
    run = runs.trial()
    passed = Check("few_units", passed=True, severity="serious", says="Forty is enough.", value=40.0, method="deals_as_units")
    evidence = {**run.evidence, "deals_as_units": run.evidence["deals_as_units"].with_checks([passed])}
    tree = runs.tree(page_of(replace(run, evidence=evidence)))
    folded = [runs.words(element["text"]) for element in tree.of("details") if element.get("class") == "beside"]

    assert len(folded) == 1
    assert folded[0].startswith(
        "Passed by the methods beside the answer 1 check Passed Few units of deals_as_units Forty is enough."
    )
    assert "unit of analysis" not in folded[0].lower()


def test_each_grade_is_said_in_words(runs: SimpleNamespace, page_of: Callable) -> None:
    """A to E have meanings of their own, and each stands beside its letter."""
    said = set()
    for grade in "ABCDE":
        run = runs.trial(grades={"fixed": grade, "deals_as_units": "D"})
        verdict = next(element for element in runs.tree(page_of(run)).of("div") if element.get("class") == "verdict")
        letter, _, meaning = runs.words(verdict["text"]).removeprefix("Grade ").partition(" ")
        assert letter == grade
        said.add(meaning)

    assert len(said) == len("ABCDE")


def test_the_truth_stands_beside_the_estimates(runs: SimpleNamespace, page_of: Callable) -> None:
    """In a made-up world the page says so, counts the intervals that hold the truth, and shows it in tables and figures."""
    tree = runs.tree(page_of(runs.effect()))
    header, cells = runs.words(tree.of("header")[0]["text"]), [runs.words(cell["text"]) for cell in tree.of("td")]

    assert "A made-up world." in header
    assert "The answer's interval holds the truth" in header
    assert cells.count("+5.0 points, inside") == 2
    assert cells.count("+5.0 points, outside") == 1
    assert "Diamond: the truth" in tree.of("figcaption")[0]["text"]
    pooled = runs.words(runs.tree(page_of(runs.pooled())).of("header")[0]["text"])
    assert re.search(r"(\d+) of the answer's \1 intervals that can be compared hold the truth", pooled)


def test_a_truth_about_something_else_is_said_to_be_so(runs: SimpleNamespace, page_of: Callable) -> None:
    """No true value among the quantities that were estimated: the page does not count nothing."""
    other = pd.DataFrame([("rate effect", "all", 1.0, "points")], columns=["quantity", "segment", "value", "unit"])
    missed = pd.DataFrame([("effect on the treated", "all", 50.0, "points")], columns=["quantity", "segment", "value", "unit"])

    assert "None of its true values" in page_of(runs.effect(truth=other))
    assert "interval does not hold the truth" in runs.words(page_of(runs.effect(truth=missed)))


def test_the_real_world_has_no_truth(runs: SimpleNamespace, page_of: Callable) -> None:
    """Without a made-up world there is no word of one."""
    text = runs.words(runs.tree(page_of(runs.trial())).of("body")[0]["text"])

    assert "made-up" not in text
    assert "truth" not in text


def test_every_method_stands_side_by_side(runs: SimpleNamespace, page_of: Callable) -> None:
    """The answer first, each method with its interval and grade, segments with a column a method."""
    tree = runs.tree(page_of(runs.pooled()))
    headings = [runs.words(cell["text"]) for cell in tree.of("th") if cell["scope"] == "col"]
    rows = [runs.words(row["text"]) for row in tree.of("tr")]

    assert headings.count("hierarchical") == headings.count("observed") >= 4
    first = next(row for row in rows if row.startswith("hierarchical"))
    assert first.startswith("hierarchicalwin rate48.")
    assert next(row for row in rows if row.startswith("observed"))


def test_data_quality_and_left_out_rows_are_shown(runs: SimpleNamespace, page_of: Callable) -> None:
    """Score by dimension, how many rows were left out, why, and which."""
    tree = runs.tree(page_of(runs.observed()))
    text = runs.words(tree.of("body")[0]["text"])

    assert all(name in text for name in ("completeness", "validity", "uniqueness", "consistency", "timeliness"))
    assert "rows left out 3" in text
    assert "0, 1, 2" in text
    assert re.search(r"Suspicious patterns \d of \d found", text)
    assert "No row was left out." in page_of(
        replace(runs.observed(), deals=replace(runs.observed().deals, quarantine=pd.DataFrame()))
    )


def test_plan_versions_and_command_are_there(runs: SimpleNamespace, page_of: Callable) -> None:
    """What is needed to repeat the run stands at the end."""
    run = runs.effect()
    text = runs.words(runs.tree(page_of(run)).of("body")[0]["text"])

    assert "whywin run configs/winrates/demo.yaml --set seed=3" in text
    assert "segments: [region]" in text
    assert all(f"{name} {number}" in text for name, number in run.versions.items())
    assert run.deals.fingerprint in text
    assert "06b3bb2" in text


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (File(Path("exports/deals.csv")), "exports/deals.csv"),
        (Simulated(Market(seed=11), "trial"), "seed 11"),
        (None, "a table given in Python"),
    ],
)
def test_the_page_says_where_the_deals_came_from(source: object, said: str, runs: SimpleNamespace, page_of: Callable) -> None:
    """A file by its path, a made-up market by its seed, a table given in Python as such."""
    run = runs.trial()

    assert said in runs.words(runs.tree(page_of(replace(run, plan=replace(run.plan, source=source)))).of("main")[0]["text"])


def test_the_same_run_gives_the_same_bytes(runs: SimpleNamespace, page_of: Callable) -> None:
    """Nothing of the clock, of chance or of the user's matplotlib settings is in the page."""
    import matplotlib as mpl

    first = page_of(runs.effect())
    with mpl.rc_context({"font.size": 30, "axes.facecolor": "red", "svg.fonttype": "path", "lines.linewidth": 9}):
        second = page_of(runs.effect())

    assert first == second


def test_three_hundred_reps_stay_readable(runs: SimpleNamespace, page_of: Callable) -> None:
    """The figure shows the most notable and says so; the table is whole, and folded."""
    run = runs.pooled({"region": ["N", "S", "E"], "rep": [f"Rep {number:03}" for number in range(300)]}, different=3)
    page = page_of(run)
    tree = runs.tree(page)
    svg = report.figures(run)["segments"]

    reps = sum(one.segment.startswith("rep=") for one in run.headline.estimates if one.quantity == "win rate")
    assert reps > 250
    assert 0 < len(re.findall(r">Rep \d+<", svg)) <= 24
    assert f"The 24 of {reps + 3} segments" in runs.words(tree.of("figcaption")[0]["text"])
    folded = [runs.words(element["text"]) for element in tree.of("details")]
    whole = next(text for text in folded if text.startswith(f"Win rate by rep {reps} rows"))
    assert len(set(re.findall(r"Rep \d{3}", whole))) == reps
    assert any(text.startswith(f"Segments against the company (hierarchical) {reps + 9} rows") for text in folded)


def test_a_page_is_light_and_quickly_made(runs: SimpleNamespace, page_of: Callable) -> None:
    """At most 300 KB, and a second once everything is imported."""
    run = runs.pooled()
    page_of(run)
    start = time.process_time()
    page = page_of(run)

    assert time.process_time() - start < 1
    assert len(page.encode()) < 300_000


def test_a_run_with_almost_nothing_has_a_page(runs: SimpleNamespace, page_of: Callable) -> None:
    """No estimate, no check, an empty table, an unknown one, a missing truth: the page says what there is."""
    tables = {"balance": pd.DataFrame(), "overlap": pd.DataFrame({"x": []}), "odd": pd.DataFrame({"a": [None]}, index=["row"])}
    run = runs.run_of(Effect("call", ("amount",)), {"difference": Evidence((), tables=tables)})
    tree = runs.tree(page_of(run, recorded={}))
    text = runs.words(tree.of("main")[0]["text"])

    assert "There is no estimate that could be drawn." in text
    assert "No check ran." in text
    assert "No rows." in text
    assert report.figures(run) == {}


def test_a_single_estimate_is_enough(runs: SimpleNamespace, page_of: Callable) -> None:
    """One number without a company, an infinite interval, and a unit of its own neither break nor mislead."""
    one = Estimate("effect on all deals", "all", 3.0, -np.inf, np.inf, 0.9, 12, "days")
    run = runs.run_of(Effect("call", ("amount",)), {"difference": Evidence((one,))})
    alone = runs.run_of(
        WinRates(("region",)), {"observed": Evidence((Estimate("win rate", "region=A", 40.0, 0.0, 100.0, 0.95, 2, "percent"),))}
    )

    text = runs.words(runs.tree(page_of(run)).of("main")[0]["text"])
    assert "−∞ to +∞" in text or "−∞ to ∞" in text
    assert "90 % interval" in text
    assert list(report.figures(alone)) == ["segments"]
    assert "40.0 %" in runs.words(runs.tree(page_of(alone)).of("main")[0]["text"])


def test_a_check_of_the_whole_run_can_make_it_unsound(runs: SimpleNamespace, page_of: Callable) -> None:
    """A failed check without a method is about the answer too."""
    failed = (
        Check("sample_ratio", passed=False, severity="fatal", says="25 and 15 reps, where 20 and 20 were planned.", value=0.001),
    )
    header = runs.words(runs.tree(page_of(runs.trial(checks=failed))).of("header")[0]["text"])

    assert (
        "Not sound: 1 check failed Sample ratio. 25 and 15 reps, where 20 and 20 were planned. Do not use this answer." in header
    )


def test_a_plan_may_hold_anything(runs: SimpleNamespace, page_of: Callable) -> None:
    """Template braces and entities in a plan are shown as they stand."""
    plan = "a: '{{ 1 + 1 }} {% raw %} &amp; ${HOME}'\n" + json.dumps({"b": "</code></pre>"})

    assert plan in runs.tree(page_of(runs.trial(), plan_text=plan)).of("body")[0]["text"]
