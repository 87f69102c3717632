"""What all commands share: their options, and how a mistake of the caller ends."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

Overrides = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change one setting, such as question.margin=2.")
]
StoreFolder = Annotated[Path, typer.Option("--store", envvar="WHYWIN_STORE", help="The folder of the MLflow store.")]
Port = Annotated[int, typer.Option(min=1, max=65535, envvar="WHYWIN_PORT", help="The port of the MLflow UI.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the answer alone, and no progress.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Print every estimate and every check.")]
STORE = Path("mlruns")
PORT = 5000


@contextmanager
def mending() -> Iterator[None]:
    """Turn what the caller can mend into sentences and exit code 2."""
    from whywin.errors import WhywinError

    try:
        yield
    except WhywinError as error:
        from whywin.terminal import show_faults

        show_faults(error)
        raise typer.Exit(2) from None
