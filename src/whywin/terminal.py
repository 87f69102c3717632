"""What the terminal shows: tables, faults and progress. Answers go to stdout, everything else to stderr."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import MISSING, fields
from typing import Final

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table

from whywin import catalogue
from whywin.errors import WhywinError
from whywin.settings import documentation
from whywin.studies import Run

OUT: Final = Console(soft_wrap=False)
ERR: Final = Console(stderr=True)
ROWS: Final = 40


def table_of(frame: pd.DataFrame, *, title: str = "") -> Table:
    """Return a table for the terminal; numbers to the right, every text as text, at most `ROWS` rows."""
    table = Table(title=escape(title) or None, title_justify="left", caption=_left_out(frame), caption_justify="left")
    for name in frame.columns:
        numeric = pd.api.types.is_numeric_dtype(frame[name]) and not pd.api.types.is_bool_dtype(frame[name])
        table.add_column(escape(str(name)), justify="right" if numeric else "left", overflow="fold")
    for row in frame.head(ROWS).itertuples(index=False):
        table.add_row(*(escape(_text(cell)) for cell in row))
    return table


def _left_out(frame: pd.DataFrame) -> str | None:
    return f"{len(frame) - ROWS} more rows are in the record." if len(frame) > ROWS else None


def _text(cell: object) -> str:
    if isinstance(cell, float):
        return "" if cell != cell else f"{cell:.3g}" if abs(cell) < 1 else f"{cell:,.2f}"  # noqa: PLR0124 - NaN differs from itself
    return "" if cell is None or cell is pd.NA else str(cell)


def show_faults(error: WhywinError) -> None:
    """Print every fault of an error to stderr, one a line."""
    count = len(error.faults)
    ERR.print(f"[red]Could not run[/red]{f', {count} faults' if count > 1 else ''}:", highlight=False)
    for fault in error.faults:
        ERR.print(f"  {fault}", markup=False, highlight=False, soft_wrap=True)


def show_interrupted() -> None:
    """Say on stderr that Ctrl-C ended the command, and what is left of it."""
    ERR.print(
        "Interrupted: runs that were finished are recorded whole, the others are marked as failed or not recorded.",
        highlight=False,
        soft_wrap=True,
    )


def show_run(run: Run, *, verbose: bool) -> None:
    """Print a run's answer, its main estimates and its failed checks to stdout."""
    OUT.print(f"\n[bold]{escape(run.answer)}[/bold]", highlight=False)
    OUT.print(f"Evidence grade {run.grade}; {'sound' if run.sound else 'NOT sound: a check failed'}.", highlight=False)
    frame = run.to_frame()
    if not verbose:
        frame = frame[frame["segment"].eq("all") | frame["quantity"].str.startswith("effect")]
    OUT.print(table_of(_readable(frame)))
    for check in run.all_checks:
        if verbose or not check.passed:
            mark = (
                "[green]passed[/green]"
                if check.passed
                else "[yellow]note[/yellow]"
                if check.severity == "note"
                else "[red]FAILED[/red]"
            )
            about = f" ({check.method})" if check.method else ""
            OUT.print(f"{mark} {escape(check.name + about)}: {escape(check.says)}", highlight=False)


def _readable(frame: pd.DataFrame) -> pd.DataFrame:
    """Return estimates as people read them, narrow enough for a terminal of 80 columns."""
    rows = frame.to_dict("records")
    shown = {
        "": [row["quantity"] + ("" if row["segment"] == "all" else f", {row['segment'].removeprefix('arm=')}") for row in rows],
        "method": [row["method"] for row in rows],
        "estimate": [
            f"{_figure(row['value'], row['unit'])} ({_figure(row['low'])} to {_figure(row['high'])}) {row['unit']}"
            if row["unit"] != "number"
            else f"{_any(row['value'])} ({_any(row['low'])} to {_any(row['high'])})"
            for row in rows
        ],
    }
    if "truth" in frame:
        shown["truth"] = ["" if pd.isna(row["truth"]) else _figure(row["truth"], row["unit"]) for row in rows]
    return pd.DataFrame(shown | {"deals": [f"{row['n']:,}" for row in rows], "grade": [row["grade"] for row in rows]})


def _figure(value: float, unit: str = "") -> str:
    """A value with one decimal, and its sign where it is a difference."""
    return f"{value:{'+' if unit in {'points', 'days'} else ''}.1f}"


def _any(value: float) -> str:
    """A value of any size with three figures at least."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"  # noqa: PLR2004 - three figures before the point


@contextmanager
def progress(*, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Give a function that shows what is being done now; silent when quiet or when stderr is no terminal."""
    if quiet or not ERR.is_terminal:
        yield lambda _: None
        return
    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(bar_width=20), TimeElapsedColumn())
    with Progress(*columns, console=ERR, transient=True) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda words: bar.update(task, description=escape(words))


def listing() -> Iterator[Table]:
    """Give one table a kind of question: its methods and checks, what each is, and its settings with their defaults."""
    for kind, owner in catalogue.QUESTIONS.items():
        table = Table(title=f"{kind}: {_first_line(owner)}", title_justify="left", show_lines=True)
        for heading in ("", "name", "what it is", "settings"):
            table.add_column(heading, overflow="fold")
        for role, found in (("method", catalogue.methods(kind)), ("check", catalogue.checks(kind))):
            for name, member in found.items():
                table.add_row(role, name, escape(_first_line(member)), escape(_settings(member)))
        yield table


def _first_line(owner: type) -> str:
    return (owner.__doc__ or "").partition("\n")[0]


def _settings(owner: type) -> str:
    lines = []
    for field in fields(owner):
        default = field.default_factory() if field.default_factory is not MISSING else field.default
        shown = "required" if default is MISSING else repr(default)
        lines.append(f"{field.name} = {shown}: {documentation(owner, field.name)}")
    return "\n".join(lines)
