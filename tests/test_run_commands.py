"""Sweeps, repetitions, comparisons and cards from the command line."""

import re
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from whywin.cli import app

PLAN = "name: rates\nquestion: {kind: winrates, segments: [region]}\nmethods: [observed]\nsource: {path: deals.csv}\n"
SWEEP = PLAN + "sweep: {question.level: [0.5, 0.9]}\n"


@pytest.fixture
def whywin(store_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command line in a folder with deals, a plan and a sweep, and a store of its own."""
    monkeypatch.setenv("WHYWIN_STORE", str(store_root))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    deals = pd.DataFrame({"deal_id": range(400), "region": ["N", "S"] * 200, "outcome": ["won", "lost", "lost", "won"] * 100})
    deals.to_csv("deals.csv", index=False)
    Path("plan.yaml").write_text(PLAN, encoding="utf-8")
    Path("sweep.yaml").write_text(SWEEP, encoding="utf-8")
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def test_run_sweeps_a_config_that_has_a_sweep(whywin: Callable[..., Result]) -> None:
    """`whywin run` of a config with `sweep:` says how far its plans agree, lists them, and gives the page."""
    done = whywin("run", "sweep.yaml")

    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("Over 2 specifications the estimate (win rate) ranges from 50.0 to 50.0")
    assert Path(re.search(r"^Page: (.+)$", done.stdout, re.MULTILINE)[1]).is_file()
    assert "Plans as charts: http://127.0.0.1" in done.stdout


def test_a_plan_of_a_sweep_that_fails_ends_with_1_and_all_with_2(whywin: Callable[..., Result]) -> None:
    """One failed plan shows in the exit code; where none could be run, nothing could be run."""
    one = whywin("run", "sweep.yaml", "--set", "sweep.question.segments=[[region], [regoin]]", "-q")
    every = whywin("run", "sweep.yaml", "--set", "question.segments=[regoin]", "-q")

    assert (one.exit_code, every.exit_code) == (1, 2)
    assert "2 have no answer" in one.stdout


def test_too_many_plans_are_refused_with_the_way_out(whywin: Callable[..., Result]) -> None:
    """The product of the lists is bounded, and the message says how to allow more."""
    done = whywin("run", "sweep.yaml", "--most", 1)

    assert done.exit_code == 2
    assert "makes 2 plans (question.level 2), more than 1" in done.stderr
    assert "--most 2" in done.stderr


def test_several_configs_are_swept_together(whywin: Callable[..., Result]) -> None:
    """`whywin sweep` takes plans and sweeps, and shows them in one curve."""
    done = whywin("sweep", "plan.yaml", "sweep.yaml", "--workers", 1)

    assert done.exit_code == 0, done.output
    assert "Over 3 specifications" in done.stdout


def test_a_repetition_ends_with_0_1_or_2(whywin: Callable[..., Result]) -> None:
    """0 identical, 1 different with the numbers, 2 could not be repeated."""
    whywin("run", "plan.yaml", "-q")
    same = whywin("rerun", "rates")
    with Path("deals.csv").open("a", encoding="utf-8") as file:
        file.write("999,N,won\n")
    other = whywin("rerun", "rates")
    Path("deals.csv").unlink()
    gone = whywin("rerun", "rates")

    assert (same.exit_code, other.exit_code, gone.exit_code) == (0, 1, 2)
    assert "the same to the last bit" in same.stdout
    assert "the deals differ: 1 more (400, then 401)" in other.stdout
    assert "deals.csv" in gone.stderr


def test_a_comparison_says_why(whywin: Callable[..., Result]) -> None:
    """Below the tables stands why the numbers differ."""
    whywin("run", "sweep.yaml", "-q")
    done = whywin("compare", "rates-01", "rates-02")

    assert "the plan differs in question.level (0.5, then 0.9)" in done.stdout
    assert re.search(r"50\.00 \(\d+\.\d+ to \d+\.\d+\)", done.stdout)


def test_cards_name_the_script_of_what_was_not_run(whywin: Callable[..., Result]) -> None:
    """Without recorded experiments each method has its line, and scripts of the current folder are named."""
    Path("experiments").mkdir()
    Path("experiments/mine.py").write_text("from whywin.effects.methods.matching import Matching\n", encoding="utf-8")
    done = whywin("methods", "--card")

    assert done.exit_code == 0
    assert "No experiment about it is recorded here; run python experiments/mine.py." in done.stdout
    assert "no script here speaks of it" in done.stdout
