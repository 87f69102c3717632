"""Recording a run: everything in it when it is FINISHED, and FAILED whatever ends it before."""

import errno
import json
import logging
import os
import signal
import subprocess
import threading
import time
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from whywin.errors import QuestionError, TrackingError
from whywin.evidence import Evidence
from whywin.plan import File, Simulated
from whywin.tracking import artifacts, contents, latest, open_store, origin, recorded, recording
from whywin.tracking.quiet import client
from whywin.tracking.writer import Writer
from whywin.worlds.market import Market

ARGUMENTS = {"experiment": "whywin", "tags": {"kind": "winrates"}, "params": {"seed": 7}, "plan_text": "name: hand\n"}
HALF_WRITTEN = """
from whywin.plan import File, Simulated
from whywin.tracking import artifacts
true_write_by = artifacts.write_by
def slow(folder, name, fill):
    if name == "page.html":
        def half(path):
            path.write_text("<p>hal")
            print("half", flush=True)
            time.sleep(60)
        return true_write_by(folder, name, half)
    return true_write_by(folder, name, fill)
artifacts.write_by = slow
with tracking.recording(store, **arguments) as record:
    record.attach("page.html", "<p>half</p>")
"""


def runs(store):
    """Return every run of a store, child runs too, by name."""
    with client(store.uri) as link:
        ids = [found.experiment_id for found in link.search_experiments()]
        return {run.info.run_name: run for run in link.search_runs(ids)}


def test_a_finished_run_has_everything(store, made):
    """A finished run has its plan, estimates, checks, tables, figures, page and description, and a child run a method."""
    run = made(methods=("observed", "another"))
    with recording(store, name="hand", **ARGUMENTS) as recorder:
        assert runs(store)["hand"].info.status == "RUNNING", "it is there at once"
        recorder.write_run(run, page="<p>page</p>", figures={"rates": "<svg/>"})
        assert recorder.page_path.read_text() == "<p>page</p>"
        assert all(link.startswith("http://127.0.0.1:5055/#/experiments/1/runs") for link in recorder.links(5055).values())
    found = runs(store)
    parent = found["hand"]
    files = {str(path.relative_to(recorder.folder)) for path in recorder.folder.rglob("*.*")}

    assert set(found) == {"hand", "hand by observed", "hand by another"}
    assert {run.info.status for run in found.values()} == {"FINISHED"}
    assert {
        "page.html",
        "plan.yaml",
        "quarantine.csv",
        "figures/rates.svg",
        "tables/estimates.json",
        "tables/checks.json",
    } < files
    assert parent.data.metrics["estimate/win rate.industry.FinTech"] == 51.0
    assert parent.data.metrics["low/win rate.all"] == 46.0
    assert found["hand by another"].data.metrics["high/win rate.all"] == 64.0
    assert found["hand by another"].data.tags["mlflow.parentRunId"] == recorder.run_id
    assert parent.data.metrics["check/overlap"] == 0.0, "one of the two checks by that name did not pass"
    assert (parent.data.metrics["sound"], parent.data.metrics["quality/score"], parent.data.metrics["deals/kept"]) == (1, 99, 20)
    assert {
        "grade": "E",
        "headline": "observed",
        "seed": "7",
        "kind": "winrates",
        "version.numpy": "2.5.0",
    }.items() <= parent.data.tags.items()
    assert parent.inputs.dataset_inputs[0].dataset.digest == "ab" * 18
    assert parent.data.tags["fingerprint"] == "ab" * 32


def test_the_description_shows_data_as_text(store, made):
    """The description begins with the answer, and neither markup nor Markdown in data has an effect."""
    text = contents.description(made(failed=True))

    assert text.startswith("**The win rate is \\*50\\* % in &lt;script&gt;.**\n")
    assert "not sound" in text
    assert "- failed: enough: 20 &lt;b&gt;deals&lt;/b&gt;" in text
    assert "<" not in text


def test_mlflow_shows_the_tables(store, made):
    """MLflow itself reads the tables back and lists them as tables."""
    with recording(store, name="hand", **ARGUMENTS) as recorder:
        recorder.write_run(made(), page="", figures={})
    with client(store.uri) as link:
        table = link._read_from_file(link.download_artifacts(recorder.run_id, "tables/estimates.json"))
        listed = json.loads(link.get_run(recorder.run_id).data.tags["mlflow.loggedArtifacts"])

    assert list(table["value"]) == [50.0, 51.0, 52.0]
    assert {"path": "tables/estimates.json", "type": "table"} in listed


