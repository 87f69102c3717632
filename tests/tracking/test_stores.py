"""Opening the store: made once, moved freely, tidied after the killed, and clear about what is wrong with it."""

import os
import shutil
import sqlite3
import subprocess
import sys

import psutil
import pytest
from filelock import Timeout

from whywin.errors import TrackingError
from whywin.tracking import latest, open_store, recorded, recording
from whywin.tracking import store as module
from whywin.tracking.faults import fault
from whywin.tracking.processes import HOST, PID, STARTED, is_gone, this_process

ARGUMENTS = {"experiment": "whywin", "tags": {}, "params": {}, "plan_text": ""}


def record(store, run, name="hand"):
    """Record a run and return its identifier."""
    with recording(store, name=name, **ARGUMENTS) as recorder:
        recorder.write_run(run, page="<p>page</p>", figures={})
    return recorder.run_id


def test_four_processes_may_make_a_store_at_once(tmp_path, started):
    """Four processes that find no store make one, and each records its run in it."""
    root = tmp_path / "mlruns"
    lines = "with tracking.recording(store, **arguments): pass"
    processes = [started(root, f"plan {number}", lines) for number in range(4)]
    said = [process.communicate(timeout=120) for process in processes]

    assert [process.returncode for process in processes] == [0, 0, 0, 0], said
    assert said == [("", "")] * 4, "and none of them says a word"
    assert {run.name for run in latest(open_store(root))} == {f"plan {number}" for number in range(4)}


def test_making_a_store_is_announced_and_half_made_ones_are_cleared(tmp_path, monkeypatch, template_store):
    """The one slow opening is announced; what a process that was killed while making a store left is cleared away."""
    root = tmp_path / "mlruns"
    root.mkdir()
    (root / "mlflow.db").touch()
    (root / ".mlflow.db.left").write_text("half")
    template = template_store / "mlflow.db"
    monkeypatch.setattr(module, "create", lambda address, _: shutil.copy(template, address.removeprefix("sqlite:///")))
    said = []

    assert open_store(root, said.append) == open_store(root, said.append)
    assert said == ["making the record of runs, once; this takes some seconds"]
    assert not list(root.glob(".mlflow.db.*"))


def test_opening_a_store_that_is_there_does_not_load_mlflow(store_root):
    """Opening what is there is quick: MLflow is not even imported for it."""
    lines = (
        f"import sys; from whywin import tracking; tracking.open_store({str(store_root)!r}); assert 'mlflow' not in sys.modules"
    )

    assert subprocess.run([sys.executable, "-c", lines], check=False).returncode == 0


def test_a_moved_folder_shows_its_artifacts(store, made, tmp_path):
    """After the folder was moved its runs have their files, in our reading and in MLflow's own, and a new run goes there too."""
    run_id = record(store, made())
    moved = tmp_path / "another place (new)" / "mlruns"
    moved.parent.mkdir()
    shutil.move(store.root, moved)
    there = open_store(moved)
    again = recorded(there, run_id)
    from whywin.tracking.quiet import client

    with client(there.uri) as link:
        listed = {file.path for file in link.list_artifacts(run_id)}

    assert moved / "artifacts" in again.folder.parents
    assert again.page_path.read_text() == "<p>page</p>"
    assert {"page.html", "plan.yaml", "tables"} <= listed
    assert moved in recorded(there, record(there, made())).folder.parents
    assert not store.root.exists()


def test_a_run_of_a_living_process_is_left_alone(store):
    """Opening the store while another recording goes on does not mark that one FAILED."""
    with recording(store, name="going on", **ARGUMENTS) as recorder:
        open_store(store.root)

        assert recorded(store, recorder.run_id).status == "RUNNING"


def test_a_process_killed_while_closing_leaves_no_finished_method(store, made):
    """When the parent run was not closed any more, its methods' runs that were count as FAILED too."""
    run_id = record(store, made())
    with sqlite3.connect(store.database) as database:
        database.execute("UPDATE runs SET status = 'RUNNING' WHERE run_uuid = ?", (run_id,))
        database.execute("UPDATE tags SET value = '999999999' WHERE key = ?", (PID,))
    database.close()
    open_store(store.root)
    with sqlite3.connect(store.database) as database:
        assert database.execute("SELECT status FROM runs").fetchall() == [("FAILED",), ("FAILED",)]
    database.close()
    assert recorded(store, run_id).page_path is None


def test_a_killed_sweep_keeps_its_finished_plans(store, made):
    """A plan's run is whole when it is FINISHED, whatever became of the sweep above it."""
    sweep = record(store, made())
    with recording(store, name="hand-01", **{**ARGUMENTS, "tags": {"mlflow.parentRunId": sweep}}) as recorder:
        recorder.write_run(made(), page="<p>page</p>", figures={})
    with sqlite3.connect(store.database) as database:
        database.execute("UPDATE runs SET status = 'RUNNING' WHERE run_uuid = ?", (sweep,))
        database.execute("UPDATE tags SET value = '999999999' WHERE key = ? AND run_uuid = ?", (PID, sweep))
    database.close()
    opened = open_store(store.root)

    assert [recorded(opened, run).status for run in (sweep, recorder.run_id)] == ["FAILED", "FINISHED"]


