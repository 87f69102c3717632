"""MLflow's own pages on one store, on this machine only."""

import os
import socket
import subprocess
import sys
import tempfile
from typing import Final

from whywin.errors import TrackingError
from whywin.tracking.links import ADDRESS
from whywin.tracking.quiet import ENVIRONMENT
from whywin.tracking.signals import Ended, ending_in_order
from whywin.tracking.store import Store

_PATIENCE: Final = 10.0  # seconds that the server has to end by itself
_TOLD: Final = 5  # lines of the server's own words that an error repeats


def ui_command(store: Store, port: int) -> list[str]:
    """Return the command that shows a store in MLflow's pages; it needs `ui_environment`."""
    where = ["--backend-store-uri", store.uri, "--default-artifact-root", str(store.artifacts)]
    return [sys.executable, "-m", "mlflow", "server", *where, "--host", ADDRESS, "--port", str(port), "--workers", "1"]


def ui_environment() -> dict[str, str]:
    """Return what the command needs in its environment so that it stays offline and makes no files of its own."""
    return {**ENVIRONMENT, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def serve_ui(store: Store, port: int) -> int:
    """Show a store in MLflow's pages until Ctrl-C or SIGTERM; return 0 when it ended in good order.

    Raises:
        TrackingError: the port is in use, or the server did not start.
    """
    _refuse_taken(port)
    with tempfile.TemporaryFile() as words, ending_in_order():
        environment = {**os.environ, **ui_environment()}
        server = subprocess.Popen(  # noqa: S603 - the command is ours
            ui_command(store, port), env=environment, stdin=subprocess.DEVNULL, stdout=words, stderr=words, start_new_session=True
        )
        try:
            code = server.wait()
        except (KeyboardInterrupt, Ended):
            return 0
        finally:
            _end(server)
        words.seek(0)
        said = words.read().decode(errors="replace").strip().splitlines()[-_TOLD:]
    msg = f"MLflow's server ended by itself (exit code {code}): {' / '.join(said) or 'without a word'}"
    raise TrackingError(msg)


def _refuse_taken(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((ADDRESS, port))
        except OSError as error:
            msg = f"port {port}: cannot be used ({error.strerror}); another `whywin ui` may be running: choose another by --port"
            raise TrackingError(msg) from error


def _end(server: subprocess.Popen[bytes]) -> None:
    """End the server and the workers it started, which are a process group of their own."""
    import psutil

    try:
        family = [psutil.Process(server.pid), *psutil.Process(server.pid).children(recursive=True)]
    except psutil.NoSuchProcess:
        family = []
    server.terminate()
    _, left = psutil.wait_procs(family, timeout=_PATIENCE)
    for process in left:
        process.kill()
    server.wait()