def test_more_tables_than_a_tag_names(store, made):
    """All tables are kept, however many, though MLflow is told of no more than one tag can name."""
    run = made()
    tables = {f"a table with a long name, number {number}": pd.DataFrame({"x": [1]}) for number in range(200)}
    run.evidence["observed"] = replace(run.headline, tables=tables)
    with recording(store, name="hand", **ARGUMENTS) as recorder:
        recorder.write_run(run, page="", figures={})
    child = runs(store)["hand by observed"]

    assert recorder.run_id != child.info.run_id
    assert len(list(artifacts.folder_of(child.info.artifact_uri).glob("tables/*.json"))) == 202
    assert 50 < len(json.loads(child.data.tags["mlflow.loggedArtifacts"])) < 202


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (None, "a table given in Python"),
        (File(Path("deals.csv")), "deals.csv"),
        (Simulated(Market(seed=3)), "deals of a made-up market, seed 3"),
    ],
)
def test_the_dataset_names_its_source(made, source, says):
    """The dataset says where its deals came from, beside our own fingerprint."""
    run = made()
    dataset = contents.dataset_of(replace(run, plan=replace(run.plan, source=source)))

    assert json.loads(dataset["source"]) == {"source": says, "sha256": "ab" * 32}


def test_weird_segments_are_recorded(store, made):
    """Segments with markup, signs that MLflow refuses, other scripts or 300 letters are recorded, each under its own name."""
    segments = (
        "<script>",
        "a=b%[c]",
        "a=b%(c)",
        "stadt=Zürich 東京",
        f"rep={'x' * 300}",
        f"rep={'x' * 299}y",
        "a=../../b",
        "b=\n'\"`",
    )
    with recording(store, name="<script>'\"`", **ARGUMENTS) as recorder:
        recorder.write_run(made(segments=segments, methods=("a=b",)), page="", figures={"<rates>/../x": "<svg/>"})
    again = recorded(store, recorder.run_id)

    assert len([name for name in again.metrics if name.startswith("estimate/")]) == 1 + len(segments)
    assert list(again.estimates["segment"]) == ["all", *segments]
    assert again.estimates["value"].notna().all()
    assert recorded(store, "<script>'\"`").run_id == recorder.run_id


def test_more_segments_than_a_batch_holds(store, made):
    """Thousands of estimates are recorded, one metric each."""
    segments = tuple(f"rep={number}" for number in range(1500))
    with recording(store, name="many", **ARGUMENTS) as recorder:
        recorder.write_run(made(segments=segments), page="", figures={})
    again = recorded(store, "many")

    assert again.metrics["estimate/win rate.rep.1499"] == 1550.0
    assert len(again.metrics) > 4500
    assert len(again.tags["mlflow.note.content"]) < 8000


def test_periods_make_a_series(store, made):
    """Estimates by period are also one metric with a step a period, where a gap stays a gap, dated by the period's begin."""
    segments = (
        "created_quarter=2023Q4",
        "created_quarter=2023Q1",
        "created_quarter=(missing)",
        "closed_week=2023-01-02/2023-01-08",
    )
    with recording(store, name="series", **ARGUMENTS) as recorder:
        recorder.write_run(made(segments=segments), page="", figures={})
    with client(store.uri) as link:
        history = link.get_metric_history(recorder.run_id, "win rate by created_quarter")

    assert [(point.step, point.value) for point in history] == [(0, 52.0), (3, 51.0)]
    assert pd.Timestamp(history[0].timestamp, unit="ms") == pd.Timestamp("2023-01-01")
    assert "win rate by closed_week" in recorded(store, "series").metrics


def test_numbers_that_are_none_are_left_out(made):
    """A metric that is no number is left out, since MLflow would draw it as nought; the truth is a metric where it is known."""
    run = made()
    truth = pd.DataFrame(
        {"quantity": ["win rate"] * 2, "segment": ["all", "x"], "value": [48.0, np.nan], "unit": ["percent"] * 2}
    )
    points = {point.name: point.value for point in contents.points_of_run(type(run)(**{**run.__dict__, "truth": truth}))}

    assert points["truth/win rate.all"] == 48.0
    assert not {"truth/win rate.x", "quality/timeliness"} & set(points)


def test_parameters_are_cut_and_sorted_by_method(store, made):
    """Values are cut where MLflow cuts them, null is written null, and a child has no other method's parameters."""
    params = {"long": "x" * 7000, "nothing": None, "yes": True, "methods.a.draws": 1, "methods.ab.draws": 2, "a=b": 1}
    with recording(store, name="hand", **{**ARGUMENTS, "params": {**params, **{f"more.{n}": n for n in range(150)}}}) as recorder:
        recorder.write_run(made(methods=("a", "ab")), page="", figures={})
    found = runs(store)

    assert recorder.run_id == found["hand"].info.run_id
    assert len(found["hand"].data.params["long"]) == 6000
    assert (found["hand"].data.params["nothing"], found["hand"].data.params["yes"]) == ("null", "True")
    assert len(found["hand"].data.params) == 156
    assert {name for name in found["hand by a"].data.params if name.startswith("method")} == {"method", "methods.a.draws"}


