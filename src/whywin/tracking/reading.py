"""Recorded runs, found again by identifier or by the name of their plan."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Final

import pandas as pd

from whywin.errors import TrackingError
from whywin.tracking import contents
from whywin.tracking.artifacts import PAGE, folder_of, read_table
from whywin.tracking.faults import told
from whywin.tracking.models import MODEL
from whywin.tracking.quiet import client, hushed
from whywin.tracking.store import PART, Store
from whywin.tracking.writer import NAME_LENGTH
from whywin.winrates.model import DESCRIPTION, POSTERIOR, FittedModel

_HEX: Final = frozenset("0123456789abcdef")
_SHORTEST: Final = 4  # signs of an identifier that are taken for one
_LONGEST: Final = 32
_MOST: Final = 1000  # runs that one search gives
_PLANS: Final = f"tags.`{PART}` = 'plan'"


@dataclass(frozen=True, eq=False)
class Recorded:
    """A run as it was recorded.

    Attributes:
        run_id: its identifier.
        name: the name of its plan.
        status: "FINISHED", "FAILED" or "RUNNING".
        made: when it was started, in UTC.
        experiment: the MLflow experiment that it is in.
        experiment_id: its identifier there.
        params: the plan, flattened, as text.
        metrics: the last value of each metric, named as `whywin.tracking` says.
        tags: whatever else is known of it: grade, sound, headline, fingerprint, versions, answer or failure.
        folder: where its artifacts lie.
        plan_text: the plan as YAML.
        estimates: every method's estimates, one row each; no row when the run did not finish.
        checks: every check, one row each.
    """

    run_id: str
    name: str
    status: str
    made: datetime
    experiment: str
    experiment_id: str
    params: Mapping[str, str]
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    folder: Path
    plan_text: str = ""
    estimates: pd.DataFrame = field(default_factory=contents.estimates_frame)
    checks: pd.DataFrame = field(default_factory=lambda: contents.checks_frame(()))

    @property
    def page_path(self) -> Path | None:
        """Where the run's page lies, or None when it has none."""
        path = self.folder / PAGE
        return path if path.is_file() else None


def recorded(store: Store, reference: str) -> Recorded:
    """Return one run: by its identifier, by the beginning of one, or the last finished run of the plan of that name.

    Raises:
        TrackingError: there is none, or several begin so; near names are listed.
    """
    with told(store.root), hushed(), client(store.uri) as link:
        names = _experiments(link)
        if _LONGEST >= len(reference) >= _SHORTEST and set(reference) <= _HEX:
            found = _search(link, names, f"attributes.run_id LIKE '{reference}%'")
            if len(found) > 1:
                listed = ", ".join(sorted(run.info.run_id for run in found))
                msg = f"{reference}: {len(found)} runs begin so; write more of one of {listed}"
                raise TrackingError(msg)
            if found:
                return _recorded(found[0], names)
        for run in _named(link, names, reference):
            if run.info.status == "FINISHED":
                return _recorded(run, names)
        raise TrackingError(_not_found(link, names, reference))


def latest(store: Store, *, name: str | None = None, experiment: str | None = None, limit: int = 20) -> tuple[Recorded, ...]:
    """Return the runs of plans that were started last, the newest first, whatever became of them.

    Args:
        store: where from.
        name: only runs of the plan of that name.
        experiment: only runs in the MLflow experiment of that name.
        limit: how many at most.
    """
    with told(store.root), hushed(), client(store.uri) as link:
        names = {key: found for key, found in _experiments(link).items() if experiment in {None, found}}
        runs = _search(link, names, _PLANS, limit) if name is None else _named(link, names, name)
        return tuple(_recorded(run, names) for run in runs[:limit])


