"""Which process a run belongs to, and whether it is still there."""

import os
import socket
from collections.abc import Mapping
from typing import Final

PID: Final = "process.pid"
HOST: Final = "process.host"
STARTED: Final = "process.started"
_TOLERANCE: Final = 2.0  # seconds: start times are counted from a boot time that is known to the second


def this_process() -> dict[str, str]:
    """Return the tags by which a run is known to belong to this process."""
    import psutil

    started = psutil.Process().create_time()
    return {PID: str(os.getpid()), HOST: socket.gethostname(), STARTED: f"{started:.3f}"}


def is_gone(tags: Mapping[str, str]) -> bool:
    """Whether the process that the tags name has ended; one on another machine, or hidden from us, is taken to live."""
    import psutil

    if tags[HOST] != socket.gethostname():
        return False
    try:
        process = psutil.Process(int(tags[PID]))
        another = abs(process.create_time() - float(tags[STARTED])) > _TOLERANCE
        return another or bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True
    except (psutil.AccessDenied, ValueError):  # ValueError: somebody changed the tags by hand
        return False
