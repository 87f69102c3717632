"""Fanning out: the same numbers from any number of workers, of this machine or a cluster; what dies is done again; what fails fails alone."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from whywin import tracking
from whywin.cli import app
from whywin.errors import ConfigError, DataError
from whywin.experiment import conduct
from whywin.fanning import Fan, LostError, fan_out, fanned_by, in_threads, values
from whywin.sweeping import sweep

# The tasks are made inside functions, so that they go to workers by value: these do not find the modules of tests.


def bootstrap() -> Callable[[int], np.ndarray]:
    """A task whose last bits show what it was computed from."""

    def means(seed: int) -> np.ndarray:
        rng = np.random.default_rng(seed)
        draws = rng.normal(size=(40, 300))
        return np.linalg.solve(draws @ draws.T, draws).mean(axis=1)

    return means


def dying(flag: Path) -> Callable[[int], int]:
    """A task whose number 2 kills its worker the first time."""

    def work(number: int) -> int:
        if number == 2 and not flag.exists():
            flag.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.02)
        return number

    return work


def test_numbers_do_not_depend_on_the_workers(cluster) -> None:
    """One worker, two, and two of a Dask cluster give the same numbers to the last bit."""
    tasks = [(seed,) for seed in range(8)]
    with fanned_by(Fan(workers=1)):
        one = values(bootstrap(), tasks)
    with fanned_by(Fan(workers=2)):
        two = values(bootstrap(), tasks)
    with fanned_by(cluster.fan):
        dask = values(bootstrap(), tasks)

    assert [a.tobytes() for a in one] == [a.tobytes() for a in two] == [a.tobytes() for a in dask]


def test_a_task_that_fails_fails_alone(cluster) -> None:
    """The others have their values; its own error comes back with all that it knew, and the traceback of its worker."""

    def work(number: int) -> object:
        if number == 1:
            raise DataError(["no deals", "no reps"])
        if number == 2:
            raise SystemExit(3)
        return (_ for _ in ()) if number == 3 else number

    for fan in (Fan(workers=2), cluster.fan):
        ended = {outcome.number: outcome for outcome in fan_out(work, [(number,) for number in range(5)], fan=fan)}
        assert (ended[0].get(), ended[4].get()) == (0, 4)
        assert isinstance(ended[1].error, DataError)
        assert ended[1].error.faults == ("no deals", "no reps")
        assert "in work" in ended[1].error.__notes__[0]
        assert isinstance(ended[2].error, SystemExit)
        assert "pickle" in str(ended[3].error)
        with pytest.raises(DataError):
            ended[1].get()


def test_an_error_that_cannot_travel_is_told_in_words() -> None:
    """An exception that holds what cannot be packed comes back as its name and message."""

    def work(number: int) -> int:
        error = ValueError("odd")
        error.held = (_ for _ in ())
        raise error

    with fanned_by(Fan(workers=2)):
        found = [outcome.error for outcome in fan_out(work, [(0,), (1,)])]

    assert [str(error) for error in found] == ["ValueError: odd"] * 2


def test_tasks_of_a_dead_process_are_done_again(tmp_path: Path) -> None:
    """A process that is killed in the midst costs nothing but time."""
    with fanned_by(Fan(workers=2)):
        assert values(dying(tmp_path / "killed"), [(number,) for number in range(6)]) == list(range(6))
    assert (tmp_path / "killed").exists()


def test_a_task_that_kills_every_process_is_given_up_alone() -> None:
    """After three of them it ends with a sentence; every other task has its value."""

    def work(number: int) -> int:
        if number == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    ended = {outcome.number: outcome for outcome in fan_out(work, [(number,) for number in range(6)], fan=Fan(workers=2))}

    assert [number for number, outcome in ended.items() if outcome.error] == [2]
    with pytest.raises(LostError, match="each of the 3 processes that had it died"):
        ended[2].get()


def test_tasks_of_a_dead_dask_worker_are_done_again(cluster, tmp_path: Path) -> None:
    """The scheduler gives them to those that are left."""
    cluster.workers(1, "--no-nanny")
    with fanned_by(cluster.fan):
        assert values(dying(tmp_path / "killed"), [(number,) for number in range(6)]) == list(range(6))

    assert (tmp_path / "killed").exists()


@pytest.mark.slow
def test_a_task_that_kills_every_dask_worker_is_given_up_alone(clusters: Callable) -> None:
    """Those that waited for the same workers are not blamed; and a scheduler that is gone ends all with a sentence."""
    cluster = clusters()
    cluster.workers(2)

    def work(number: int) -> int:
        if number == 2:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(0.1)
        return number

    ended = {one.number: one for one in fan_out(work, [(number,) for number in range(8)], fan=cluster.fan)}
    assert [number for number, outcome in ended.items() if outcome.error] == [2]
    with pytest.raises(LostError, match="the cluster gave it up: KilledWorker"):
        ended[2].get()

    def slow(number: int) -> int:
        time.sleep(0.3)
        return number

    seen = []

    def listen() -> None:
        for outcome in fan_out(slow, [(number,) for number in range(30)], fan=cluster.fan):
            seen.append(outcome)
            if len(seen) == 2:
                cluster.processes[0].kill()

    with pytest.raises(ConfigError, match="is gone, or lost its tasks"):
        listen()


def test_progress_is_told_and_nothing_fans_out_twice() -> None:
    """Whoever listens hears how many are done; what fans out inside a task goes in turns, with its share of the threads."""
    said = []
    with fanned_by(Fan(workers=2), said.append):
        inner = values(os.getpid, [(), ()], what="worlds")

    assert said == ["1 of 2 worlds are done", "2 of 2 worlds are done"]
    assert os.getpid() not in inner

    def outer(number: int) -> tuple[int, list[int], list[int]]:
        return os.getpid(), values(os.getpid, [(), ()]), in_threads(lambda one: one, [(number,), (number + 1,)])

    with fanned_by(Fan(workers=2)):
        for number, (own, theirs, same) in enumerate(values(outer, [(0,), (1,)])):
            assert theirs == [own, own]
            assert same == [number, number + 1]


def test_the_first_error_ends_all() -> None:
    """`values` raises what a task raised, and the workers are free for the next."""

    def work(number: int) -> int:
        return 1 // number

    with fanned_by(Fan(workers=2)):
        with pytest.raises(ZeroDivisionError):
            values(work, [(number,) for number in range(20)])
        assert values(work, [(1,), (1,)]) == [1, 1]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--engine", "dask"], "needs the address of a scheduler; add --scheduler tcp://HOST:8786"),
        (["--engine", "dask", "--scheduler", "tcp://h:1", "--workers", "2"], "a cluster has the workers that were started"),
        (["--scheduler", "tcp://h:1"], "belongs to --engine dask; add that, or leave --scheduler out"),
        (["--engine", "ray"], "must be processes or dask"),
    ],
)
@pytest.mark.parametrize("command", ["run", "sweep", "report"])
def test_options_that_do_not_go_together_are_told(
    command: str, words: list[str], says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Value, rule and way out in one message, and exit code 2."""
    monkeypatch.setenv("COLUMNS", "300")
    ended = CliRunner().invoke(app, [command, str(tmp_path / "plan.yaml"), *words, "--store", str(tmp_path / "mlruns")])

    assert ended.exit_code == 2
    assert says in ended.stderr.replace("\n", " ")


