"""The command line: arguments in, exit code out. 0 sound · 1 a check failed · 2 could not run · 130 interrupted."""

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from whywin.commands import claims, reports, runs, trials
from whywin.commands.options import (
    ENGINE,
    INTERRUPTED,
    PORT,
    STORE,
    Engine,
    Overrides,
    Port,
    Quiet,
    Scheduler,
    StoreFolder,
    Verbose,
    Workers,
    fan_of,
    mending,
)

if TYPE_CHECKING:  # everything is imported by the command that needs it, so that --help answers at once
    from whywin.fanning import Fan
    from whywin.runner import Finished

app = typer.Typer(
    name="whywin",
    help="Where the win rate moved, what would move it, and whether what was tried worked.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)


def main() -> None:
    """Run the command line."""
    app(prog_name="whywin")


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"whywin {version('whywin')}")
        raise typer.Exit


@app.callback()
def everywhere(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and end.")
    ] = False,
) -> None:
    """Where the win rate moved, what would move it, and whether what was tried worked."""


@app.command()
def run(
    configs: Annotated[list[Path], typer.Argument(metavar="CONFIG...", help="One YAML file a plan.")],
    overrides: Overrides = None,
    store: StoreFolder = STORE,
    port: Port = PORT,
    quiet: Quiet = False,
    verbose: Verbose = False,
    most: Annotated[int, typer.Option(min=1, help="The largest number of plans that a `sweep:` may make.")] = 100,
    workers: Workers = None,
    engine: Engine = ENGINE,
    scheduler: Scheduler = "",
) -> None:
    """Answer the question of each config, record the run, and draw its page."""
    with mending():
        fan = fan_of(workers, engine, scheduler)
    codes = [_run(path, overrides or [], store, port, fan=fan, quiet=quiet, verbose=verbose, most=most) for path in configs]
    raise typer.Exit(max(codes))


def _run(
    path: Path, overrides: list[str], store: Path, port: int, *, fan: "Fan", quiet: bool, verbose: bool, most: int = 100
) -> int:
    try:
        with mending():
            from whywin.config import has_sweep
            from whywin.fanning import fanned_by
            from whywin.runner import execute
            from whywin.terminal import progress

            if has_sweep(path, overrides):
                return runs.run_sweep([path], overrides, store, port, fan=fan, most=most, quiet=quiet)
            with progress(quiet=quiet) as notify, fanned_by(fan, notify):
                finished = execute(path, overrides, store_root=store, port=port, notify=notify)
    except typer.Exit as ended:
        if ended.exit_code == INTERRUPTED:
            raise
        return int(ended.exit_code)
    _show(finished, store, quiet=quiet, verbose=verbose)
    return 0 if finished.run.sound else 1


def _show(finished: "Finished", store: Path, *, quiet: bool, verbose: bool) -> None:
    from whywin.terminal import OUT, show_run

    if quiet:
        OUT.print(finished.run.answer, markup=False, highlight=False, soft_wrap=True)
        return
    show_run(finished.run, verbose=verbose)
    lines = [f"Page: {finished.page}", *(f"{label}: {link}" for label, link in finished.links.items())]
    for line in lines:
        OUT.print(line, markup=False, highlight=False, soft_wrap=True)
    OUT.print(
        f"The links open while `whywin ui{'' if store == STORE else f' --store {store}'}` runs.", markup=False, highlight=False
    )


