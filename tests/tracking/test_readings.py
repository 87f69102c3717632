"""Finding recorded runs again, comparing them, and looking at them in MLflow."""

import http.client
import signal
import socket
import sys
import time

import psutil
import pytest

from whywin.errors import TrackingError
from whywin.tracking import compare, latest, reading, recorded, recording, serve_ui, ui_command, ui_environment
from whywin.tracking import ui as module
from whywin.tracking.links import links

ARGUMENTS = {"experiment": "whywin", "tags": {}, "plan_text": "name: hand\n"}


def record(store, run, name="hand", params=None):
    """Record a run and return its identifier."""
    with recording(store, name=name, params=params or {}, **ARGUMENTS) as recorder:
        recorder.write_run(run, page="<p>page</p>", figures={})
    return recorder.run_id


def fail(store, name):
    """Record a run that fails, and return its identifier."""
    with pytest.raises(ValueError, match="no"), recording(store, name=name, params={}, **ARGUMENTS) as recorder:
        raise ValueError("no")
    return recorder.run_id


def test_a_run_is_found_by_identifier_beginning_or_name(store, made):
    """A run is found by its identifier or the beginning of it, and the last finished one by its plan's name."""
    first = record(store, made())
    second = record(store, made(shift=5.0))
    failed = fail(store, "hand")

    assert recorded(store, first).run_id == recorded(store, first[:8]).run_id == first
    assert recorded(store, "hand").run_id == second
    assert (recorded(store, failed).status, len(recorded(store, failed).estimates)) == ("FAILED", 0)
    again = recorded(store, first)
    assert again.plan_text == "name: hand\n"
    assert again.estimates.to_dict("list") == made().to_frame().to_dict("list")
    assert list(again.checks["passed"]) == [True, True, False]


def test_names_with_both_kinds_of_quotes_are_found(store, made):
    """A plan may be named with any quotes."""
    for name in ("it's", 'the "best"', 'it\'s the "best"'):
        assert recorded(store, record(store, made(), name)).run_id == recorded(store, name).run_id


def test_an_unknown_run_is_answered_with_near_names(store, made):
    """What is not there is answered with the nearest names of plans that are; so is a plan that never finished."""
    with pytest.raises(TrackingError, match="none has finished in this record"):
        recorded(store, "skygeni")
    record(store, made(), "skygeni")
    fail(store, "maven")

    with pytest.raises(TrackingError, match=r"skygen: .* did you mean skygeni\?"):
        recorded(store, "skygen")
    with pytest.raises(TrackingError, match="maven: no run of this plan has finished"):
        recorded(store, "maven")


def test_a_beginning_that_several_runs_share_is_refused(store, monkeypatch):
    """A beginning that is not unique is answered with the runs that it may mean."""
    monkeypatch.setattr(reading, "_SHORTEST", 1)
    made = []
    while len({run_id[0] for run_id in made}) == len(made):
        with recording(store, name="x", params={}, **ARGUMENTS) as recorder:
            made.append(recorder.run_id)

    with pytest.raises(TrackingError, match=f"^{made[-1][0]}: 2 runs begin so; write more of one of .*{made[-1]}"):
        recorded(store, made[-1][0])


def test_the_latest_runs(store, made):
    """The runs of plans are listed newest first, whatever became of them, by name or experiment, without child runs."""
    record(store, made(), "one")
    failed = fail(store, "other")
    record(store, made(), "one")

    assert [run.name for run in latest(store)] == ["one", "other", "one"]
    assert [run.name for run in latest(store, limit=1)] == ["one"]
    assert [run.run_id for run in latest(store, name="other")] == [failed]
    assert latest(store, experiment="nothing by that name") == ()


def test_two_runs_are_compared(store, made):
    """A comparison names the parameters, deals and versions that differ, and the estimates whose intervals lie apart."""
    one = record(store, made(), params={"seed": 1, "level": 0.95})
    versions = (("whywin", "0.1.0"), ("numpy", "2.6.0"))
    changed = made(shift=9.0, fingerprint="cd" * 32, versions=versions, segments=("industry=FinTech",))
    other = record(store, changed, "later", params={"seed": 2, "level": 0.95, "new": None})
    found = compare(store, [one[:10], "later"])
    first, second = one[:8], other[:8]

    assert list(found.runs["run"]) == [first, second]
    assert found.params.to_dict("records") == [
        {"parameter": "seed", first: "1", second: "2"},
        {"parameter": "new", first: "", second: "null"},
    ]
    assert list(found.data["same_as_first"]) == ["yes", "no"]
    assert found.versions.to_dict("records") == [{"version": "numpy", first: "2.5.0", second: "2.6.0"}]
    rows = found.estimates.set_index("segment")
    assert dict(rows["differ"]) == {"all": "yes", "industry=FinTech": "yes", "industry=Health": ""}
    assert (rows.loc["all", f"value {first}"], rows.loc["all", f"low {second}"]) == (50.0, 55.0)
    assert list(found.tables()) == ["Runs", "Plans: what differs", "Deals", "Versions: what differs", "Estimates"]


