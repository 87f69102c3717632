"""What writes one run, its child runs and their files; only the process that opened the run may use it."""

import json
import time
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import batched
from pathlib import Path
from typing import Any, Final

import pandas as pd

from whywin.errors import TrackingError, WhywinError
from whywin.tracking.artifacts import PAGE, folder_of, table_text, write, write_by
from whywin.tracking.contents import TAG_LENGTH, Point, as_text, writable
from whywin.tracking.faults import told
from whywin.tracking.names import file_name
from whywin.tracking.processes import this_process
from whywin.tracking.quiet import client, hushed
from whywin.tracking.signals import Ended
from whywin.tracking.store import FAILURE, Store

NAME_LENGTH: Final = 250
_EXPERIMENT_LENGTH: Final = 500
_POINTS: Final = 1000  # what MLflow takes in one batch
_ENTRIES: Final = 100


@dataclass(frozen=True)
class Written:
    """A parent or child run.

    Attributes:
        run_id: its identifier.
        folder: where its artifacts lie.
    """

    run_id: str
    folder: Path


@dataclass(frozen=True, eq=False)
class Writer:
    """The runs that one recording writes.

    Attributes:
        store: where to.
        link: MLflow's client.
        experiment_id: the identifier of the MLflow experiment.
        runs: the parent, then its children.
    """

    store: Store
    link: Any
    experiment_id: str
    runs: list[Written] = field(default_factory=list)

    @property
    def parent(self) -> Written:
        """The parent run."""
        return self.runs[0]

    def begin(self, name: str, tags: Mapping[str, str]) -> Written:
        """Open a run as RUNNING, with the process that it belongs to."""
        marks = writable({**tags, "mlflow.runName": name[:NAME_LENGTH], **this_process()})
        with self.writing():
            info = self.link.create_run(self.experiment_id, tags=marks).info
        begun = Written(info.run_id, folder_of(info.artifact_uri))
        self.runs.append(begun)
        return begun

    def log(
        self,
        run: Written,
        *,
        points: Sequence[Point] = (),
        params: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        """Write metrics, parameters and tags, in as few batches as MLflow takes them."""
        from mlflow.entities import Metric, Param, RunTag

        now = int(time.time() * 1000)
        metrics = [Metric(p.name, p.value, now if p.moment is None else p.moment, p.step) for p in points]
        settings = [Param(name, text) for name, text in (params or {}).items()]
        marks = [RunTag(name, text) for name, text in writable(tags or {}).items()]
        with self.writing():
            for part in batched(metrics, _POINTS):
                self.link.log_batch(run.run_id, metrics=part, synchronous=True)
            for part in batched(settings, _ENTRIES):
                self.link.log_batch(run.run_id, params=part, synchronous=True)
            for part in batched(marks, _ENTRIES):
                self.link.log_batch(run.run_id, tags=part, synchronous=True)

    def log_deals(self, dataset: Mapping[str, str]) -> None:
        """Name the dataset of the parent run by the fields that MLflow keeps of one."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        with self.writing():
            self.link.log_inputs(
                self.parent.run_id, [DatasetInput(Dataset(**dataset), [InputTag("mlflow.data.context", "deals")])]
            )

    def tables(self, run: Written, tables: Mapping[str, pd.DataFrame]) -> None:
        """Write tables and tell MLflow of all of them at once; its own log_table takes three transactions for each."""
        with told(self.store.root):
            for name, frame in tables.items():
                write(run.folder, f"tables/{file_name(name)}.json", table_text(frame))
        listed = [{"path": f"tables/{file_name(name)}.json", "type": "table"} for name in tables]
        while len(text := json.dumps(listed)) > TAG_LENGTH:
            listed.pop()
        self.log(run, tags={"mlflow.loggedArtifacts": text})

    def file(self, run: Written, name: str, content: str | bytes) -> None:
        """Write one file."""
        with told(self.store.root):
            write(run.folder, name, content)

    def posterior(self, run: Written, tree: Any) -> None:
        """Write a posterior as NetCDF."""
        with told(self.store.root), hushed():
            write_by(run.folder, "posterior.nc", lambda path: tree.to_netcdf(path, engine="h5netcdf"))

    def close(self, status: str) -> None:
        """Close the child runs and then the parent: when that is FINISHED, everything is there."""
        with self.writing():
            for run in reversed(self.runs):
                self.link.set_terminated(run.run_id, status)

    def fail(self, error: BaseException) -> None:
        """Mark the runs FAILED first, and say why after; a store that takes nothing more is no reason to hide the error."""
        if not self.runs:
            return
        reason = short_reason(error)
        text = "".join(traceback.format_exception(error))
        note = {FAILURE: reason, "mlflow.note.content": f"**Failed**: {as_text(reason)}"}
        steps: tuple[Callable[[], None], ...] = (
            lambda: (self.parent.folder / PAGE).unlink(missing_ok=True),
            lambda: self.close("FAILED"),
            lambda: self.log(self.parent, tags=note),
            lambda: self.file(self.parent, "traceback.txt", text),
        )
        for step in steps:
            try:
                step()
            except (WhywinError, OSError) as unwritten:
                error.add_note(f"whywin could not record this failure: {unwritten}")

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the store while it is written to."""
        with self.store.writing(), hushed():
            yield


@contextmanager
def open_writer(store: Store, experiment: str) -> Iterator[Writer]:
    """Give what writes to an experiment, which is made when there is none by that name."""
    with ExitStack() as stack:
        with store.writing():
            link = stack.enter_context(client(store.uri))
            with hushed():
                experiment_id = _experiment(store, link, experiment)
        yield Writer(store, link, experiment_id)


def _experiment(store: Store, link: Any, name: str) -> str:
    if not name.strip() or len(name) > _EXPERIMENT_LENGTH:
        msg = f"track.experiment: must be a name of 1 to {_EXPERIMENT_LENGTH} signs, got {name[:50]!r} of {len(name)}; shorten it"
        raise TrackingError(msg)
    found = link.get_experiment_by_name(name)
    if found is None:
        kind = {"mlflow.experimentKind": "custom_model_development"}  # so that the UI shows runs, not chat traces
        return str(link.create_experiment(name, str(store.artifacts / file_name(name)), kind))
    if found.lifecycle_stage != "active":
        msg = f"track.experiment: {name!r} was deleted in MLflow; restore it there (whywin ui), or choose another name"
        raise TrackingError(msg)
    return str(found.experiment_id)


def short_reason(error: BaseException) -> str:
    """Return why a run failed, in one line."""
    if isinstance(error, Ended):
        return str(error)
    if isinstance(error, KeyboardInterrupt):
        return "interrupted from the keyboard"
    name = "" if isinstance(error, WhywinError) else type(error).__name__
    return ": ".join(filter(None, (name, " ".join(str(error).split()))))[: TAG_LENGTH // 4]
