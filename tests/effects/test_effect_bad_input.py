"""Bad input about an effect, end to end: one message with every fault and exit 2, or a failed check and exit 1."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml
from typer.testing import CliRunner, Result

from whywin.cli import app

EDGES = [["engagement", "called"], ["engagement", "won"], ["called", "won"]]


@pytest.fixture
def ran(
    made: Callable[..., pd.DataFrame], store_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """Run a plan about confounded deals, with columns and question changed, on the command line."""
    monkeypatch.setenv("WHYWIN_STORE", str(store_root))
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.chdir(tmp_path)

    def run(columns: dict[str, Any] | None = None, methods: list[Any] | None = None, **question: Any) -> Result:
        table = made(400)
        table["outcome"] = np.where(table.pop("won") == 1, "Won", "Lost")
        table.assign(**(columns or {})).to_csv("deals.csv", index=False)
        asked = {"kind": "effect", "treatment": "called", "confounders": ["engagement", "region"], **question}
        plan = {
            "name": "bad",
            "question": asked,
            "source": {"path": "deals.csv"},
            "deals": {"won": ["Won"], "lost": ["Lost"]},
            "methods": methods or ["matching"],
            "checks": [{"placebo": {"refits": 5}}],
            "seed": 1,
        }
        Path("plan.yaml").write_text(yaml.safe_dump(plan), encoding="utf-8")
        return CliRunner().invoke(app, ["run", "plan.yaml"], catch_exceptions=False)

    return run


@pytest.mark.parametrize(
    ("columns", "question", "says"),
    [
        ({"called": 1}, {}, "treatment: 'called' is 1 in every closed deal"),
        ({"engagement": 0.5}, {}, "confounders: 'engagement' is 0.5 in every closed deal"),
        ({"engagement": np.nan}, {}, "confounders: 'engagement' is missing in every closed deal"),
        ({"region": "North"}, {}, "confounders: 'region' is 'North' in every closed deal"),
        ({}, {"confounders": [], "graph": [*EDGES, ["won", "engagement"]]}, "is a cycle, and nothing causes itself"),
        (
            {},
            {"confounders": [], "graph": [*EDGES, ["engagment", "won"]]},
            "'engagment' is no column; did you mean 'engagement'?",
        ),
        ({}, {"confounders": [], "graph": "dag {\n called -> won\n"}, "graph: line 2: the graph ends before its }"),
        ({}, {"confounders": ["engagement", "cycle_days"]}, "'cycle_days' is known only when a deal closes"),
        ({}, {"estimand": "overlap", "methods": ["doubly_robust"]}, "doubly_robust: cannot tell the effect on the overlap"),
    ],
)
def test_what_cannot_be_asked_ends_with_2(ran: Callable[..., Result], columns: dict, question: dict, says: str) -> None:
    """One message, no traceback, nothing answered."""
    done = ran(columns, question.pop("methods", None), **question)

    assert done.exit_code == 2, done.output
    assert says in " ".join(done.stderr.split())
    assert "Traceback" not in done.output
    assert "Evidence grade" not in done.stdout


def test_every_fault_stands_in_one_message(ran: Callable[..., Result]) -> None:
    """Six mistakes are told at once."""
    done = ran(
        {"called": 0, "engagement": np.nan},
        confounders=["engagement", "regon", "cycle_days"],
        instruments=["lottery"],
        modifiers=["closed_month"],
        cluster="reps",
    )
    message = " ".join(done.stderr.split())

    assert done.exit_code == 2
    for says in (
        "'called' is 0 in every closed deal",
        "'engagement' is missing in every closed deal",
        "no column 'regon'; did you mean 'region'?",
        "'cycle_days' is known only when a deal closes",
        "instruments: the deals have no column 'lottery'",
        "modifiers: 'closed_month' is known only when a deal closes",
        "no column 'reps'; did you mean 'rep'?",
    ):
        assert says in message, says


def test_an_effect_that_the_graph_cannot_tell_ends_with_1(ran: Callable[..., Result]) -> None:
    """With a hidden cause of both there is an answer that cannot be trusted: the open path and the way out are on the page and the screen."""
    graph = "dag { promise [latent]; promise -> {called won}; engagement -> {called won}; lottery -> called -> won }"
    done = ran({"lottery": np.arange(400) % 2}, confounders=[], graph=graph)
    says = " ".join(done.stdout.split())

    assert done.exit_code == 1, done.output
    assert "FAILED identification" in says
    assert "called ← promise → won stays open, even when adjusting for engagement" in says
    assert "lottery could serve as an instrument" in says


@pytest.mark.parametrize("method", ["matching", "weighting", "doubly_robust"])
def test_no_overlap_at_all_ends_with_1(ran: Callable[..., Result], made: Callable[..., pd.DataFrame], method: str) -> None:
    """When the treatment follows from a confounder nobody can be compared: the overlap check fails and the number is not trusted."""
    done = ran({"called": (made(400)["engagement"] > 0).astype(int)}, [method])

    assert done.exit_code == 1, done.output
    assert "FAILED overlap" in done.stdout
    assert "Evidence grade D" in done.stdout


def test_an_overridden_bad_control_ends_with_1(ran: Callable[..., Result]) -> None:
    """What is adjusted for in spite of the graph is run, marked, and graded D."""
    done = ran(confounders=["engagement", "cycle_days"], adjust_anyway=["cycle_days"])
    says = " ".join(done.stdout.split())

    assert done.exit_code == 1, done.output
    assert "FAILED bad_controls" in says
    assert "cycle_days is known only when a deal closes" in says
    assert "Evidence grade D" in says


def test_a_graph_that_the_deals_contradict_ends_with_1(ran: Callable[..., Result], made: Callable[..., pd.DataFrame]) -> None:
    """A missing edge that leaves a path open is a failed check of the whole run."""
    strong = made(400)["engagement"] * 2 + np.random.default_rng(0).normal(size=400)
    won = np.where(strong > 0, "Won", "Lost")
    graph = [["engagement", "called"], ["region", "called"], ["region", "won"], ["called", "won"]]
    done = ran({"outcome": won}, confounders=[], graph=graph)

    assert done.exit_code == 1, done.output
    assert "FAILED graph_fits" in done.stdout
