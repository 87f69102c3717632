"""Ending in good order when another program asks for it."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final, NoReturn

_ASKING: Final = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


class Ended(SystemExit):
    """Another program asked this process to end; the exit code says by which signal."""

    def __init__(self, number: int) -> None:
        """Take the signal's number."""
        super().__init__(128 + number)
        self.name = signal.Signals(number).name

    def __str__(self) -> str:
        """Name the signal."""
        return f"ended by {self.name}"


@contextmanager
def ending_in_order() -> Iterator[None]:
    """Raise `Ended` where SIGTERM or SIGHUP would end the process at once; the old handlers are put back afterwards.

    Only the main thread may set handlers; in another thread nothing changes. A signal that is ignored (nohup) stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in _ASKING}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN and handler is not None:
            signal.signal(number, _end)
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)


def _end(number: int, _: FrameType | None) -> NoReturn:
    raise Ended(number)
