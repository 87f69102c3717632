"""Claims about deals to come: made, scored, and looked through."""

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from whywin.commands.options import STORE, StoreFolder, mending

Due = Annotated[datetime, typer.Option(formats=["%Y-%m-%d"], help="The last day of the window that the claim is about.")]


def add_to(app: typer.Typer) -> None:
    """Give the command line these commands."""
    app.command()(claim)
    app.command()(score)
    app.command()(ledger)


def claim(
    reference: Annotated[str, typer.Argument(metavar="RUN", help="A run id, its beginning, or the name of a plan.")],
    due: Due,
    quantity: Annotated[str | None, typer.Option(help="What is claimed; the run's main quantity when not given.")] = None,
    segment: Annotated[str, typer.Option(help="all, or column=level.")] = "all",
    level: Annotated[float, typer.Option(help="Probability that the number will lie within the interval.")] = 0.8,
    store: StoreFolder = STORE,
) -> None:
    """Write down, before they exist, what deals to come will show by a recorded run."""
    with mending():
        from whywin import claiming
        from whywin.terminal import OUT, progress

        with progress(quiet=False) as notify:
            entry, run_id = claiming.claim(
                reference, quantity=quantity, segment=segment, due=due.date(), level=level, store_root=store, notify=notify
            )
        made = entry.claim
        lines = [
            f"Claim {entry.number}: {made.sentence}",
            f"Expected {made.value:.1f} from {made.deals:,} deals; grade {made.grade}; undecided with fewer than {made.fewest:,} deals.",
            f"Recorded as run {run_id}, hash {entry.hash[:12]}.",
        ]
        if not made.foreseen:
            lines.append("Its window is over already: it counts as a replay of the past, not as a prediction.")
        for line in lines:
            OUT.print(line, markup=False, highlight=False, soft_wrap=True)


def score(
    deals: Annotated[
        Path | None, typer.Argument(metavar="[DEALS]", help="The file of the new deals; the plans' own sources when not given.")
    ] = None,
    store: StoreFolder = STORE,
) -> None:
    """Say of every claim that is due whether it came true."""
    with mending():
        from whywin import claiming
        from whywin.terminal import OUT, progress

        with progress(quiet=False) as notify:
            scores, left = claiming.score(deals, store_root=store, notify=notify)
        for made in scores:
            OUT.print(f"Claim {made.claim}: {made.says}", markup=False, highlight=False, soft_wrap=True)
        for one in left:
            OUT.print(f"Claim {one.number} is not scored: {one.says}.", markup=False, highlight=False, soft_wrap=True)
        if not scores and not left:
            OUT.print("No claim is open.")


def ledger(
    export: Annotated[Path | None, typer.Option(help="Write the ledger to this file as JSON Lines.")] = None,
    verify: Annotated[Path | None, typer.Option(help="See whether this exported ledger was changed.")] = None,
    store: StoreFolder = STORE,
) -> None:
    """Show the claims and what became of them, and how often they came true."""
    with mending():
        from whywin import claiming
        from whywin.terminal import OUT, table_of

        if verify is not None:
            count = claiming.verify(verify, store)
            OUT.print(f"{verify}: {count:,} entries, none changed, and the same as in the record.", markup=False, highlight=False)
            return
        if export is not None:
            count = claiming.export(store, export)
            OUT.print(f"{export}: {count:,} entries", markup=False, highlight=False, soft_wrap=True)
            return
        claims = claiming.book(store)
        if not len(claims):
            OUT.print("No claim was made yet. Make one with: whywin claim RUN --due 2025-03-31", markup=False, highlight=False)
            return
        shown = claims[["number", "sentence", "grade", "verdict", "found"]]
        OUT.print(table_of(shown, title="Claims"))
        from whywin.claims import calibration

        table = calibration(claims)
        if len(table):
            OUT.print(table_of(table, title="How often claims came true"))
