"""Bad input gets one message with every fault, exit code 2, and nothing written."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from whywin.cli import app
from whywin.errors import QuestionError
from whywin.plan import Plan
from whywin.studies import study
from whywin.trials.methods.fixed import Fixed
from whywin.trials.metric import Metric
from whywin.trials.question import Trial


def table(**changes: object) -> pd.DataFrame:
    """A sound trial of eight reps with dates and teams."""
    days = pd.Series(pd.date_range("2024-03-01", periods=16, freq="D"))
    good = {
        "rep": list("abcdefgh") * 2,
        "arm": ["alert", "control"] * 8,
        "won": [1.0, 0.0, 0.0, 1.0, 1.0, 0.0, 1.0, 1.0] * 2,
        "created": days,
        "closed": days + pd.Timedelta(days=20),
        "amount": range(16),
        "team": list("xxyyzzxx") * 2,
    }
    return pd.DataFrame({**good, **changes})


SOUND = {"arm": "arm", "control": "control", "unit": "rep"}
TWO_ARMS_IN_A_CLUSTER = ["alert", "control"] * 8


@pytest.mark.parametrize(
    ("question", "changes", "words"),
    [
        ({"shares": (("alert", 0.3), ("call", 0.3), ("control", 0.4))}, {}, "must name each arm"),
        ({}, {"arm": "control"}, "one arm"),
        ({}, {"arm": ["alert", "control"] * 4 + ["control", "alert"] * 4}, "more than one arm"),
        ({"unit": "team"}, {}, "team(s) have deals in more than one arm"),
        ({"assigned": "day"}, {"day": pd.Timestamp("2024-04-01")}, "closed before their rep was assigned"),
        ({"assigned": "day"}, {"day": "soon"}, "is no date"),
        ({"start": date(2025, 1, 1)}, {}, "created on or after 2025-01-01"),
        ({"metrics": (Metric("size"),)}, {"size": float("nan")}, "size is missing in every closed deal"),
        ({"metrics": (Metric("size"),)}, {"size": 3.0}, "nothing to compare"),
        ({"metrics": (Metric("size"),)}, {"size": list("abcdefgh") * 2}, "must be a number"),
        ({"metrics": (Metric("amount", kind="proportion"),)}, {}, "proportion is of 1 and 0"),
        ({"metrics": (Metric("amount", kind="ratio"),)}, {}, "needs per"),
        ({"metrics": (Metric("amount", kind="ratio", per="size"),)}, {"size": -1.0}, "must not be negative"),
        ({"metrics": (Metric("amount", per="won"),)}, {}, "per is for kind ratio"),
        ({"metrics": (Metric("amount", kind="quantile", winsorise=0.9),)}, {}, "winsorise is for means"),
        ({"metrics": (Metric("won", kind="won_by"),)}, {}, "needs days"),
        ({"metrics": (Metric("won", kind="won_by", days=400),)}, {}, "has been seen for 400 days"),
        ({"metrics": (Metric("amount"), Metric("amount"))}, {}, "stands twice"),
        ({"metrics": (Metric("revenue", role="primary"),)}, {}, "no column 'revenue'"),
        ({"cluster": "team"}, {"team": [None, "x"] * 8}, "team is missing in 8 of 16"),
        ({"cluster": "team"}, {"team": ["x", "y"] * 7 + ["y", "x"]}, "in more than one team"),
        ({"cluster": "team"}, {"team": "x"}, "in 1 team"),
        ({"looks": ((date(2024, 4, 1), 0.0), (date(2024, 5, 1), 1.0))}, {}, "above 0 and at most 1"),
        ({"looks": ((date(2024, 4, 1), 0.5), (date(2024, 5, 1), 1.2))}, {}, "above 0 and at most 1"),
        ({"treated": "amount"}, {}, "must be 1 or 0"),
        ({"treated": "won2"}, {"won2": 1.0}, "no treatment to tell of"),
        ({"before": ("team",)}, {}, "must be a number"),
        ({"team": "team"}, {"team": ["x", "y"] * 7 + ["y", "x"]}, "a team holds whole units"),
        ({"as_of": date(2023, 1, 1), "start": date(2024, 1, 1)}, {}, "before the trial's start"),
        ({"segments": ("rep",)}, {}, "is the question's own"),
        ({"unit": "deal"}, {"deal": range(16), "arm": ["alert", "control"] * 8}, "name rep as the unit"),
    ],
)
def test_each_fault_is_one_sentence(question: dict[str, object], changes: dict[str, object], words: str) -> None:
    """The sentence says what is wrong, in which column, and names the way out."""
    faults = Trial(**{**SOUND, **question}).faults(table(**changes))

    assert any(words in fault for fault in faults), faults
    assert all(fault.startswith("question.") for fault in faults)


def test_a_sound_question_with_everything_has_no_fault() -> None:
    """Metrics of every kind, a past, teams, a treatment and segments: nothing is said of a table that fits."""
    metrics = (
        Metric("won", role="primary"),
        Metric("amount", winsorise=0.9),
        Metric("amount", kind="ratio", per="hours"),
        Metric("amount", kind="quantile"),
        Metric("cycle_days", role="guardrail", better="lower", margin=3),
        Metric("won", kind="won_by", days=10),
    )
    further = {"start": date(2024, 1, 1), "team": "crew", "treated": "seen", "segments": ("team",), "before": ("amount",)}
    extra = {
        "hours": 2.0,
        "seen": [1.0, 0.0] * 8,
        "crew": list("xxyyzzww") * 2,
        "closed": table()["created"] + pd.to_timedelta(range(20, 36), unit="D"),
    }

    assert Trial(**SOUND, metrics=metrics, **further).faults(table(**extra)) == []


def test_every_fault_is_told_at_once() -> None:
    """A missing column hides no other fault: arms, cluster, metric and looks are all judged."""
    question = Trial(
        "arm",
        "kontrol",
        "rep",
        metrics=(Metric("revenue", role="primary"), Metric("size")),
        cluster="team",
        looks=((date(2024, 4, 1), 1.5),),
    )

    with pytest.raises(QuestionError) as caught:
        study(Plan("t", question, {"fixed": Fixed()}), table(size=3.0, team=None, outcome="won").drop(columns="won"))

    text = "\n".join(caught.value.faults)
    for words in ("'revenue'", "'kontrol'", "nothing to compare", "team is missing", "above 0 and at most 1"):
        assert words in text, text


def test_the_command_line_exits_with_2_and_answers_nothing(
    tmp_path: Path, store_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every fault is told in one message, and neither a page nor a result is written: the store knows only that a run was refused."""
    monkeypatch.setenv("WHYWIN_STORE", str(store_root))
    monkeypatch.setenv("COLUMNS", "200")
    table(outcome=["won", "lost"] * 8).drop(columns="won").to_csv(tmp_path / "deals.csv", index=False)
    question = "{kind: trial, arm: arm, control: control, unit: rep, metrics: [{column: revenue}], cluster: rep2}"
    plan = tmp_path / "trial.yaml"
    plan.write_text(f"name: bad\nquestion: {question}\nsource: {{path: {tmp_path / 'deals.csv'}}}\nmethods: [fixed]\n")

    result = CliRunner().invoke(app, ["run", str(plan)])

    assert result.exit_code == 2, result.output
    assert "'revenue'" in result.output
    assert "'rep2'" in result.output
    assert not [*tmp_path.rglob("*.html"), *tmp_path.rglob("estimates*")]