def test_options_of_a_report_need_its_runs(tmp_path: Path) -> None:
    """What says how plans are run is refused where none are run, and the numbers of workers begin at one."""
    ended = CliRunner().invoke(app, ["report", str(tmp_path / "report.yaml"), "--workers", "2"])

    assert (ended.exit_code, "add --run, or leave them out" in ended.stderr.replace("\n", " ")) == (2, True)
    with pytest.raises(ConfigError, match="--workers 0: must be 1 or more"):
        Fan(workers=0)


def test_a_scheduler_that_is_not_there_is_told() -> None:
    """An address at which nothing answers is named, with what prints the right one."""
    pytest.importorskip("distributed", reason="whywin[dask] is not installed")
    with pytest.raises(ConfigError, match=r"--scheduler nowhere: no scheduler answers there .* start one by `dask scheduler`"):
        next(fan_out(abs, [(1,), (2,)], fan=Fan(engine="dask", scheduler="nowhere")))


def test_a_missing_package_says_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without Dask a cluster is refused in a sentence."""
    monkeypatch.setitem(sys.modules, "distributed", None)

    with pytest.raises(ConfigError, match=r"install whywin\[dask\]"):
        next(fan_out(abs, [(1,), (2,)], fan=Fan(engine="dask", scheduler="tcp://127.0.0.1:1")))


@pytest.mark.slow
def test_workers_of_several_threads_are_refused(clusters: Callable, monkeypatch: pytest.MonkeyPatch) -> None:
    """And a cluster without any worker: each with the command that starts the right ones."""
    monkeypatch.setattr("whywin.fanning.cluster.WAIT", 0.2)
    cluster = clusters()
    with pytest.raises(ConfigError, match="no worker came within"):
        list(fan_out(abs, [(1,)], fan=cluster.fan))

    monkeypatch.setattr("whywin.fanning.cluster.WAIT", 30)
    cluster.workers(1, "--no-nanny", "--nthreads", "2")
    with pytest.raises(ConfigError, match=r"has 2 threads, .* start its workers with --nthreads 1"):
        list(fan_out(abs, [(1,)], fan=cluster.fan))


RATES = """\
name: rates
question: {kind: winrates, segments: [region]}
methods: [observed]
source: {path: deals.csv}
"""
CALLS = """\
name: calls
question: {kind: effect, treatment: called, confounders: [region]}
methods: [difference]
checks:
  - placebo: {refits: 5}
