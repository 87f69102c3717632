"""The driver of the scripts under ``experiments/``: statements about our own methods, put to the test.

An experiment is a settings dataclass, a statement, a simulation that gives one table, and a verdict on that table.
It is driven by a config and recorded like every other run. Exit code: 0 the statement held, 1 it broke, 2 it could not run, 130 interrupted.
"""

import inspect
import re
import sys
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any, cast

import pandas as pd
import typer

from whywin import config, tracking
from whywin.cards import ABOUT, EXPERIMENT, spoken_of
from whywin.errors import WhywinError
from whywin.fanning import Fan, fanned_by
from whywin.terminal import OUT, progress, show_faults, show_interrupted, table_of

Simulate = Callable[[Any], pd.DataFrame]
Verdict = Callable[[pd.DataFrame], tuple[bool, str]]


def conduct(owner: type, statement: str, simulate: Simulate, verdict: Verdict, arguments: list[str] | None = None) -> int:
    """Read the experiment's config, simulate, judge, print, and record; return the exit code.

    Args:
        owner: the settings dataclass; ``FewReps`` belongs to ``configs/experiments/few_reps.yaml``.
        statement: what is claimed, in one sentence that can turn out false.
        simulate: from settings to one table of results; pure.
        verdict: from that table to (held, a sentence with the numbers).
        arguments: command line; that of the process when not given.
    """
    name = re.sub(r"(?<!^)(?=[A-Z])", "_", owner.__name__).lower()
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    ended: list[int] = []

    @app.command(help=statement)
    def command(
        config_file: Annotated[Path, typer.Argument(metavar="CONFIG")] = Path(f"configs/experiments/{name}.yaml"),
        overrides: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="change a setting")] = None,
        store: Annotated[Path, typer.Option(envvar="WHYWIN_STORE", help="the MLflow store")] = Path("mlruns"),
        workers: Annotated[
            int | None, typer.Option(min=1, help="worlds at the same time; the config's number if not given")
        ] = None,
        engine: Annotated[str, typer.Option(metavar="processes|dask", help="of this machine, or a Dask cluster")] = "processes",
        scheduler: Annotated[str, typer.Option(metavar="ADDRESS", help="with --engine dask, the cluster's scheduler")] = "",
    ) -> None:
        try:
            fan = Fan(workers, cast("Any", engine), scheduler)
            settings: Any = config.load_settings(config_file, owner, overrides or ())
            with progress(quiet=False) as notify, fanned_by(fan, notify):
                notify(f"simulating {name}")
                held = _recorded(name, settings, statement, simulate, verdict, store)
            ended.append(0 if held else 1)
        except WhywinError as error:
            show_faults(error)
            ended.append(2)
        except KeyboardInterrupt:
            show_interrupted()
            ended.append(130)

    app(args=sys.argv[1:] if arguments is None else arguments, standalone_mode=False)
    return ended[0] if ended else 0


def _methods(owner: type) -> tuple[str, ...]:
    """Return the methods that the script of an experiment speaks of, read from its source where that is there."""
    source = inspect.getsourcefile(owner) if owner.__module__ in sys.modules else None
    return spoken_of(Path(source).read_text(encoding="utf-8")) if source and Path(source).is_file() else ()


def _recorded(name: str, settings: Any, statement: str, simulate: Simulate, verdict: Verdict, root: Path) -> bool:
    plain = asdict(settings)
    params = {key: value if isinstance(value, int | float | bool | None) else str(value) for key, value in plain.items()}
    plan_text = config.settings_to_yaml(settings)
    store = tracking.open_store(root)
    tags = {"kind": "experiment", "seed": str(plain.get("seed", "")), ABOUT: " ".join(_methods(type(settings)))}
    with tracking.recording(store, name=name, experiment=EXPERIMENT, tags=tags, params=params, plan_text=plan_text) as record:
        table = simulate(settings)
        held, says = verdict(table)
        record.write_experiment(statement=statement, held=held, says=says, table=table)
    OUT.print(table_of(table, title=name))
    OUT.print(f"[bold]{'held' if held else 'BROKEN'}[/bold]: ", end="")
    OUT.print(f"{statement}\n{says}", markup=False, highlight=False)
    OUT.print(f"Recorded as run {record.run_id} in {root}.", highlight=False)
    return held
