"""The shell around sweeps: every combination of a config's choices is a run of its own, and their curve is the parent of them."""

import shlex
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from whywin import config, runner, tracking
from whywin.catalogue import kind_of
from whywin.config import Combination, Sweep
from whywin.fanning import Fan
from whywin.many_runs import Job, run_many
from whywin.registering import held_to_register
from whywin.report.specification import Curve, Specification, curve_of, sentence, table
from whywin.report.specification_page import sweep_figures, sweep_page
from whywin.studies import Run

Notify = Callable[[str], None]
EVERY: Final = Fan()
MOST: Final = 100  # plans of a sweep, unless more are allowed
KIND: Final = "sweep"
OF: Final = "sweep.of"  # the tag of a plan's run that is part of a sweep: the sweep's run
CHOICE: Final = "choice."  # what the tags of its choices begin with
_PARENT: Final = "mlflow.parentRunId"


@dataclass(frozen=True, eq=False)
class Swept:
    """A sweep that was recorded.

    Attributes:
        curve: its specifications, in order of their estimates.
        run_id: its identifier in the record.
        page: where its page lies.
        links: deep links into the MLflow UI by label.
    """

    curve: Curve
    run_id: str
    page: Path
    links: Mapping[str, str]

    @property
    def says(self) -> str:
        """How far the specifications agree."""
        return sentence(self.curve)


def sweep(
    paths: Sequence[Path],
    overrides: Sequence[str] = (),
    *,
    store_root: Path,
    port: int,
    fan: Fan = EVERY,
    most: int = MOST,
    notify: Notify = lambda _: None,
) -> Swept:
    """Run every plan of one config or several, side by side, and record them below one parent.

    A plan that fails, fails its own run only, and the table of specifications says why. Every plan starts from its own seed and
    computes in one thread, so that the numbers do not depend on the number of workers. Workers answer, and need no record; what
    they found is drawn and recorded here, plan by plan, so that a sweep that is interrupted leaves whole runs.

    Args:
        paths: the configs.
        overrides: changes to each of them.
        store_root: the folder of the record.
        port: of the MLflow UI, for links.
        fan: over what the plans go; over as many processes as there are processors when not given.
        most: the largest number of plans.
        notify: called with a few words as plans finish.

    Raises:
        ConfigError: a config makes no plans, or too many, every fault at once; or a cluster cannot be reached.
        TrackingError: the record of runs cannot be opened or written.
    """
    found = config.load_sweep(paths, overrides, most=most)
    store = tracking.open_store(store_root, notify=notify)
    with tracking.recording(
        store,
        name=found.name,
        experiment=_experiment(found),
        tags=_tags(found, paths),
        params=_params(found),
        plan_text=found.text,
    ) as record:
        notify(f"running {len(found.combinations)} plans")
        done = _ran(found.combinations, fan, record.run_id, store_root, port, notify)
        curve = curve_of(found.name, found.description, sorted(done, key=lambda one: one.number))
        notify("drawing the page")
        command = ["whywin", "sweep" if len(paths) > 1 else "run", *map(str, paths)]
        _write(record, curve, found.text, shlex.join([*command, *(part for text in overrides for part in ("--set", text))]), port)
    return Swept(curve, record.run_id, record.page_path, _links(record, port))


