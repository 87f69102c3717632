"""What is done before a trial has data: its design, its assignment, and the registration of its plan."""

from pathlib import Path
from typing import Annotated

import typer

from whywin.commands.options import PORT, STORE, Overrides, Port, Quiet, StoreFolder, mending

Config = Annotated[Path, typer.Argument(metavar="CONFIG", help="The YAML file of a trial's plan.")]


def add_to(app: typer.Typer) -> None:
    """Give the command line these commands."""
    for command in (design, assign, register):
        app.command()(command)


def design(
    config_file: Config, overrides: Overrides = None, store: StoreFolder = STORE, port: Port = PORT, quiet: Quiet = False
) -> None:
    """Say what a trial can find, how many units and weeks it takes, and what no length can mend."""
    with mending():
        from whywin import trial_planning
        from whywin.terminal import OUT, progress, table_of

        with progress(quiet=quiet) as notify:
            done = trial_planning.design(config_file, overrides or [], store_root=store, port=port, notify=notify)
    found = done.design
    OUT.print(found.says, markup=False, highlight=False, soft_wrap=True)
    if not quiet:
        OUT.print(table_of(found.tables["assumptions"], title="What it assumes"))
        OUT.print(table_of(found.tables["units"], title="By number of units"))
        for check in found.checks:
            mark = "passed" if check.passed else "note" if check.severity == "note" else "FAILED"
            OUT.print(f"{mark} {check.name}: {check.says}", markup=False, highlight=False, soft_wrap=True)
        for line in (f"Page: {done.page}", *(f"{label}: {link}" for label, link in done.links.items())):
            OUT.print(line, markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(0 if found.sound else 1)


def assign(
    config_file: Config,
    overrides: Overrides = None,
    ledger: Annotated[Path | None, typer.Option(help="Where the ledger lies; beside the config when not given.")] = None,
    deals: Annotated[Path | None, typer.Option(help="Write which deals a second stage treats to this CSV file.")] = None,
    quiet: Quiet = False,
) -> None:
    """Assign the units of a trial to its arms, each once and for ever, and write the ledger."""
    with mending():
        from whywin import trial_planning
        from whywin.terminal import OUT, table_of

        done = trial_planning.assign(config_file, overrides or [], ledger=ledger, deals=deals)
        counts = done.ledger.groupby(done.arm, sort=False)[done.unit].size().rename("units").reset_index()
        added = f"{done.new:,} {done.unit}s were assigned" if done.new else "nothing was changed: every unit was assigned already"
        OUT.print(f"{done.path}: {added}; {len(done.ledger):,} in all.", markup=False, highlight=False, soft_wrap=True)
        if done.deals:
            OUT.print(f"{done.deals}: the deals of the second stage.", markup=False, highlight=False, soft_wrap=True)
        if not quiet:
            OUT.print(table_of(counts))


def register(config_file: Config, overrides: Overrides = None) -> None:
    """Write down what a trial's plan settles, before its data; later analyses are held to it."""
    with mending():
        from whywin.registering import register as kept
        from whywin.terminal import OUT

        done = kept(config_file, overrides or [])
        words = "registered" if done.new else f"was registered already, on {done.entry.time}"
        lines = [f"{done.entry.plan}: {words}, entry {done.entry.number}, hash {done.entry.hash[:16]}.", f"Register: {done.path}"]
        for line in lines:
            OUT.print(line, markup=False, highlight=False, soft_wrap=True)