def kept_model(store: Store, reference: str) -> tuple[FittedModel, Recorded]:
    """Return the fitted model of a recorded run, of the method that answers where that has one, and the run.

    Raises:
        TrackingError: there is no such run, it has no model, or the model's files are gone.
    """
    run = recorded(store, reference)
    with told(store.root), hushed(), client(store.uri) as link:
        experiment = link.get_run(run.run_id).info.experiment_id
        children = _search(link, {experiment: run.experiment}, f"tags.mlflow.parentRunId = '{run.run_id}'")
        found = [child for child in children if MODEL in child.data.tags]
        if not found:
            says = (
                "none of its methods has fitted a model that predicts; name a run of winrates that was answered by hierarchical"
            )
            raise TrackingError(f"{reference}: {says}, or record it anew by `whywin run`")
        child = min(found, key=lambda child: child.data.tags.get("method") != run.tags.get("headline"))
        folder = folder_of(link.get_logged_model(child.data.tags[MODEL]).artifact_location)
    gone = [str(folder / name) for name in (DESCRIPTION, POSTERIOR) if not (folder / name).is_file()]
    if gone:
        raise TrackingError(f"{' and '.join(gone)}: of the run's model, and gone; record it anew by `whywin run`")
    return FittedModel.load(folder), run


def method_table(store: Store, run: Recorded, method: str, name: str) -> pd.DataFrame | None:
    """Return a table of one method of a recorded run, or None when it has none of that name."""
    with told(store.root), hushed(), client(store.uri) as link:
        children = _search(link, {run.experiment_id: run.experiment}, f"tags.mlflow.parentRunId = '{run.run_id}'")
    for child in children:
        path = folder_of(child.info.artifact_uri) / "tables" / f"{name}.json"
        if child.data.tags.get("method") == method and path.is_file():
            return read_table(path)
    return None


def table_of(run: Recorded, name: str) -> pd.DataFrame | None:
    """Return a table of a recorded run itself, or None when it has none of that name."""
    path = run.folder / "tables" / f"{name}.json"
    return read_table(path) if path.is_file() else None


def mark(store: Store, run_id: str, tags: Mapping[str, str]) -> None:
    """Add tags to a run that was closed: what became known of it after."""
    from mlflow.entities import RunTag

    with store.writing(), hushed(), client(store.uri) as link:
        link.log_batch(run_id, tags=[RunTag(name, text) for name, text in contents.writable(tags).items()], synchronous=True)


def _experiments(link: Any) -> dict[str, str]:
    return {found.experiment_id: found.name for found in link.search_experiments()}


def _search(link: Any, names: Mapping[str, str], condition: str, limit: int = _MOST) -> Sequence[Any]:
    if not names:
        return ()
    order = ["attributes.start_time DESC"]
    return link.search_runs(list(names), condition, max_results=min(limit, _MOST), order_by=order)  # type: ignore[no-any-return]


def _named(link: Any, names: Mapping[str, str], name: str) -> Sequence[Any]:
    """Return the runs of a plan; MLflow's search has no way to write both kinds of quotes, so all are looked through then."""
    mark = '"' if "'" in name else "'"
    searchable = mark not in name
    condition = f"{_PLANS} AND attributes.run_name = {mark}{name[:NAME_LENGTH]}{mark}" if searchable else _PLANS
    return [run for run in _search(link, names, condition) if run.data.tags.get("plan") == name]


def _not_found(link: Any, names: Mapping[str, str], reference: str) -> str:
    runs = _search(link, names, _PLANS)
    there = list(dict.fromkeys(run.info.run_name for run in runs if run.info.status == "FINISHED"))
    if reference in {run.info.run_name for run in runs}:
        return f"{reference}: no run of this plan has finished; run it again, or name one by its identifier"
    if not there:
        return f"{reference}: no such run, and none has finished in this record; record one with `whywin run`"
    near = get_close_matches(reference, there, n=5, cutoff=0.4) or there[:5]
    return f"{reference}: no run has an identifier that begins so, and no plan this name; did you mean {' or '.join(near)}?"


def _recorded(run: Any, names: Mapping[str, str]) -> Recorded:
    folder = folder_of(run.info.artifact_uri)
    tables = {
        name: read_table(folder / "tables" / f"{name}.json")
        for name in ("estimates", "checks")
        if (folder / "tables" / f"{name}.json").is_file()
    }
    plan = folder / "plan.yaml"
    return Recorded(
        run_id=run.info.run_id,
        name=run.data.tags.get("plan", run.info.run_name),
        status=run.info.status,
        made=datetime.fromtimestamp(run.info.start_time / 1000, UTC),
        experiment=names[run.info.experiment_id],
        experiment_id=run.info.experiment_id,
        params=dict(run.data.params),
        metrics=dict(run.data.metrics),
        tags=dict(run.data.tags),
        folder=folder,
        plan_text=plan.read_text(encoding="utf-8") if plan.is_file() else "",
        **tables,
    )