def test_runs_alike_do_not_differ(store, made):
    """Two runs of the same plan on the same deals have no difference to show."""
    found = compare(store, [record(store, made()), record(store, made(shift=1.0))])

    assert (len(found.params), len(found.versions)) == (0, 0)
    assert set(found.data["same_as_first"]) == {"yes"}
    assert set(found.estimates["differ"]) == {"no"}


def test_answers_by_different_methods_are_compared(store, made):
    """Where the answering methods have different labels, their answers stand in one row, and further methods by label."""
    one = record(store, made(methods=("observed", "beside")))
    other = record(store, made(methods=("pooled", "beside"), shift=20.0))
    rows = compare(store, [one, other]).estimates.query("segment == 'all'").set_index("method")

    assert set(rows.index) == {"(the answer)", "beside"}
    assert set(rows["differ"]) == {"yes"}


def test_every_fault_of_a_comparison_at_once(store, made):
    """All names that are not there are said at once; the same run twice is no comparison."""
    run_id = record(store, made())

    with pytest.raises(TrackingError) as caught:
        compare(store, ["nobody", run_id, "nothing"])
    assert [fault.partition(":")[0] for fault in caught.value.faults] == ["nobody", "nothing"]
    with pytest.raises(TrackingError, match="names 1 run; name two or more different ones"):
        compare(store, [run_id, "hand"])


def test_links_lead_to_this_machine_and_to_runs():
    """Every link is on loopback, opens among runs rather than chat traces, and is escaped."""
    made = links("1", "ab" * 16, 5055)

    assert all(link.startswith("http://127.0.0.1:5055/#/experiments/1/runs") for link in made.values())
    assert all("workflowType=machine_learning" in link and " " not in link and "`" not in link for link in made.values())


def test_the_server_is_told_to_stay_here(store):
    """The server is asked to listen on loopback only, with one worker, and neither reports nor starts jobs."""
    command = ui_command(store, 5055)

    assert command[command.index("--host") + 1] == "127.0.0.1"
    assert store.uri in command
    assert {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}.items() <= ui_environment().items()


def test_a_port_in_use_is_named(store):
    """A port that another program has is refused before anything is started."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(TrackingError, match=f"port {port}: cannot be used .* choose another by --port"):
            serve_ui(store, port)


def free_port():
    """Return a port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_a_server_that_does_not_start_is_named(store, monkeypatch):
    """A server that ends by itself is an error that repeats its last words."""
    monkeypatch.setattr(module, "ui_command", lambda *_: [sys.executable, "-c", "print('what it said'); raise SystemExit(3)"])

    with pytest.raises(TrackingError, match=r"exit code 3\): what it said"):
        serve_ui(store, free_port())


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_server_ends_with_us(store, monkeypatch, number):
    """Ctrl-C and SIGTERM end the server and whatever it started, and are a good end."""
    lines = f"""
import os, subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
print(child.pid, file=open({str(store.root / "child")!r}, "w"), flush=True)
os.kill(os.getppid(), {int(number)})
child.wait()
"""
    monkeypatch.setattr(module, "ui_command", lambda *_: [sys.executable, "-c", lines])

    assert serve_ui(store, free_port()) == 0
    assert not psutil.pid_exists(int((store.root / "child").read_text()))


def test_a_server_that_does_not_listen_is_killed(store, monkeypatch):
    """A server that does not end when asked to is made to."""
    lines = f"""
import os, signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.kill(os.getppid(), {int(signal.SIGTERM)})
time.sleep(60)
"""
    monkeypatch.setattr(module, "ui_command", lambda *_: [sys.executable, "-c", lines])
    monkeypatch.setattr(module, "_PATIENCE", 0.3)

    assert serve_ui(store, free_port()) == 0


def asked(port, path):
    """Ask the server on this machine, and return the status and what it answered."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


@pytest.mark.slow
def test_the_server_answers_and_ends(store, made, started):
    """MLflow's pages answer on loopback within a minute, show the run, and end on Ctrl-C leaving no process and no file."""
    run_id = record(store, made())
    port = free_port()
    process = started(store.root, str(port), "sys.exit(tracking.serve_ui(store, int(sys.argv[2])))")
    for _ in range(120):
        try:
            assert asked(port, "/health") == (200, b"OK")
            break
        except ConnectionError:
            time.sleep(0.5)
    status, answer = asked(port, f"/ajax-api/2.0/mlflow/runs/get?run_id={run_id}")
    assert status == 200
    assert b"win rate.industry.FinTech" in answer
    family = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=30)

    assert (process.returncode, said) == (0, ("", ""))
    assert family
    assert not psutil.wait_procs(family, timeout=5)[1]
