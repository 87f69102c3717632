"""Sides of a comparison, each in a process of its own, and the rows that every benchmark writes of them."""

import json
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Mapping
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import pandas as pd

COLUMNS = ("task", "way", "deals", "seconds", "of cores", "MB", "says")


def ran(command: Iterable[object], limit: float = 600.0) -> dict[str, Any]:
    """Run a command and return what its line RESULT says with the most megabytes that one process of it held, or why it says nothing.

    Args:
        command: the words.
        limit: seconds after which it is stopped.
    """
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as complaints:
        process = subprocess.Popen([*map(str, command)], stdout=out, stderr=complaints, start_new_session=True)
        timer = threading.Timer(limit, os.killpg, (process.pid, signal.SIGKILL))
        timer.start()
        _, status, used = os.wait4(process.pid, 0)
        stopped = not timer.is_alive()
        timer.cancel()
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        complaints.seek(0)
        lines, said = out.read().decode().splitlines(), complaints.read().decode().strip().splitlines()
    found = next((line for line in reversed(lines) if line.startswith("RESULT")), None)
    if found is None:
        return {"says": f"stopped after {limit:.0f} s" if stopped else f"failed: {(said or ['nothing said'])[-1][:160]}"}
    return {"MB": used.ru_maxrss / 1024} | dict(json.loads(found[6:]))


def apart(work: Callable[..., object], *words: object) -> None:
    """Do work in a process of its own: Linux counts what a process held before it started another one as held by that one too."""
    process = get_context("spawn").Process(target=work, args=words)
    process.start()
    process.join()
    if process.exitcode:
        msg = f"{work.__name__} failed"
        raise RuntimeError(msg)


def of_peer(peers: Path | None, name: str, script: str, *words: object, limit: float = 600.0) -> dict[str, Any]:
    """Run a script in a peer's environment; one that is not there is a row that says so."""
    python = peers / name / "bin" / "python" if peers else None
    if python is None or not python.exists():
        return {"says": "not installed"}
    return ran([python, "-c", script, *words], limit)


def row(task: str, way: str, deals: int, found: Mapping[str, Any]) -> dict[str, Any]:
    """Return one row of the common table, with what else was found behind it."""
    return {"task": task, "way": way, "deals": deals} | dict(found)


def told(rows: list[dict[str, Any]], path: Path | None) -> pd.DataFrame:
    """Print rows, one table a task, and write them where they are gathered."""
    table = pd.DataFrame(rows)
    table = table[[name for name in COLUMNS if name in table] + [name for name in table if name not in COLUMNS]]
    for task, part in table.groupby("task", sort=False):
        shown = part.drop(columns="task").dropna(axis=1, how="all").round(3)
        print(f"{task}\n{shown.to_string(index=False, na_rep='')}\n", flush=True)
    if path is not None:
        path.write_text(table.to_json(orient="records"))
    return table
