"""Every command and code block of the README works."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from shutil import copytree

import pandas as pd
import pytest

import whywin
from whywin.config import load_plan
from whywin.worlds.market import Market, simulate

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)
COMMANDS = [line for language, text in BLOCKS if language == "sh" for line in text.splitlines()]
NEEDS_DATA = ("skygeni", "ibm")
LONG = (
    "segments.yaml",
    "target_trial.yaml",
    "experiments/noise",
    "experiments/confounding",
    *NEEDS_DATA,
)  # ten seconds to a minute each


def blocks(language: str) -> list[str]:
    """The README's blocks in one language."""
    return [text for name, text in BLOCKS if name == language]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder as the README's reader has it: the checkout's configs, an export of their own, and a store."""
    folder = tmp_path_factory.mktemp("desk")
    copytree(ROOT / "configs", folder / "configs")  # some commands write beside a config
    (folder / "experiments").symlink_to(ROOT / "experiments")
    (folder / "my_win_rates.yaml").write_text(blocks("yaml")[0], encoding="utf-8")
    exported(folder / "my_deals.csv")
    return folder


def exported(path: Path) -> None:
    """Write a made-up market as the README's CRM would export it."""
    table = simulate(Market(deals=1200, seed=5)).tables["deals"]
    names = {"deal_id": "Opportunity ID", "created": "Opened", "closed": "Closed", "rep": "Owner", "amount": "ACV"}
    labels = {"Won": "Closed Won", "Lost": "Closed Lost", "Open": "In Progress"}
    table = table.rename(columns=names).assign(Status=table["outcome"].map(labels)).drop(columns="outcome")
    pd.DataFrame(table).to_csv(path, index=False)


def environment(folder: Path, shared: Path | None = None) -> dict[str, str]:
    """The environment of the README's reader."""
    there = {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}", "WHYWIN_STORE": str(folder / "mlruns")}
    return {**os.environ, **there, **({"WHYWIN_DATA": str(shared / "data")} if shared else {})}


@pytest.mark.parametrize("command", [line for line in COMMANDS if line.startswith("make ")])
def test_make_knows_its_commands(command: str) -> None:
    """The two commands are targets of the Makefile."""
    subprocess.run([*shlex.split(command), "-n"], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(line, marks=[pytest.mark.slow] if any(name in line for name in LONG) else [])
        for line in COMMANDS
        if line.startswith(("whywin ", "python ", "cp "))
    ],
)
def test_a_command_of_the_readme_ends_well(command: str, desk: Path, request: pytest.FixtureRequest) -> None:
    """A reader who copies the command gets no error: the exit code is 0 or, where a check may fail honestly, 1."""
    real = any(name in command for name in NEEDS_DATA)
    env = environment(desk, request.getfixturevalue("shared") if real else None)
    words = shlex.split(command)
    if words[0] == "whywin":
        words = [sys.executable, "-m", *words]
    done = subprocess.run([*words], cwd=desk, env=env, capture_output=True, text=True, timeout=300, check=False)

    honest = "experiments/" in command or words[-2:][0] == "design"  # a statement that breaks, a design that finds too little
    assert done.returncode in ((0, 1) if honest else (0,)), done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_the_notebook_lines_run(desk: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The Python lines of the README give an answer and a figure."""
    monkeypatch.chdir(desk)
    names: dict[str, object] = {}
    exec(compile(blocks("python")[0], "README", "exec"), names)  # noqa: S102 - the README is ours

    assert isinstance(names["run"], whywin.Run)


def test_the_method_of_the_readme_is_a_method(desk: Path) -> None:
    """The example of a new method answers the question that it is made for."""
    names: dict[str, object] = {"__name__": "jeffreys"}
    exec(compile(blocks("python")[1], "README", "exec"), names)  # noqa: S102 - the README is ours
    plan = load_plan(ROOT / "configs/winrates/demo.yaml", ["source.world.deals=500"])
    made = whywin.Plan(plan.name, plan.question, {"jeffreys": names["Jeffreys"]()}, plan.source, plan.deals)
    table = whywin.read(made.source)

    assert 0 < whywin.study(made, table.frame).headline.of("win rate").value < 100


def test_the_tree_of_the_readme_is_the_tree() -> None:
    """Every folder and file that the README names is there."""
    tree = next(text for name, text in BLOCKS if not name)
    inner = [line.split()[0] for line in tree.splitlines() if line.startswith("  ")]
    outer = [line.split()[0] for line in tree.splitlines() if not line.startswith("  ")]

    assert [name for name in inner if not (ROOT / "src/whywin" / name).exists()] == []
    assert [name for name in outer if not (ROOT / name).exists()] == []


def test_every_link_and_picture_is_there() -> None:
    """The README points at nothing that is missing."""
    targets = re.findall(r"\]\(([^)]+)\)", README)

    assert [target for target in targets if not target.startswith("http") and not (ROOT / target).exists()] == []
