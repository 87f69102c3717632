"""What all commands share: their options, and how a mistake of the caller ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

if TYPE_CHECKING:
    from whywin.fanning import Fan

Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one setting, such as question.margin=2.")
]
StoreFolder = Annotated[Path, typer.Option("--store", envvar="WHYWIN_STORE", help="The folder of the MLflow store.")]
Port = Annotated[int, typer.Option(min=1, max=65535, envvar="WHYWIN_PORT", help="The port of the MLflow UI.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the answer alone, and no progress.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Print every estimate and every check.")]
Workers = Annotated[
    int | None,
    typer.Option(min=1, help="Tasks at the same time on this machine; as many as there are processors when not given."),
]
Engine = Annotated[
    str, typer.Option(metavar="processes|dask", help="Over what many tasks go: processes of this machine, or a Dask cluster.")
]
Scheduler = Annotated[
    str, typer.Option(metavar="ADDRESS", help="With --engine dask, the cluster's scheduler, such as tcp://10.0.0.1:8786.")
]
ENGINE = "processes"
STORE = Path("mlruns")
PORT = 5000
INTERRUPTED = 130  # what shells say of a program that Ctrl-C ended


@contextmanager
def mending() -> Iterator[None]:
    """Turn what the caller can mend into sentences and exit code 2, and Ctrl-C into a sentence and 130."""
    from whywin.errors import WhywinError

    try:
        yield
    except WhywinError as error:
        from whywin.terminal import show_faults

        show_faults(error)
        raise typer.Exit(2) from None
    except KeyboardInterrupt:
        from whywin.terminal import show_interrupted

        show_interrupted()
        raise typer.Exit(INTERRUPTED) from None


def fan_of(workers: int | None, engine: str, scheduler: str) -> "Fan":
    """Return over what tasks go.

    Raises:
        ConfigError: the options do not go together.
    """
    from whywin.fanning import Fan

    return Fan(workers, cast("Any", engine), scheduler)