@pytest.mark.parametrize(
    ("change", "gone"),
    [
        ({}, False),
        ({PID: "999999999"}, True),
        ({STARTED: "1000.0"}, True),
        ({HOST: "elsewhere", PID: "999999999"}, False),
        ({PID: "many"}, False),
    ],
)
def test_who_is_gone(change, gone):
    """A process is gone when none has its number, or another does; of another machine's we know nothing."""
    assert is_gone({**this_process(), **change}) is gone


def test_a_process_that_may_not_be_looked_at_is_there(monkeypatch):
    """A process that we may not look at is there."""

    def refuse(*_):
        raise psutil.AccessDenied(1)

    tags = this_process()
    monkeypatch.setattr(psutil, "Process", refuse)

    assert not is_gone(tags)


def test_a_zombie_is_gone():
    """A process that has ended but was not yet collected by its parent is gone."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    tags = {PID: str(process.pid), HOST: this_process()[HOST], STARTED: str(psutil.Process(process.pid).create_time())}
    process.kill()
    while psutil.Process(process.pid).status() != psutil.STATUS_ZOMBIE:
        pass

    assert is_gone(tags)
    process.communicate()


def test_a_broken_database_is_named_with_the_way_out(tmp_path):
    """A file that is no database gives one sentence that says what to do."""
    (tmp_path / "mlflow.db").write_text("this is no database " * 1000)

    with pytest.raises(TrackingError, match=r"mlflow\.db: the record of runs is broken .* put a copy of it back"):
        open_store(tmp_path)


def test_a_database_of_something_else_is_broken(tmp_path):
    """A database without MLflow's tables is refused and left as it was."""
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        database.execute("CREATE TABLE other (x)")
    database.close()

    with pytest.raises(TrackingError, match="is broken"):
        open_store(tmp_path)
    with sqlite3.connect(tmp_path / "mlflow.db") as database:
        assert database.execute("SELECT name FROM sqlite_master").fetchall() == [("other",)]
    database.close()


def test_a_locked_database_is_named(store_root, monkeypatch):
    """A database that another program keeps locked gives one sentence after a while."""
    monkeypatch.setattr(module, "PATIENCE", 0.1)
    open_store(store_root)
    other = sqlite3.connect(store_root / "mlflow.db", isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(TrackingError, match="another program keeps the record of runs locked"):
            open_store(store_root)
    finally:
        other.close()


def test_another_version_of_mlflow_is_named(store):
    """A database made by another version of MLflow is refused with the command that brings it up to date."""
    with sqlite3.connect(store.database) as database:
        database.execute("UPDATE alembic_version SET version_num = '451aebb31d03'")
    database.close()

    with pytest.raises(TrackingError, match=r"another version of MLflow; .* db upgrade"), recording(store, name="x", **ARGUMENTS):
        pass


def test_a_file_where_the_folder_should_be(tmp_path):
    """A file by the folder's name is named as such."""
    (tmp_path / "mlruns").touch()

    with pytest.raises(TrackingError, match="must be a folder"):
        open_store(tmp_path / "mlruns")


@pytest.mark.parametrize("sign", ["?", "%"])
def test_a_path_that_mlflow_misreads_is_refused(tmp_path, sign):
    """MLflow would write to another folder for a path with these signs, so the store is refused, and nothing made."""
    with pytest.raises(TrackingError, match="MLflow misreads"):
        open_store(tmp_path / f"a{sign}20b")
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_read_only_store_is_named(store_root, tmp_path):
    """A store on a read-only disk gives one sentence."""
    open_store(store_root)
    bound = ["mount", "--bind", str(store_root), str(store_root)]
    if subprocess.run(bound, check=False, capture_output=True).returncode != 0:
        pytest.skip("mounting is not allowed here")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", str(store_root)], check=True)
        with pytest.raises(TrackingError, match="may not be written to"):
            open_store(store_root)
    finally:
        subprocess.run(["umount", str(store_root)], check=True)


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (sqlite3.OperationalError("database or disk is full"), "no space left"),
        (OSError(28, "No space left on device"), "no space left"),
        (OSError("Can't write data (errno = 28, error message = 'No space left on device')"), "no space left"),
        (sqlite3.OperationalError("attempt to write a readonly database"), "may not be written to"),
        (PermissionError(13, "Permission denied"), "may not be written to"),
        (sqlite3.OperationalError("unable to open database file"), "cannot be opened"),
        (Timeout("mlruns/.lock"), "keeps the record of runs locked"),
        (OSError(5, "Input/output error"), "cannot be used: .*Input/output error"),
    ],
)
def test_each_fault_has_its_sentence(tmp_path, error, says):
    """Whatever the system says about a store becomes a sentence with a way out."""
    with pytest.raises(TrackingError, match=says):
        raise fault(tmp_path, error)
