"""The quarterly report."""

from pathlib import Path
from typing import Annotated

import typer

from whywin.commands.options import ENGINE, PORT, STORE, Engine, Overrides, Port, Scheduler, StoreFolder, Workers, fan_of, mending


def add_to(app: typer.Typer) -> None:
    """Give the command line this command."""
    app.command()(report)


def report(
    config_file: Annotated[Path, typer.Argument(metavar="CONFIG", help="The YAML file of a report.")],
    quarter: Annotated[
        str | None, typer.Option(help="The quarter, such as 2024Q1; the config's last one when not given.")
    ] = None,
    run: Annotated[
        bool, typer.Option("--run", help="First run the plans as of the quarter's end; score and make claims.")
    ] = False,
    to: Annotated[Path | None, typer.Option(help="Write the page to this HTML file too, and the PDF beside it.")] = None,
    pdf: Annotated[bool, typer.Option("--pdf", help="Make a PDF of it too; needs the extra whywin[pdf].")] = False,
    overrides: Overrides = None,
    workers: Workers = None,
    engine: Engine = ENGINE,
    scheduler: Scheduler = "",
    store: StoreFolder = STORE,
    port: Port = PORT,
) -> None:
    """Write the quarterly report from recorded runs; exit 1 when something is missing from it."""
    with mending():
        from whywin import quarterly
        from whywin.config import load_report
        from whywin.errors import ConfigError
        from whywin.fanning import Fan
        from whywin.quarters import Quarter
        from whywin.terminal import ERR, OUT, progress

        fan = fan_of(workers, engine, scheduler)
        if not run and fan != Fan():
            raise ConfigError("--workers, --engine, --scheduler: say how plans are run; add --run, or leave them out")
        settings = load_report(config_file, overrides or [])
        named = [quarter] if quarter else list(settings.quarters)
        if not named:
            raise ConfigError("quarter: missing; say which, such as --quarter 2024Q1, or list quarters in the config")
        quarters = [Quarter.of(one) for one in named]
        with progress(quiet=False) as notify:
            faults = quarterly.go_through(settings, quarters, store_root=store, port=port, fan=fan, notify=notify) if run else []
            made = quarterly.write(settings, quarters[-1], to=to, pdf=pdf, store_root=store, port=port, notify=notify)
        for fault in faults:
            ERR.print(f"could not be done: {fault}", markup=False, highlight=False, soft_wrap=True)
        for one in made.edition.decisions:
            OUT.print(f"Decide: {one.action} {one.because}", markup=False, highlight=False, soft_wrap=True)
        if not made.edition.decisions:
            OUT.print("Nothing to decide: nothing in these numbers is more than noise, or founded well enough to act on.")
        for gap in made.edition.gaps:
            OUT.print(f"Missing: {gap}.", markup=False, highlight=False, soft_wrap=True)
        OUT.print(f"Report: {made.page}", markup=False, highlight=False, soft_wrap=True)
        if made.pdf:
            OUT.print(f"PDF: {made.pdf}", markup=False, highlight=False, soft_wrap=True)
        if made.says:
            OUT.print(made.says, markup=False, highlight=False, soft_wrap=True)
        raise typer.Exit(1 if faults or made.edition.gaps else 0)
