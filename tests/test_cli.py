"""The command line: what it prints, and how it ends."""

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from whywin import catalogue, cli, tracking
from whywin.cli import app

ROOT = Path(__file__).parents[1]
TRIAL = str(ROOT / "configs/trials/demo.yaml")
SMALL = ["--set", "source.world.deals=600"]


@pytest.fixture
def whywin(store_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """The command line in an empty folder with a store of its own."""
    monkeypatch.setenv("WHYWIN_STORE", str(store_root))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def test_a_run_prints_its_answer_its_page_and_its_links(whywin: Callable[..., Result]) -> None:
    """After a run the reader has the answer, the page that exists, and links into the UI."""
    done = whywin("run", TRIAL, *SMALL)

    assert done.exit_code == 0, done.output
    page = Path(next(line for line in done.stdout.splitlines() if line.startswith("Page: ")).removeprefix("Page: "))
    assert page.read_text(encoding="utf-8").lower().startswith("<!doctype html>")
    assert "Evidence grade A" in done.stdout
    assert "http://127.0.0.1:5000/" in done.stdout


def test_quiet_is_the_answer_alone(whywin: Callable[..., Result]) -> None:
    """With -q a script gets one sentence on stdout."""
    done = whywin("run", TRIAL, *SMALL, "-q")

    assert len(done.stdout.strip().splitlines()) == 1
    assert done.stderr == ""


def test_verbose_shows_checks_that_passed(whywin: Callable[..., Result]) -> None:
    """With -v every check is printed, not only those that failed."""
    done = whywin("run", TRIAL, *SMALL, "-v")

    assert "passed sample_ratio" in done.stdout


def test_a_failed_check_of_the_answer_ends_with_1(whywin: Callable[..., Result]) -> None:
    """When the answer itself is the wrong way to analyse, the exit code says so."""
    done = whywin("run", TRIAL, *SMALL, "--set", "methods=[deals_as_units]")

    assert done.exit_code == 1
    assert "FAILED unit_of_analysis" in done.stdout


def test_a_typo_ends_with_2_and_one_message(whywin: Callable[..., Result], tmp_path: Path) -> None:
    """A mistake in a config is one message with file, line and key, no traceback, and nothing recorded."""
    text = Path(TRIAL).read_text(encoding="utf-8").replace("control:", "controll:")
    (tmp_path / "typo.yaml").write_text(text, encoding="utf-8")

    done = whywin("run", "typo.yaml")

    assert done.exit_code == 2
    assert "controll" in done.stderr
    assert "'control'" in done.stderr
    assert "typo.yaml:" in done.stderr
    assert "Traceback" not in done.output


def test_one_bad_config_does_not_stop_the_others(whywin: Callable[..., Result]) -> None:
    """Of several configs each is run, and the worst exit code is given."""
    done = whywin("run", "missing.yaml", TRIAL, *SMALL)

    assert done.exit_code == 2
    assert "Page: " in done.stdout


def test_check_runs_nothing(whywin: Callable[..., Result], store_root: Path) -> None:
    """`check` reads config and data, says how good they are, and records nothing."""
    before = len(tracking.latest(tracking.open_store(store_root)))

    done = whywin("check", TRIAL)

    assert done.exit_code == 0, done.output
    assert "Data quality" in done.stdout
    assert len(tracking.latest(tracking.open_store(store_root))) == before


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """A config and a table of which two rows in ten break the contract."""
    rows = {"deal_id": [f"D{i}" for i in range(40)], "region": ["N", "S"] * 20, "outcome": (["won", "lost"] * 16) + ["?"] * 8}
    pd.DataFrame(rows).to_csv(tmp_path / "deals.csv", index=False)
    config = tmp_path / "own.yaml"
    text = "name: own\nquestion: {kind: winrates, segments: [region]}\nsource: {path: deals.csv}\nmethods: [observed]\n"
    config.write_text(text, encoding="utf-8")
    return config


def test_a_table_with_too_many_bad_rows_is_refused(whywin: Callable[..., Result], export: Path, tmp_path: Path) -> None:
    """Beyond the stated share the run is refused with the column, the count and the rows; the bad rows are in a file."""
    done = whywin("check", export, "--quarantine", tmp_path / "bad.csv")

    assert done.exit_code == 2
    assert "outcome" in done.stderr
    assert len(pd.read_csv(tmp_path / "bad.csv")) == 8


def test_a_refused_run_is_recorded_as_failed_with_its_quarantine(
    whywin: Callable[..., Result], export: Path, store_root: Path
) -> None:
    """The record keeps what was refused, and why."""
    done = whywin("run", export)

    failed = tracking.latest(tracking.open_store(store_root))[0]
    assert done.exit_code == 2
    assert (failed.name, failed.status) == ("own", "FAILED")
    assert list(store_root.rglob("quarantine.csv"))


def test_a_stated_share_of_bad_rows_is_left_out(whywin: Callable[..., Result], export: Path) -> None:
    """Within the share the bad rows are left out, counted, and kept as an artifact."""
    done = whywin("run", export, "--set", "deals.max_bad_share=0.5")

    assert done.exit_code == 0, done.output
    assert "50.0 %" in done.stdout


def test_schema_is_the_shipped_one(whywin: Callable[..., Result]) -> None:
    """`whywin schema` prints what configs/schema.json holds, so that editors complete what exists."""
    printed = json.loads(whywin("schema").stdout)

    assert printed == json.loads((ROOT / "configs/schema.json").read_text(encoding="utf-8"))


def test_methods_lists_every_file(whywin: Callable[..., Result]) -> None:
    """Each method and check is listed with its settings."""
    shown = whywin("methods").stdout

    members = [
        name for kind in catalogue.QUESTIONS for found in (catalogue.methods(kind), catalogue.checks(kind)) for name in found
    ]
    assert [name for name in members if name not in shown] == []


def test_simulate_writes_tables_and_truth(whywin: Callable[..., Result], tmp_path: Path) -> None:
    """A made-up market is written twice alike, with its truth."""
    for folder in ("one", "two"):
        assert whywin("simulate", "--to", folder, "--set", "deals=200").exit_code == 0

    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert {"deals.csv", "trial.csv", "truth.csv"} <= set(names)
    assert all((tmp_path / "one" / n).read_bytes() == (tmp_path / "two" / n).read_bytes() for n in names)


def test_simulate_refuses_an_unknown_knob(whywin: Callable[..., Result]) -> None:
    """A knob that does not exist is named with the nearest that does."""
    done = whywin("simulate", "--to", "x", "--set", "deal=200")

    assert done.exit_code == 2
    assert "deals" in done.stderr


def test_compare_says_what_differs(whywin: Callable[..., Result]) -> None:
    """Two runs with another seed differ in the seed, and the command says so."""
    whywin("run", TRIAL, *SMALL, "-q")
    whywin("run", TRIAL, *SMALL, "-q", "--set", "name=other", "--set", "seed=99")

    done = whywin("compare", "demo-trial", "other")

    assert done.exit_code == 0, done.output
    assert "seed" in done.stdout


def test_compare_of_an_unknown_run_names_those_there_are(whywin: Callable[..., Result]) -> None:
    """An unknown name is an error with a way out."""
    whywin("run", TRIAL, *SMALL, "-q")

    done = whywin("compare", "demo-trail", "demo-trial")

    assert done.exit_code == 2
    assert "demo-trial" in done.stderr


def test_ui_opens_on_this_machine_only(whywin: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    """The UI's address is printed, on the loopback."""
    monkeypatch.setattr(tracking, "serve_ui", lambda *_: 0)

    assert "http://127.0.0.1:5999/" in whywin("ui", "--port", "5999").stdout


def test_the_demo_runs_the_shipped_configs(whywin: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    """`whywin demo` finds its configs from any folder, shows the truth, and says how to look further."""
    monkeypatch.setattr("whywin.runner.DEMONSTRATION", ("trials/demo.yaml",))

    done = whywin("demo")

    assert done.exit_code == 0, done.output
    assert "truth" in done.stdout
    assert "whywin ui" in done.stdout


def test_the_demo_outside_a_checkout_says_so(whywin: Callable[..., Result], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without configs there is one sentence and no traceback."""
    monkeypatch.setattr("whywin.runner.DEMONSTRATION", ("no/such.yaml",))

    done = whywin("demo")

    assert done.exit_code == 2
    assert "checkout" in done.stderr


def test_help_and_import_are_light() -> None:
    """`import whywin` and `--help` import none of the heavy libraries."""
    code = (
        "import sys, whywin, whywin.cli; print(sorted({'pandas','pymc','mlflow','dowhy','matplotlib','ibis'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_the_version_is_told(whywin: Callable[..., Result]) -> None:
    """`whywin --version` prints one line."""
    assert re.fullmatch(r"whywin \d+\.\d+\.\d+\n", whywin("--version").stdout)


def test_the_ui_command_can_be_copied(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """After the demo the reader is told a command that works where they are: by name, by a relative path, or by a whole one."""
    beside = Path(sys.executable).parent / "whywin"
    monkeypatch.setattr(cli.shutil, "which", lambda _: None)

    monkeypatch.chdir(beside.parents[1])
    assert cli._program() == "bin/whywin"
    monkeypatch.chdir(tmp_path)
    assert cli._program() == str(beside)
    monkeypatch.setattr(cli.shutil, "which", lambda name: name)
    assert cli._program() == "whywin"


def test_help_names_every_command() -> None:
    """`python -m whywin --help` lists the commands."""
    done = subprocess.run([sys.executable, "-m", "whywin", "--help"], capture_output=True, text=True, check=True)

    assert all(name in done.stdout for name in ("run", "check", "schema", "methods", "simulate", "compare", "ui", "demo"))
