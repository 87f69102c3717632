"""One run being recorded: opened at once, filled in order, and closed as FINISHED or FAILED whatever happens."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from whywin.studies import Run
from whywin.tracking import contents, models
from whywin.tracking.artifacts import PAGE
from whywin.tracking.contents import Param, Point
from whywin.tracking.links import links
from whywin.tracking.names import file_name
from whywin.tracking.origin import origin
from whywin.tracking.signals import ending_in_order
from whywin.tracking.store import PART, Store
from whywin.tracking.writer import Writer, open_writer


@dataclass(frozen=True, eq=False)
class Recording:
    """A run that is being recorded; `recording` makes it and closes it."""

    _writer: Writer
    _name: str
    _params: Mapping[str, Param]
    _origin: Mapping[str, str]

    @property
    def commit(self) -> str:
        """The git commit of the current folder, and whether it was changed since; empty outside a repository."""
        commit = self._origin.get("mlflow.source.git.commit", "")
        return f"{commit[:12]}, changed since" if self._origin.get("git.dirty") == "yes" else commit[:12]

    @property
    def run_id(self) -> str:
        """The parent run's identifier."""
        return self._writer.parent.run_id

    @property
    def folder(self) -> Path:
        """Where the run's artifacts lie."""
        return self._writer.parent.folder

    @property
    def page_path(self) -> Path:
        """Where the run's page lies, once it is written."""
        return self.folder / PAGE

    def links(self, port: int) -> Mapping[str, str]:
        """Return deep links into the MLflow UI for this run, by label; they open while `serve_ui` runs on that port."""
        return links(self._writer.experiment_id, self.run_id, port)

    def write_run(self, run: Run, *, page: str, figures: Mapping[str, str], register: bool = True) -> None:
        """Record a run: first what MLflow draws and compares, then the files, and the page last.

        Args:
            run: the plan and its evidence.
            page: the run page, as HTML.
            figures: SVG text by name.
            register: whether a fitted model of the answer becomes the newest of those registered under the plan's name.
        """
        parent = self._writer.parent
        self._writer.log(parent, points=contents.points_of_run(run), tags=contents.tags_of_run(run))
        self._writer.log_deals(contents.dataset_of(run))
        fitted = {label: self._write_method(run, label) for label in run.evidence}
        self._writer.tables(parent, contents.tables_of_run(run))
        if len(run.deals.quarantine):
            self.attach("quarantine.csv", run.deals.quarantine.to_csv(index=False))
        self._write_figures(figures)
        self.attach(PAGE, page)
        newest = next((kept for kept in fitted.values() if kept), None)  # the answer's method comes first
        if register and newest:
            models.register(self._writer, newest, run)

    def write_experiment(
        self, *, statement: str, held: bool, says: str, table: pd.DataFrame, figures: Mapping[str, str] | None = None
    ) -> None:
        """Record an experiment: its statement, whether it held, the sentence with the numbers, and the table behind it."""
        verdict = "held" if held else "broken"
        note = [f"**{contents.as_text(statement)} {verdict.capitalize()}.**", "", contents.as_text(says)]
        tags = {"statement": statement, "verdict": verdict, "says": says, "mlflow.note.content": contents.whole_lines(note)}
        self._writer.log(self._writer.parent, points=[Point("held", float(held))], tags=tags)
        self._writer.tables(self._writer.parent, {"results": table})
        self._write_figures(figures or {})

    def write_page(
        self,
        *,
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        tables: Mapping[str, pd.DataFrame],
        figures: Mapping[str, str],
        page: str,
    ) -> None:
        """Record what is no run of a plan's methods, such as the design of a trial: its numbers, its tables, and its page."""
        points = contents.finite(Point(name, float(value)) for name, value in metrics.items())
        self._writer.log(self._writer.parent, points=points, tags=tags)
        self._writer.tables(self._writer.parent, tables)
        self._write_figures(figures)
        self.attach(PAGE, page)

    def write_report(
        self, estimates: pd.DataFrame, ledger: pd.DataFrame, calibration: pd.DataFrame, *, page: str, pdf: bytes | None
    ) -> None:
        """Record a quarterly report: every number that it tells, the ledger as it stood, and the page last."""
        counts = ledger["verdict"].value_counts()
        points = [Point(f"claims/{name}", float(counts.get(name, 0))) for name in ("confirmed", "broken", "undecided", "open")]
        self._writer.log(self._writer.parent, points=points)
        self._writer.tables(self._writer.parent, {"estimates": estimates, "ledger": ledger, "calibration": calibration})
        if pdf is not None:
            self.attach("page.pdf", pdf)
        self.attach(PAGE, page)

    def attach(self, name: str, text: str | bytes) -> None:
        """Keep a further file with the run, wholly or not at all."""
        self._writer.file(self._writer.parent, name, text)

    def _write_method(self, run: Run, label: str) -> models.Kept | None:
        evidence = run.evidence[label]
        tags = {"mlflow.parentRunId": self.run_id, PART: "method", **contents.tags_of_method(run, label)}
        child = self._writer.begin(f"{self._name} by {label}", tags)
        params = contents.params_of_method(self._params, label)
        self._writer.log(child, points=contents.points_of_method(run, label), params=params)
        self._writer.tables(child, contents.tables_of_method(evidence))
        if evidence.posterior is not None:
            self._writer.posterior(child, evidence.posterior)
        model = models.model_of(run, label)
        if model is None:
            return None
        return models.keep(self._writer, child, label, model, run.deals.table)

    def _write_figures(self, figures: Mapping[str, str]) -> None:
        for name, svg in figures.items():
            self.attach(f"figures/{file_name(name.removesuffix('.svg'))}.svg", svg)


@contextmanager
def recording(
    store: Store, *, name: str, experiment: str, tags: Mapping[str, str], params: Mapping[str, Param], plan_text: str
) -> Iterator[Recording]:
    """Open a run and close it: FINISHED when the block ends, FAILED at once when anything whatever is raised in it.

    Args:
        store: where to.
        name: the plan's name, by which the run is found again.
        experiment: the MLflow experiment, made when there is none by that name.
        tags: what else is known of the run before it starts.
        params: the plan, flattened.
        plan_text: the plan as YAML.

    Raises:
        TrackingError: the record cannot be written.
    """
    with ending_in_order(), open_writer(store, experiment) as writer:
        try:
            where = origin()
            parent = writer.begin(name, {**tags, **where, PART: "plan", "plan": name})
            writer.log(parent, params=contents.params_text(params))
            writer.file(parent, "plan.yaml", plan_text)
            yield Recording(writer, name, dict(params), where)
            writer.close("FINISHED")
        except BaseException as error:
            writer.fail(error)
            raise