source: {path: deals.csv}
sweep: {checks.0.placebo.refits: [5, 1000000, 1000001]}
"""  # two that would take hours


@pytest.mark.slow
def test_ctrl_c_leaves_whole_runs_and_no_process(tmp_path: Path, store_root: Path) -> None:
    """What was finished is recorded whole, nothing is half-written, no worker is left: 130 and one sentence."""
    write_deals(tmp_path)
    (tmp_path / "plan.yaml").write_text(CALLS, encoding="utf-8")
    command = [sys.executable, "-m", "whywin", "sweep", "plan.yaml", "--workers", "2", "--store", str(store_root)]
    started = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True, start_new_session=True)
    try:
        until(lambda: any(store_root.rglob("page.html")))
        time.sleep(1)
        os.killpg(started.pid, signal.SIGINT)
        said = started.communicate(timeout=100)[1]
        until(lambda: not alive(started.pid))
    finally:
        if alive(started.pid):
            os.killpg(started.pid, signal.SIGKILL)
            started.communicate()
    runs = {run.name: run.status for run in tracking.latest(tracking.open_store(store_root), limit=20)}

    assert (started.returncode, said.startswith("Interrupted: "), said.count("\n")) == (130, True, 1), said
    assert runs == {"calls": "FAILED", "calls-01": "FINISHED"}


def write_deals(folder: Path) -> None:
    """Write a small table of deals."""
    rows = [f"{n},{'NSE'[n % 3]},{('won', 'lost')[n // 2 % 2]},{n % 2}" for n in range(60)]
    (folder / "deals.csv").write_text("\n".join(["deal_id,region,outcome,called", *rows]), encoding="utf-8")


@pytest.mark.slow
def test_a_sweep_over_a_cluster_is_that_of_one_process(cluster, tmp_path: Path, store_root: Path) -> None:
    """The same estimates to the last bit; the workers have no record, and a plan that fails fails its run only."""
    write_deals(tmp_path)
    path = tmp_path / "plan.yaml"
    path.write_text(RATES, encoding="utf-8")
    changes = ["sweep={question.level: [0.5, 0.9], question.segments: [[region], [regoin]]}"]
    one, dask = (sweep([path], changes, store_root=store_root, port=5000, fan=fan) for fan in (Fan(1), cluster.fan))
    store = tracking.open_store(store_root)

    assert [place.estimates for place in one.curve.all] == [place.estimates for place in dask.curve.all]
    assert [bool(place.failure) for place in dask.curve.all] == [False, True, False, True]
    assert {tracking.recorded(store, place.run).status for place in dask.curve.all if place.failure} == {"FAILED"}
    assert "In its worker:" in next(store_root.rglob(f"{dask.curve.all[1].run}/**/traceback.txt")).read_text(encoding="utf-8")


def until(holds: Callable[[], bool]) -> None:
    """Wait two minutes for something at most: beside other tests a run may take one."""
    for _ in range(1200):
        if holds():
            return
        time.sleep(0.1)
    pytest.fail("waited for too long")


def alive(group: int) -> bool:
    """Whether a group of processes has one left."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_ctrl_c_ends_with_130_and_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command ends at once, with no config after the one that it was at; an experiment likewise."""
    asked = []

    def interrupted(path: object, *_: object, **__: object) -> None:
        asked.append(path)
        raise KeyboardInterrupt

    monkeypatch.setattr("whywin.runner.execute", interrupted)
    for name in ("one.yaml", "other.yaml"):
        (tmp_path / name).write_text("name: x\n", encoding="utf-8")
    ended = CliRunner().invoke(app, ["run", str(tmp_path / "one.yaml"), str(tmp_path / "other.yaml")])

    assert (ended.exit_code, asked) == (130, [tmp_path / "one.yaml"])
    assert ended.stderr.startswith("Interrupted: runs that were finished are recorded")

    (tmp_path / "coin.yaml").write_text("experiment: coin\nsettings: {}\n", encoding="utf-8")
    monkeypatch.setattr("whywin.experiment._recorded", interrupted)
    words = [str(tmp_path / "coin.yaml")]
    assert conduct(Coin, "A coin is thrown.", interrupted, interrupted, words) == 130
    assert conduct(Coin, "A coin is thrown.", interrupted, interrupted, [*words, "--engine", "dask"]) == 2


@dataclass(frozen=True)
class Coin:
    """An experiment without settings."""


def test_what_a_pool_says_of_its_own_end_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The KeyError by which loky's thread may end when it is interrupted is not shown; whatever else is raised in a thread is."""
    heard: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda raised: heard.append(raised.thread.name))
    list(fan_out(bootstrap(), [(1,), (2,)], fan=Fan(workers=2)))
    pool, other = threading.Thread(name="ExecutorManagerThread"), threading.Thread(name="other")

    for error, thread in ((KeyError(8), pool), (ValueError(8), pool), (KeyError(8), other)):
        threading.excepthook(threading.ExceptHookArgs((type(error), error, None, thread)))

    assert heard == ["ExecutorManagerThread", "other"]
