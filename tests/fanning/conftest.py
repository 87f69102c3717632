"""A Dask cluster on loopback: its scheduler and workers as processes."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from whywin.fanning import Fan


class Cluster:
    """A scheduler, and the workers that are started for it."""

    def __init__(self, folder: Path) -> None:
        """Start the scheduler, which gives a task up with the first worker that dies of it twice."""
        self.folder, self.processes = folder, []
        written = folder / "scheduler.json"
        self._start("scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(written), "--no-show")
        for _ in range(600):
            time.sleep(0.05)
            if written.is_file() and written.read_text(encoding="utf-8").endswith("}"):
                break
        self.address = json.loads(written.read_text(encoding="utf-8"))["address"]
        self.fan = Fan(engine="dask", scheduler=self.address)

    def workers(self, count: int, *words: str) -> None:
        """Start workers of one thread each."""
        for _ in range(count):
            self._start("worker", self.address, "--nthreads", "1", "--memory-limit", "0", *words)

    def _start(self, kind: str, *words: str) -> None:
        env = {**os.environ, "DASK_DISTRIBUTED__SCHEDULER__ALLOWED_FAILURES": "1"}
        command = [sys.executable, "-m", f"distributed.cli.dask_{kind}", *words, "--no-dashboard"]
        with (self.folder / "log").open("ab") as log:
            self.processes.append(subprocess.Popen(command, env=env, stdout=log, stderr=log, cwd=self.folder))

    def end(self) -> None:
        """End them all, the workers first."""
        for process in reversed(self.processes):
            process.terminate()
        for process in reversed(self.processes):
            try:
                process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@pytest.fixture(scope="session")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Cluster]]:
    """Start clusters that end with the tests."""
    pytest.importorskip("distributed", reason="whywin[dask] is not installed")
    started: list[Cluster] = []

    def start() -> Cluster:
        started.append(Cluster(tmp_path_factory.mktemp("dask")))
        return started[-1]

    yield start
    for one in started:
        one.end()


@pytest.fixture(scope="session")
def cluster(clusters: Callable[[], Cluster]) -> Cluster:
    """A cluster of two workers."""
    made = clusters()
    made.workers(2, "--no-nanny")
    return made
