"""From a plan and deals to a run."""

from collections.abc import Callable

import pandas as pd
import pytest

import whywin as ww
from whywin.errors import DataError, QuestionError
from whywin.winrates.methods.observed import Observed
from whywin.winrates.question import WinRates


def deals(won: int = 30, lost: int = 20) -> pd.DataFrame:
    """A table of closed deals in two regions."""
    outcome = ["won"] * won + ["lost"] * lost
    region = (["North", "South"] * (won + lost))[: won + lost]
    return pd.DataFrame({"deal_id": [f"D{i}" for i in range(won + lost)], "region": region, "outcome": outcome})


def plan(**changes: object) -> ww.Plan:
    """A plan with the plainest method."""
    return ww.Plan(**{"name": "plain", "question": WinRates(("region",)), "methods": {"observed": Observed()}, **changes})


def test_study_answers_from_a_table() -> None:
    """`ww.study(plan, deals)` gives the answer, its grade, and the rate that was put in."""
    run = ww.study(plan(), deals())

    assert run.headline.of("win rate").value == pytest.approx(60.0)
    assert run.grade == "E"
    assert "60.0 %" in run.answer
    assert run.sound


def test_the_public_name_stays_a_function() -> None:
    """`ww.study` is the function, whichever modules were imported before."""
    import whywin.studies

    assert callable(ww.study)
    assert ww.study is whywin.studies.study


def test_every_public_name_is_there() -> None:
    """`__all__` is what can be imported, and an unknown name says so."""
    assert all(getattr(ww, name) is not None for name in ww.__all__)
    with pytest.raises(AttributeError, match="no attribute 'studie'"):
        _ = ww.studie


def test_a_question_that_does_not_fit_says_every_reason() -> None:
    """Two unknown columns are two sentences of one error."""
    with pytest.raises(QuestionError) as caught:
        ww.study(plan(question=WinRates(("regio", "industri"))), deals())

    assert len(caught.value.faults) >= 2
    assert "region" in str(caught.value)


def test_too_many_bad_rows_refuse_the_run() -> None:
    """More bad rows than the contract allows are an error, not a smaller table."""
    bad = deals().assign(outcome="?")

    with pytest.raises(DataError):
        ww.study(plan(), bad)


def test_steps_are_announced_and_change_nothing() -> None:
    """`notify` hears of each step, and the run is the same without it."""
    heard: list[str] = []

    loud, silent = ww.study(plan(), deals(), notify=heard.append), ww.study(plan(), deals())

    assert any("observed" in words for words in heard)
    assert loud.headline.estimates == silent.headline.estimates


def test_a_check_without_a_method_is_about_the_whole_run(small_run: Callable[[str], ww.Run]) -> None:
    """Checks of the data stand with the run, checks of an answer with its evidence, and all are listed once."""
    run = small_run("trial")

    assert all(not check.method for check in run.checks)
    assert len(run.all_checks) == len(run.checks) + sum(len(e.checks) for e in run.evidence.values())


def test_only_the_answer_decides_soundness(small_run: Callable[[str], ww.Run]) -> None:
    """The usual wrong way stands beside the right one, failing, without making the run unsound."""
    run = small_run("trial")

    assert any(check.undoes for check in run.evidence["deals_as_units"].checks)
    assert run.grades["deals_as_units"] == "D"
    assert run.sound == (not any(check.undoes for check in (*run.checks, *run.headline.checks)))


def test_a_run_is_a_table_and_a_notebook_cell(small_run: Callable[[str], ww.Run]) -> None:
    """A made-up world's truth stands beside the estimates; the cell begins with the answer and escapes labels."""
    run = small_run("trial")
    hostile = ww.study(plan(question=WinRates(("region",))), deals().assign(region=["<script>", "b"] * 25))

    assert {"truth", "grade", "method"} <= set(run.to_frame().columns)
    assert run._repr_html_().startswith("<p><strong>")
    assert "<script>" not in hostile._repr_html_()
