"""Fitted models kept as MLflow models of the runs that fitted them."""

import os
import shutil
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import pandas as pd

from whywin.deals.need import Cells
from whywin.errors import WhywinError
from whywin.studies import Run
from whywin.tracking.artifacts import folder_of, write, write_by
from whywin.tracking.faults import told
from whywin.tracking.names import part
from whywin.tracking.quiet import hushed
from whywin.tracking.writer import Writer, Written
from whywin.winrates.model import DESCRIPTION, POSTERIOR, FittedModel, fitted_model, predicts

NAME: Final = "winrates"
SOUND: Final = "sound"  # the alias of the newest model of a plan whose run was sound; models:/<plan>/latest is MLflow's own word
MODEL: Final = "whywin.model"  # the tag of a method's run that has one: the model's identifier
NEEDED: Final = ("whywin", "mlflow", "numpy", "scipy", "pandas", "numba", "xarray", "h5netcdf", "h5py")
_ANSWER: Final = 4000  # signs of a tag of a model that MLflow keeps
_EXAMPLES: Final = 5  # deals that show what the model takes


@dataclass(frozen=True)
class Kept:
    """A fitted model that is kept: its identifier, where it lies, the run that fitted it, and the label of the method."""

    model_id: str
    address: str
    run_id: str
    label: str


def model_of(run: Run, label: str) -> FittedModel | None:
    """Return the model that a method fitted, or None when its answer is no model that predicts."""
    evidence, question = run.evidence[label], run.plan.question
    need = run.plan.methods[label].need(question)
    if not (isinstance(need, Cells) and predicts(evidence.posterior) and evidence.estimates):  # without them it did not converge
        return None
    return fitted_model(need, run.deals.table, evidence.posterior, question.level, run.plan.seed)


def keep(writer: Writer, run: Written, label: str, model: FittedModel, deals: pd.DataFrame) -> Kept:
    """Keep a model with the run of the method that fitted it, whose ``posterior.nc`` is there already.

    MLflow shows the model as READY when all its files are there. The posterior is stored once: the model's file and the run's are
    one, by a hard link, wherever the file system has such.

    Args:
        writer: what writes to the store.
        run: the method's run.
        label: the method's label.
        model: what it fitted.
        deals: what it was fitted to; a few of them are kept as the example of what the model takes.
    """
    from mlflow.entities import LoggedModelOutput, LoggedModelStatus

    with writer.writing():
        made = writer.link.create_logged_model(writer.experiment_id, NAME, run.run_id)
    try:
        with told(writer.store.root), hushed():
            _write(folder_of(made.artifact_location), run, made.model_id, model, _example(deals[list(model.columns)]))
        with writer.writing():
            writer.link.log_outputs(run.run_id, [LoggedModelOutput(made.model_id, 0)])
            writer.link.finalize_logged_model(made.model_id, LoggedModelStatus.READY)
    except BaseException:
        with suppress(WhywinError, OSError), writer.writing():
            writer.link.finalize_logged_model(made.model_id, LoggedModelStatus.FAILED)
        raise
    writer.log(run, tags={MODEL: made.model_id})
    return Kept(made.model_id, made.artifact_location, run.run_id, label)


def register(writer: Writer, kept: Kept, run: Run) -> None:
    """Register a kept model as the newest of its plan, and as the sound one when the run is sound.

    `models:/<plan>/latest` is the newest, `models:/<plan>@sound` the newest whose run was sound. Signs that MLflow refuses in
    the name of a model stand as `names.part` writes them.
    """
    from mlflow.exceptions import MlflowException

    name = part(run.plan.name)
    tags = {"grade": run.grade, "method": kept.label, "fingerprint": run.deals.fingerprint, "answer": run.answer[:_ANSWER]}
    with writer.writing():
        link = writer.link
        try:
            link.create_registered_model(name, description=run.plan.description[:_ANSWER] or None)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise
        made = link.create_model_version(name, kept.address, kept.run_id, tags=tags, model_id=kept.model_id)
        if run.sound:
            link.set_registered_model_alias(name, SOUND, made.version)


def _example(deals: pd.DataFrame) -> pd.DataFrame:
    """Return the first deals; labels held as codes become texts, which is what the model says it takes."""
    first = deals.head(_EXAMPLES)
    return first.astype({name: "str" for name, kind in first.dtypes.items() if isinstance(kind, pd.CategoricalDtype)})


def _write(folder: Path, run: Written, model_id: str, model: FittedModel, example: pd.DataFrame) -> None:
    from mlflow import pyfunc
    from mlflow.models import Model

    pyfunc.save_model(
        folder,
        loader_module="whywin.tracking.served",
        mlflow_model=Model(artifact_path=NAME, run_id=run.run_id, model_uuid=model_id, model_id=model_id),
        signature=_signature(model, example),
        input_example=example,
        pip_requirements=[f"{name}=={version(name)}" for name in NEEDED],  # MLflow would otherwise load the model to find out
    )
    write(folder, DESCRIPTION, model.description())
    write_by(folder, POSTERIOR, lambda path: _same_file(run.folder / POSTERIOR, path))


def _same_file(source: Path, path: Path) -> None:
    try:
        os.link(source, path)
    except OSError:
        shutil.copyfile(source, path)


def _signature(model: FittedModel, example: pd.DataFrame) -> Any:
    """Return what the model takes and gives. Dates and numbers are "any": as CSV files write them they may be text or whole."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import AnyType

    texts = {name for name in example.columns if pd.api.types.is_string_dtype(example[name])}
    takes = Schema([ColSpec("string" if name in texts else AnyType(), name) for name in example.columns])
    gives = Schema([*(ColSpec("double", name) for name in ("rate", "low", "high")), ColSpec("string", "unseen")])
    return ModelSignature(takes, gives, ParamSchema([ParamSpec("level", "double", model.level)]))
