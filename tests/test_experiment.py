"""The driver of experiments, and the three that stand."""

import runpy
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import pandas as pd
import pytest
from annotated_types import Ge, doc

from whywin import tracking
from whywin.experiment import conduct

ROOT = Path(__file__).parents[1]
SCRIPTS = sorted((ROOT / "experiments").glob("*.py"))
BRIEF = {
    "calibration": ("datasets=80",),
    "claims": ("worlds=20",),
    "decomposition": ("worlds=40",),
    "effect_coverage": ("worlds=150",),
    "noise": ("worlds=24",),
}  # with all worlds of their configs these would take more than CI has for slow tests together
ON_REAL_DATA = {"within_study"}  # skipped where there are none


@dataclass(frozen=True)
class Coin:
    """A coin that is thrown."""

    throws: Annotated[int, Ge(1), doc("number of throws")] = 10
    seed: Annotated[int, Ge(0), doc("start of the random numbers")] = 0


def held(table: pd.DataFrame) -> tuple[bool, str]:
    """Judge that at least five throws were made."""
    return len(table) >= 5, f"{len(table)} throws were made."


@pytest.fixture
def conducted(store_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Conduct the coin's experiment with the arguments given."""
    monkeypatch.setenv("WHYWIN_STORE", str(store_root))
    (tmp_path / "coin.yaml").write_text("experiment: coin\nsettings: {throws: 10}\n", encoding="utf-8")

    def run(*arguments: str) -> int:
        words = [str(tmp_path / "coin.yaml"), *arguments]
        return conduct(Coin, "A coin is thrown.", lambda s: pd.DataFrame({"throw": range(s.throws)}), held, words)

    return run


def test_a_statement_that_holds_ends_with_0_and_is_recorded(
    conducted: Callable[..., int], store_root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The verdict is printed and kept in MLflow."""
    assert conducted() == 0
    assert "held" in capsys.readouterr().out
    assert tracking.latest(tracking.open_store(store_root))[0].name == "coin"


def test_a_statement_that_breaks_ends_with_1(conducted: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """A broken statement is a result, recorded like any other, and shows in the exit code."""
    assert conducted("--set", "settings.throws=3") == 1
    assert "BROKEN" in capsys.readouterr().out


def test_a_mistake_in_its_config_ends_with_2(conducted: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    """A setting out of bounds is one message, and nothing is simulated."""
    assert conducted("--set", "settings.throws=0") == 2
    assert "throws" in capsys.readouterr().err


def test_there_are_configs_for_all_experiments() -> None:
    """Each script has its config, and each config its script."""
    configs = {path.stem for path in (ROOT / "configs/experiments").glob("*.yaml")}

    assert {path.stem for path in SCRIPTS} == configs


@pytest.mark.slow
@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_the_statement_holds(
    script: Path, store_root: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """With the settings of its config, or fewer worlds where these take long, each statement about our own methods holds."""
    if script.stem in ON_REAL_DATA:
        monkeypatch.setenv("WHYWIN_DATA", str(request.getfixturevalue("shared") / "data"))
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("WHYWIN_STORE", str(store_root))
    changes = [word for change in BRIEF.get(script.stem, ()) for word in ("--set", f"settings.{change}")]
    monkeypatch.setattr("sys.argv", [str(script), *changes])

    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(script), run_name="__main__")

    assert ended.value.code == 0