def test_a_posterior_is_kept_with_its_method(store, made):
    """A posterior lies as NetCDF with the child run that has one, and can be read again."""
    import xarray as xr

    run = made()
    tree = xr.DataTree.from_dict({"posterior": xr.Dataset({"rate": (("chain", "draw"), np.ones((2, 3)))})})
    run.evidence["observed"] = Evidence(run.headline.estimates, posterior=tree)
    with recording(store, name="hand", **ARGUMENTS) as recorder:
        recorder.write_run(run, page="", figures={})
    paths = list(store.artifacts.rglob("*.nc"))
    with xr.open_datatree(paths[0], engine="h5netcdf") as again:
        assert again["posterior"]["rate"].shape == (2, 3)

    assert [path.name for path in paths] == ["posterior.nc"]
    assert recorder.folder not in paths[0].parents


def test_an_experiment_is_recorded(store):
    """An experiment is recorded with its statement, its verdict and its table."""
    table = pd.DataFrame({"reps": [8], "share": [np.float64(0.4)], "when": [pd.Timestamp("2024-01-01")]}, index=["naive"])
    with recording(store, name="few_reps", **{**ARGUMENTS, "experiment": "whywin-experiments"}) as recorder:
        recorder.write_experiment(
            statement="It rejects too often.", held=True, says="40 % of 200.", table=table, figures={"x": "<svg/>"}
        )
    again = recorded(store, "few_reps")

    assert (again.metrics, again.tags["verdict"], again.experiment) == ({"held": 1.0}, "held", "whywin-experiments")
    assert again.tags["mlflow.note.content"].startswith("**It rejects too often. Held.**")
    stored = json.loads((recorder.folder / "tables/results.json").read_text())
    assert stored == {"columns": ["index", "reps", "share", "when"], "data": [["naive", 8, 0.4, "2024-01-01 00:00:00"]]}


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ValueError("not <good>"), "ValueError: not <good>"),
        (QuestionError(["one", "two"]), "one two"),
        (KeyboardInterrupt(), "interrupted from the keyboard"),
        (SystemExit(3), "SystemExit: 3"),
    ],
)
def test_whatever_is_raised_marks_the_run_failed(store, made, error, reason):
    """Any exception marks the run and its children FAILED at once, with the reason and the traceback; no page is left."""

    def fill(recorder):
        recorder.write_run(made(), page="<p>page</p>", figures={})
        raise error

    with pytest.raises(type(error)), recording(store, name="hand", **ARGUMENTS) as recorder:
        fill(recorder)
    again = recorded(store, recorder.run_id)

    assert {run.info.status for run in runs(store).values()} == {"FAILED"}
    assert again.tags["failure"] == reason
    assert "<" not in again.tags["mlflow.note.content"]
    assert "in fill" in (recorder.folder / "traceback.txt").read_text()
    assert again.page_path is None


def test_a_terminated_process_marks_its_run_failed(store, started):
    """SIGTERM marks the run FAILED before the process ends, with the exit code that says so."""
    lines = "with tracking.recording(store, **arguments):\n    print('begun', flush=True)\n    time.sleep(60)"
    process = started(store.root, "asked to end", lines)
    assert process.stdout.readline() == "begun\n"
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=30)

    assert (process.returncode, said) == (128 + signal.SIGTERM, ("", ""))
    run = latest(store)[0]
    assert (run.status, run.tags["failure"]) == ("FAILED", "ended by SIGTERM")


def test_a_killed_process_leaves_no_half_page(store, started):
    """A process killed in the middle of its page leaves none; the next opening marks its run FAILED and clears what it left."""
    process = started(store.root, "killed", HALF_WRITTEN)
    assert process.stdout.readline() == "half\n"
    folder = latest(store)[0].folder
    assert list(folder.glob(".artifact.uploading.*")), "it was in the middle of it"
    process.kill()
    process.wait(timeout=10)
    assert latest(store)[0].status == "RUNNING"
    open_store(store.root)
    run = latest(store)[0]

    assert (run.status, run.page_path) == ("FAILED", None)
    assert run.tags["failure"].startswith("the process ended without a word")
    assert [path.name for path in folder.iterdir()] == ["plan.yaml"]