@app.command()
def check(
    config_file: Annotated[Path, typer.Argument(metavar="CONFIG", help="The YAML file of a plan.")],
    overrides: Overrides = None,
    quarantine: Annotated[Path | None, typer.Option(help="Write the rows that break the contract to this CSV file.")] = None,
) -> None:
    """Look at a config and its data, and run nothing."""
    with mending():
        from whywin.deals.contract import ContractError
        from whywin.runner import examine
        from whywin.sources import write_quarantine
        from whywin.terminal import OUT, table_of

        try:
            plan, deals, table = examine(config_file, overrides or [])
        except ContractError as refused:
            if quarantine:
                write_quarantine(refused.quarantine, quarantine)
            raise
        if quarantine:
            write_quarantine(deals.quarantine, quarantine)
        OUT.print(f"{plan.name}: the plan is sound and its question fits the deals.", markup=False, highlight=False)
        OUT.print(
            f"{table.described}; {len(deals.table):,} deals kept, {len(deals.quarantine):,} rows quarantined.", markup=False
        )
        OUT.print(table_of(deals.quality.dimensions, title=f"Data quality: {deals.quality.score:.0f} of 100"))
        for pattern in deals.quality.patterns:
            if not pattern.passed:
                OUT.print(f"suspicious: {pattern.says}", markup=False, highlight=False)


@app.command()
def schema() -> None:
    """Print the JSON Schema of the configs, from which editors complete them."""
    import json

    from whywin.config import json_schema

    typer.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))


@app.command()
def simulate(
    to: Annotated[Path, typer.Option(help="The folder that the tables are written to; made when missing.")],
    overrides: Overrides = None,
) -> None:
    """Write the tables of a made-up market and the truth about it as CSV files."""
    with mending():
        from whywin.runner import write_world
        from whywin.terminal import OUT

        for path, rows in write_world(to, overrides or []).items():
            OUT.print(f"{path}: {rows:,} rows", markup=False, highlight=False, soft_wrap=True)


@app.command()
def predict(
    reference: Annotated[str, typer.Argument(metavar="RUN", help="A run id, its beginning, or the name of a plan.")],
    deals: Annotated[Path, typer.Argument(metavar="DEALS", help="The file of the new deals, with the columns of the plan.")],
    out: Annotated[Path | None, typer.Option(help="Write the predictions to this CSV file, not to the terminal.")] = None,
    level: Annotated[float | None, typer.Option(help="Coverage of the intervals; that of the run when not given.")] = None,
    store: StoreFolder = STORE,
) -> None:
    """Say of new deals how likely they are won, by the model of a recorded run of win rates."""
    with mending():
        from whywin.runner import predict as predicted
        from whywin.sources import write_table
        from whywin.terminal import ERR

        found = predicted(reference, deals, store_root=store, level=level).round(2)
        if out is None:
            typer.echo(found.to_csv(index=False), nl=False)
            return
        write_table(found, out)
        ERR.print(f"{out}: {len(found):,} deals", markup=False, highlight=False, soft_wrap=True)


@app.command()
def ui(store: StoreFolder = STORE, port: Port = PORT) -> None:
    """Open MLflow on this store, on this machine only."""
    with mending():
        from whywin import tracking
        from whywin.terminal import OUT

        opened = tracking.open_store(store)
        OUT.print(
            f"MLflow: http://127.0.0.1:{port}/#/experiments?workflowType=machine_learning (Ctrl-C ends it)", highlight=False
        )
        raise typer.Exit(tracking.serve_ui(opened, port))


def _program() -> str:
    """Return how the reader can call whywin from here: by its name when that is found, else by its path."""
    beside = Path(sys.executable).parent / "whywin"
    if shutil.which("whywin") or not beside.exists():
        return "whywin"
    return str(beside.relative_to(Path.cwd())) if beside.is_relative_to(Path.cwd()) else str(beside)


@app.command()
def demo(store: StoreFolder = STORE, port: Port = PORT, quiet: Quiet = False, verbose: Verbose = False) -> None:
    """Run the three questions on the embedded market, whose truth is known."""
    with mending():
        from whywin.runner import demonstration

        paths = demonstration()
        fan = fan_of(None, ENGINE, "")
    codes = [_run(path, [], store, port, fan=fan, quiet=quiet, verbose=verbose) for path in paths]
    from whywin.terminal import OUT

    OUT.print(f"\nThree runs are recorded. Look into them with: {_program()} ui", markup=False, highlight=False)
    raise typer.Exit(max(codes))


claims.add_to(app)
reports.add_to(app)
runs.add_to(app)
trials.add_to(app)
