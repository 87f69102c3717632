"""Many runs at once, recorded runs repeated and set side by side, and what is recorded of each method."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from whywin.commands.options import (
    ENGINE,
    PORT,
    STORE,
    Engine,
    Overrides,
    Port,
    Quiet,
    Scheduler,
    StoreFolder,
    Workers,
    fan_of,
    mending,
)

if TYPE_CHECKING:
    import pandas as pd

    from whywin.cards import Card
    from whywin.fanning import Fan


def add_to(app: typer.Typer) -> None:
    """Give the command line these commands."""
    app.command()(compare)
    app.command()(rerun)
    app.command()(methods)
    app.command()(sweep)


def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Run ids, their beginnings, or names of plans.")],
    store: StoreFolder = STORE,
) -> None:
    """Say what differs between recorded runs and why: plans, data, versions, and estimates beyond their intervals."""
    with mending():
        from whywin import tracking
        from whywin.terminal import OUT, table_of

        comparison = tracking.compare(tracking.open_store(store), runs)
        labels = [str(label) for label in comparison.runs["run"]]
        for title, frame in {**comparison.tables(), "Estimates": _narrow(comparison.estimates, labels)}.items():
            OUT.print(table_of(frame, title=title))
        for label, says in comparison.why.items():
            OUT.print(f"{label}: {says}", markup=False, highlight=False, soft_wrap=True)


def _narrow(estimates: "pd.DataFrame", labels: list[str]) -> "pd.DataFrame":
    """Return estimates with each run's value and interval in one column, so that two runs fit a terminal."""
    shown = estimates[["method", "quantity", "segment"]].copy()
    for label in labels:
        numbers = estimates[[f"{part} {label}" for part in ("value", "low", "high")]].itertuples(index=False, name=None)
        shown[label] = ["" if value != value else f"{value:.2f} ({low:.2f} to {high:.2f})" for value, low, high in numbers]  # noqa: PLR0124 - NaN differs from itself
    return shown.assign(differ=estimates["differ"])


def rerun(
    reference: Annotated[str, typer.Argument(metavar="RUN", help="A run id, its beginning, or the name of a plan.")],
    workers: Workers = None,
    engine: Engine = ENGINE,
    scheduler: Scheduler = "",
    store: StoreFolder = STORE,
    port: Port = PORT,
    quiet: Quiet = False,
) -> None:
    """Repeat a run from what was recorded; exit 0 when every number is the same to the last bit, 1 when not."""
    with mending():
        from whywin import rerunning
        from whywin.fanning import fanned_by
        from whywin.terminal import OUT, progress, table_of

        fan = fan_of(workers, engine, scheduler)
        with progress(quiet=quiet) as notify, fanned_by(fan, notify):
            done = rerunning.rerun(reference, store_root=store, port=port, notify=notify)
    OUT.print(f"{done.original.run_id[:8]} ({done.original.name}): {done.says}", markup=False, highlight=False, soft_wrap=True)
    if not quiet:
        if len(done.numbers):
            shown = done.numbers.assign(was=done.numbers["was"].map(repr), **{"is": done.numbers["is"].map(repr)})
            OUT.print(table_of(shown, title="Numbers that are not the same"))
        OUT.print(f"The repetition is run {done.run.run_id}.", highlight=False)
    raise typer.Exit(0 if done.identical else 1)


def methods(
    card: Annotated[
        bool, typer.Option("--card", help="Show what the recorded experiments found of each method, not its settings.")
    ] = False,
    store: StoreFolder = STORE,
) -> None:
    """List what exists: questions, their methods and checks, with settings; or how well each method was found to work."""
    from whywin.terminal import OUT, listing

    if not card:
        for table in listing():
            OUT.print(table)
        return
    with mending():
        from whywin import cards, tracking

        found = cards.cards(tracking.open_store(store))
    _show_cards(found)


def _show_cards(found: "tuple[Card, ...]") -> None:
    from whywin import cards
    from whywin.terminal import OUT, table_of

    for one in found:
        OUT.print(f"\n[bold]{one.method}[/bold] ({one.kind})", highlight=False)
        if not one.experiments:
            run = f"; run python experiments/{' or '.join(one.scripts)}" if one.scripts else ", and no script here speaks of it"
            OUT.print(f"No experiment about it is recorded here{run}.", markup=False, highlight=False, soft_wrap=True)
        for experiment in one.experiments:
            verdict = experiment.tags.get("verdict", "")
            statement, says = (experiment.tags.get(name, "") for name in ("statement", "says"))
            about = f"{experiment.name} ({verdict}, run {experiment.run_id[:8]}): {statement}"
            OUT.print(about, markup=False, highlight=False, soft_wrap=True)
            own = one.numbers[one.numbers["experiment"] == experiment.name]
            if len(own):
                OUT.print(table_of(cards.as_read(own)))
            else:
                OUT.print(f"  {says}", markup=False, highlight=False, soft_wrap=True)


def sweep(
    configs: Annotated[list[Path], typer.Argument(metavar="CONFIG...", help="YAML files of plans, with `sweep:` or without.")],
    overrides: Overrides = None,
    workers: Workers = None,
    engine: Engine = ENGINE,
    scheduler: Scheduler = "",
    most: Annotated[int, typer.Option(min=1, help="The largest number of plans.")] = 100,
    store: StoreFolder = STORE,
    port: Port = PORT,
    quiet: Quiet = False,
) -> None:
    """Run every combination of the choices in one config or several, and draw how the answer depends on them."""
    with mending():
        fan = fan_of(workers, engine, scheduler)
    raise typer.Exit(run_sweep(configs, overrides or [], store, port, fan=fan, most=most, quiet=quiet))


def run_sweep(configs: list[Path], overrides: list[str], store: Path, port: int, *, fan: "Fan", most: int, quiet: bool) -> int:
    """Run a sweep, show it, and return the exit code: 0 all sound, 1 a check or a plan failed, 2 nothing could be run."""
    with mending():
        from whywin import sweeping
        from whywin.report.specification import as_read
        from whywin.terminal import OUT, progress, table_of

        with progress(quiet=quiet) as notify:
            done = sweeping.sweep(configs, overrides, store_root=store, port=port, fan=fan, most=most, notify=notify)
    OUT.print(done.says, markup=False, highlight=False, soft_wrap=True)
    if not quiet:
        OUT.print(table_of(as_read(done.curve), title="Specifications, the lowest estimate first"))
        for line in (f"Page: {done.page}", *(f"{label}: {link}" for label, link in done.links.items())):
            OUT.print(line, markup=False, highlight=False, soft_wrap=True)
    total = len(done.curve.all)
    return 2 if done.curve.failed == total else 0 if done.curve.sound == total else 1