def _write(record: tracking.Recording, curve: Curve, text: str, repeat: str, port: int) -> None:
    made = {"Run": record.run_id, "Made": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"}
    made |= ({"Commit": record.commit} if record.commit else {}) | _links(record, port)
    sound = "yes" if curve.sound == len(curve.all) else "no"
    record.write_page(
        metrics=_metrics(curve),
        tags={"answer": sentence(curve), "sound": sound, "mlflow.note.content": _note(curve)},
        tables={"specifications": table(curve)},
        figures=sweep_figures(curve),
        page=sweep_page(curve, text=text, repeat=repeat, recorded=made),
    )


def _links(record: tracking.Recording, port: int) -> dict[str, str]:
    return {label.replace("Methods", "Plans"): link for label, link in record.links(port).items()}


def _ran(
    combinations: Sequence[Combination], fan: Fan, parent: str, store_root: Path, port: int, notify: Notify
) -> Iterator[Specification]:
    """Run the plans below the parent; whatever goes wrong in one is told in its specification."""
    jobs = [_job(number, one, parent) for number, one in enumerate(combinations, 1)]
    with closing(run_many(jobs, fan=fan, store_root=store_root, port=port, register=False, notify=notify)) as found:
        for ended in found:
            number, one = ended.number + 1, combinations[ended.number]
            if ended.finished is not None:
                yield _specification(number, one.choices, ended.finished)
            else:
                run, link = _failed(_name(number, one), parent, store_root, port)
                yield Specification(number, one.choices, run=run, link=link, failure="; ".join(ended.failure))


def _job(number: int, one: Combination, parent: str) -> Job:
    choices = {f"{CHOICE}{key}": words for key, words in one.choices.items()}
    tags = {_PARENT: parent, OF: parent, "config": str(one.path), **choices}
    return Job(lambda: replace(held_to_register(one.plan, one.path), name=_name(number, one)), tags)


def _name(number: int, one: Combination) -> str:
    return f"{one.plan.name}-{number:02d}"


def _failed(name: str, parent: str, store_root: Path, port: int) -> tuple[str, str]:
    """Return the identifier and the address of the run that failed; empty where none was opened."""
    for run in tracking.latest(tracking.open_store(store_root), name=name, limit=5):
        if run.tags.get(OF) == parent:
            return run.run_id, tracking.links(run.experiment_id, run.run_id, port)["Run in MLflow"]
    return "", ""


def _specification(number: int, choices: Mapping[str, str], finished: runner.Finished) -> Specification:
    run = finished.run
    undone = dict.fromkeys(check.name for check in (*run.checks, *run.headline.checks) if check.undoes)
    return Specification(
        number,
        choices,
        run.headline.estimates,
        run.grade,
        tuple(undone),
        _truths(run),
        finished.run_id,
        finished.links["Run in MLflow"],
    )


def _truths(run: Run) -> dict[tuple[str, str], float]:
    if run.truth is None:
        return {}
    rows: Iterable[tuple[str, str, float]] = (
        run.truth[["quantity", "segment", "value"]].dropna().itertuples(index=False, name=None)
    )
    return {(quantity, segment): float(value) for quantity, segment, value in rows}


def _experiment(found: Sweep) -> str:
    return found.combinations[0].plan.track.experiment


def _tags(found: Sweep, paths: Sequence[Path]) -> dict[str, str]:
    plan = found.combinations[0].plan
    kinds = " and ".join(dict.fromkeys(kind_of(one.plan.question) for one in found.combinations))
    return {"kind": KIND, "question": kinds, "config": ", ".join(map(str, paths)), **plan.track.tags}


def _params(found: Sweep) -> dict[str, str | int]:
    keys = dict.fromkeys(key for one in found.combinations for key in one.choices)
    listed = {
        f"sweep.{key}": " | ".join(dict.fromkeys(one.choices[key] for one in found.combinations if key in one.choices))
        for key in keys
    }
    return {"plans": len(found.combinations), **listed}


def _metrics(curve: Curve) -> dict[str, float]:
    values = [place.estimate.value for place in curve.places]
    counts = {"all": len(curve.all), "answered": len(values), "sound": curve.sound, "failed": curve.failed}
    if curve.nought:
        counts |= {"above_nought": curve.above, "below_nought": curve.below}
    found = {f"specifications/{name}": float(number) for name, number in counts.items()}
    return found | ({"estimate/lowest": min(values), "estimate/highest": max(values)} if values else {})


def _note(curve: Curve) -> str:
    return f"**{tracking.as_text(sentence(curve))}**\n\n{tracking.as_text(curve.description)}\n\nEvery specification is a run below this one."