def test_two_processes_record_at_once(store, started):
    """Two processes that record at the same time do not disturb each other: each run has all its files and metrics."""
    lines = """
with tracking.recording(store, **arguments) as record:
    for number in range(25):
        record.attach(f"{number}.txt", sys.argv[2])
        record._writer.log(record._writer.parent, tags={f"tag{number}": sys.argv[2]}, params={f"p{number}": "1"})
"""
    processes = [started(store.root, name, lines) for name in ("one", "other")]
    said = [process.communicate(timeout=60) for process in processes]

    assert [process.returncode for process in processes] == [0, 0], said
    for name in ("one", "other"):
        run = recorded(store, name)
        assert {run.tags[f"tag{number}"] for number in range(25)} == {name}
        assert {(run.folder / f"{number}.txt").read_text() for number in range(25)} == {name}


def test_a_full_disk_marks_the_run_failed(store, made, monkeypatch):
    """When the disk is full at the page, the caller is told in a sentence, the run is FAILED and there is no page."""
    true_fsync, full = os.fsync, []

    def fsync(number):
        if full:
            raise OSError(errno.ENOSPC, "No space left on device")
        true_fsync(number)

    def write(recorder):
        recorder.write_run(made(), page="<p>page</p>", figures={})
        full.append(True)
        recorder.attach("page.html", "<p>another</p>")

    monkeypatch.setattr(artifacts.os, "fsync", fsync)
    arguments = {**ARGUMENTS, "name": "full"}
    with pytest.raises(TrackingError, match="no space left") as caught, recording(store, **arguments) as recorder:
        write(recorder)

    assert {run.info.status for run in runs(store).values()} == {"FAILED"}
    assert not recorder.page_path.exists()
    assert not list(recorder.folder.rglob(".artifact*"))
    assert "could not record this failure" in caught.value.__notes__[0], "the traceback found no space"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_truly_full_disk(template_store, tmp_path, made):
    """On a disk that is truly full the caller is told, nothing half-written stays, and the run is FAILED."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if (
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)], check=False, capture_output=True).returncode
        != 0
    ):
        pytest.skip("mounting is not allowed here")
    try:
        subprocess.run(["cp", "-r", str(template_store), str(disk / "mlruns")], check=True)
        store = open_store(disk / "mlruns")
        with pytest.raises(TrackingError, match="no space left"), recording(store, name="full", **ARGUMENTS) as recorder:
            recorder.write_run(made(), page="<p>page</p>" * 1_000_000, figures={})
        assert not recorder.page_path.exists()
        assert not list(recorder.folder.rglob(".artifact*"))
        assert recorded(open_store(store.root), recorder.run_id).status == "FAILED"
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_store_that_takes_nothing_does_not_hide_the_error(store, monkeypatch):
    """When not even FAILED can be written, the first error still reaches the caller, with a note about it."""

    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Writer, "close", refuse)

    with pytest.raises(ValueError, match="first") as caught, recording(store, name="x", **ARGUMENTS):
        raise ValueError("first")
    assert any("could not record this failure" in note for note in caught.value.__notes__)


def test_an_artifact_stays_in_its_folder(store):
    """An artifact's name cannot lead out of its run's folder."""
    with recording(store, name="x", **ARGUMENTS) as recorder:
        for name in ("../x", "/tmp/x", "a/../../x", ""):  # noqa: S108 - it is refused
            with pytest.raises(TrackingError, match="relative name"):
                recorder.attach(name, b"")


def test_a_deleted_experiment_is_named(store):
    """An experiment that was deleted in MLflow is named with the way out."""
    with recording(store, name="x", **ARGUMENTS):
        pass
    with client(store.uri) as link:
        link.delete_experiment("1")

    with pytest.raises(TrackingError, match="was deleted in MLflow; restore it"), recording(store, name="x", **ARGUMENTS):
        pass


@pytest.mark.parametrize("name", ["  ", "x" * 501])
def test_a_name_that_no_experiment_may_have(store, name):
    """A blank or endless name of an experiment is named by its key in the plan."""
    named = {**ARGUMENTS, "experiment": name}
    with pytest.raises(TrackingError, match=r"track\.experiment: must be a name"), recording(store, name="x", **named):
        pass


def test_tags_of_the_user_do_not_get_in_the_way(store):
    """A plan's own tags may have any name, also one of MLflow's own."""
    tags = {"mlflow.runName": "other", "a=b": "x" * 9000, "process.pid": "1"}
    with recording(store, name="hand", **{**ARGUMENTS, "tags": tags}) as recorder:
        pass
    again = recorded(store, "hand")

    assert again.run_id == recorder.run_id
    assert again.tags["process.pid"] == str(os.getpid())
    assert len(next(text for name, text in again.tags.items() if name.startswith("a_b-"))) == 8000


def test_an_experiment_kept_elsewhere_is_refused(store):
    """An experiment whose files lie in some bucket is refused, since whywin writes folders; a file address is a folder."""
    with client(store.uri) as link:
        link.create_experiment("bucket", "s3://bucket/x")

    with (
        pytest.raises(TrackingError, match="elsewhere than in a folder"),
        recording(store, name="x", **{**ARGUMENTS, "experiment": "bucket"}),
    ):
        pass
    assert str(artifacts.folder_of("file:///a%20b/c")) == "/a b/c"


def test_nothing_is_left_behind_in_the_process(store, made, capfd):
    """Recording says nothing, and leaves signals, loggers, warnings, working folder and MLflow's own state as they were."""
    import mlflow

    def state():
        levels = [logging.getLogger(name).level for name in ("mlflow", "alembic", None)]
        return signal.getsignal(signal.SIGTERM), levels, list(warnings.filters), mlflow.get_tracking_uri(), mlflow.active_run()

    before = state()
    with recording(store, name="quiet", **ARGUMENTS) as recorder:
        recorder.write_run(made(), page="", figures={})

    assert state() == before
    assert capfd.readouterr() == ("", "")


