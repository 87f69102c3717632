"""New deals predicted on the command line, by the model of a recorded run."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from whywin import config, tracking
from whywin.cli import app
from whywin.deals.read import keep_contract
from whywin.plan import Plan
from whywin.stats.streams import stream
from whywin.studies import Run
from whywin.worlds.market import Market, simulate

OWN = {"region": "region", "Owner": "rep", "Opened": "created", "Status": "outcome", "Opportunity ID": "deal_id", "ACV": "amount"}
PLAN = {
    "name": "own",
    "question": {"kind": "winrates", "segments": ["region"], "rep": "rep", "time": "created", "covariates": ["amount"]},
    "source": {"path": "deals.csv", "replace": {"region": {"Nord": "North"}}},
    "deals": {
        "columns": {name: own for own, name in OWN.items() if own != name},
        "won": ["Won"],
        "lost": ["Lost"],
        "open": ["Open"],
    },
    "methods": [{"hierarchical": {"engine": "laplace"}}],
}


@pytest.fixture(scope="module")
def exported() -> pd.DataFrame:
    """A market as its CRM writes it."""
    return simulate(Market(deals=500, seed=4)).tables["deals"].rename(columns={name: own for own, name in OWN.items()})[list(OWN)]


@pytest.fixture(scope="module")
def answered(exported: pd.DataFrame) -> tuple[Plan, Run]:
    """The plan and its run."""
    plan = config.plan_of(PLAN)
    deals = keep_contract(exported, plan.deals)
    method = plan.methods["hierarchical"]
    evidence = method.answer(plan.question, method.need(plan.question).sample(deals.table), stream(0, "hierarchical"))
    return plan, Run(plan, {"hierarchical": evidence}, (), {"hierarchical": "E"}, "So it is.", deals, {})


@pytest.fixture
def whywin(
    store_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answered: tuple[Plan, Run]
) -> Callable[..., Result]:
    """The command line in a folder of its own, in whose store the run is recorded."""
    monkeypatch.setenv("WHYWIN_STORE", str(store_root))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    plan, run = answered
    names = {"name": plan.name, "experiment": "whywin", "tags": {}, "params": {}, "plan_text": config.to_yaml(plan)}
    with tracking.recording(tracking.open_store(store_root), **names) as record:
        record.write_run(run, page="<!doctype html>", figures={})
    return lambda *words: CliRunner().invoke(app, ["predict", *(str(word) for word in words)], catch_exceptions=False)


def test_open_deals_are_predicted_as_the_crm_writes_them(whywin: Callable[..., Result], exported: pd.DataFrame) -> None:
    """The reader's own columns are understood as the plan says, without an outcome, and stdout is a CSV of one row a deal."""
    exported.drop(columns="Status").head(20).to_csv("new.csv", index=False)

    done = whywin("own", "new.csv")

    lines = done.stdout.splitlines()
    assert done.exit_code == 0, done.output
    assert lines[0] == "deal_id,rate,low,high,unseen"
    assert [line.split(",")[0] for line in lines[1:]] == exported["Opportunity ID"].head(20).tolist()
    rate, low, high = map(float, lines[1].split(",")[1:4])
    assert 0 < low < rate < high < 100


def test_the_file_is_read_as_the_plan_reads_its_own(whywin: Callable[..., Result], exported: pd.DataFrame) -> None:
    """Labels that the plan replaces are replaced in the new deals too; a level that is new is named; deals without a name are numbered."""
    new = exported.head(2).drop(columns="Opportunity ID").assign(region=["Nord", "Atlantis"])
    new.to_csv("new.csv", index=False)

    done = whywin("own", "new.csv", "--out", "found/predictions.csv", "--level", "0.5")

    found = pd.read_csv("found/predictions.csv")
    assert done.exit_code == 0, done.output
    assert done.stdout == ""
    assert found["deal_id"].tolist() == ["row 1", "row 2"]
    assert found["unseen"].fillna("").tolist() == ["", "region"]


def test_columns_that_are_missing_are_named_all_at_once(whywin: Callable[..., Result], exported: pd.DataFrame) -> None:
    """Every column that the model needs and the file lacks is told by its own name, with the nearest that is there, and exit code 2."""
    exported.rename(columns={"Opened": "Opend", "Owner": "Besitzer"}).assign(ACV="much").to_csv("new.csv", index=False)

    done = whywin("own", "new.csv")

    assert done.exit_code == 2
    assert done.stdout == ""
    assert "no column 'Opened' (created in the plan), which the model needs; did you mean 'Opend'?" in done.stderr
    assert "no column 'Owner' (rep in the plan)" in done.stderr
    assert "ACV: must be a number, got 'much' in row 0" in done.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("own", "nothing.csv"), "there is no such file"),
        (("oen", "deals.csv"), "did you mean own?"),
        (("own", "deals.csv", "--level", "95"), "such as 0.95, got 95"),
    ],
)
def test_what_cannot_be_predicted_ends_with_2(
    whywin: Callable[..., Result], exported: pd.DataFrame, words: tuple[str, ...], says: str
) -> None:
    """A file, a run or a level that is not there is one sentence and exit code 2."""
    exported.to_csv("deals.csv", index=False)

    done = whywin(*words)

    assert done.exit_code == 2
    assert says in done.stderr
