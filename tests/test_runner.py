"""The shell around `study`: what is recorded when things go well, and when they do not."""

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from whywin import runner, tracking
from whywin.errors import ConfigError
from whywin.trials.methods.fixed import Fixed

ROOT = Path(__file__).parents[1]
TRIAL = ROOT / "configs/trials/demo.yaml"
SMALL = ("source.world.deals=600",)


def test_a_run_is_recorded_with_its_page(store_root: Path) -> None:
    """The page lies where the record says, and the record is FINISHED."""
    finished = runner.execute(TRIAL, SMALL, store_root=store_root, port=5000)

    there = tracking.recorded(tracking.open_store(store_root), finished.run_id)
    assert there.status == "FINISHED"
    assert finished.run.answer.split(":")[0][:20] in finished.page.read_text(encoding="utf-8")


def test_the_same_config_gives_the_same_bits(store_root: Path) -> None:
    """Two runs of one config agree in every estimate to the last bit, and in the fingerprint of the data."""
    one, two = (runner.execute(TRIAL, SMALL, store_root=store_root, port=5000).run for _ in range(2))

    assert one.headline.estimates == two.headline.estimates
    assert one.deals.fingerprint == two.deals.fingerprint


def test_an_exception_in_a_method_is_a_failed_run(store_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug is left to crash, the run is FAILED at once with its traceback, and no page is there."""

    def broken(self: Fixed, *_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Fixed, "answer", broken)

    with pytest.raises(ZeroDivisionError):
        runner.execute(TRIAL, SMALL, store_root=store_root, port=5000)

    assert tracking.latest(tracking.open_store(store_root))[0].status == "FAILED"
    assert list(store_root.rglob("traceback.txt"))
    assert not list(store_root.rglob("page.html"))


def test_a_killed_run_is_failed_by_the_next_command(store_root: Path, tmp_path: Path) -> None:
    """SIGKILL in the middle leaves no page, a readable store, and a run that the next command marks FAILED."""
    code = (
        "import sys, time; from pathlib import Path; from whywin import runner; from whywin.trials.methods.fixed import Fixed\n"
        "Fixed.answer = lambda *a: (print('in the middle', flush=True), time.sleep(120))\n"
        f"runner.execute(Path({str(TRIAL)!r}), {SMALL!r}, store_root=Path({str(store_root)!r}), port=5000)"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=tmp_path) as child:
        assert child.stdout.readline() == "in the middle\n"
        child.send_signal(signal.SIGKILL)
        child.wait(timeout=30)
    time.sleep(0.1)

    runner.execute(TRIAL, SMALL, store_root=store_root, port=5000)

    statuses = [run.status for run in tracking.latest(tracking.open_store(store_root))]
    assert sorted(statuses) == ["FAILED", "FINISHED"]
    assert len(list(store_root.rglob("page.html"))) == 1


def test_a_plan_without_a_source_cannot_be_run(tmp_path: Path, store_root: Path) -> None:
    """A config that does not say where the deals are is refused with the way out."""
    path = tmp_path / "plan.yaml"
    path.write_text("name: x\nquestion: {kind: winrates, segments: [region]}\nmethods: [observed]\n", encoding="utf-8")

    with pytest.raises(ConfigError, match="source"):
        runner.execute(path, store_root=store_root, port=5000)