def test_recording_works_in_another_thread(store):
    """In a thread, where no signal can be handled, a run is recorded all the same."""

    def record():
        with recording(store, name="thread", **ARGUMENTS):
            pass

    thread = threading.Thread(target=record)
    thread.start()
    thread.join()

    assert recorded(store, "thread").status == "FINISHED"


def test_recording_one_run_is_quick(store, made):
    """Once MLflow is loaded, recording 300 segments by three methods takes less than five seconds on a busy machine."""
    run = made(segments=tuple(f"rep={number}" for number in range(300)), methods=("a", "b", "c"))
    begun = time.perf_counter()
    with recording(store, name="quick", **ARGUMENTS) as recorder:
        recorder.write_run(run, page="x" * 100_000, figures={"rates": "<svg/>"})

    assert time.perf_counter() - begun < 5


def test_where_a_run_comes_from(monkeypatch, tmp_path):
    """The commit, and whether files were changed, are known inside a repository; no git and no user's name are no fault."""
    monkeypatch.chdir(tmp_path)
    assert "mlflow.source.git.commit" not in origin.origin()
    identity = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], [*identity, "commit", "-q", "--allow-empty", "-m", "x"]):
        subprocess.run(["git", *command], check=True)
    (tmp_path / "new.txt").touch()
    assert len(origin.origin()["mlflow.source.git.commit"]) == 40
    assert origin.origin()["git.dirty"] == "no", "a file that git does not know changes nothing"
    subprocess.run(["git", "add", "new.txt"], check=True)
    assert origin.origin()["git.dirty"] == "yes"

    monkeypatch.setattr(origin.shutil, "which", lambda _: None)
    monkeypatch.setattr(origin.getpass, "getuser", lambda: (_ for _ in ()).throw(OSError))
    assert "git.dirty" not in origin.origin()
    assert origin.origin()["mlflow.user"] == "unknown"


def test_tables_of_any_kind_are_written(tmp_path):
    """Columns with two headings, lists, missing values and infinities have a place in a table."""
    frame = pd.DataFrame([[1, [2], float("inf"), True, pd.NaT, np.ones(2), "x"]], dtype=object)
    frame.iloc[0, 0] = np.int64(1)
    frame.columns = pd.MultiIndex.from_tuples([("a", "b"), ("c", ""), ("d", "e"), ("f", ""), ("g", ""), ("h", ""), ("i", "")])
    artifacts.write(tmp_path, "table.json", artifacts.table_text(frame))
    again = artifacts.read_table(tmp_path / "table.json")

    assert list(again.columns) == ["a b", "c", "d e", "f", "g", "h", "i"]
    assert again.to_numpy().tolist() == [[1, "[2]", None, True, None, "[1. 1.]", "x"]]


def test_interval_ends_are_in_the_description(made):
    """Each estimate stands in the description with its interval and its unit, and what does not fit is counted."""
    text = contents.description(made(segments=tuple(f"rep={number}" for number in range(40))))

    assert "| observed | win rate | all | 50.00 percent | 46.00 to 54.00 (95 %) | 100 |" in text
    assert "21 more in tables/estimates.json." in text
    assert contents.whole_lines(["x" * 9000]) == "x" * 8000
