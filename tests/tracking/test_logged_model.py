"""A fitted model kept with its run: MLflow loads it, predicts with it, and anybody reads its posterior."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import mlflow
import pandas as pd
import pytest
import xarray as xr

from whywin import tracking
from whywin.deals.contract import Contract
from whywin.deals.read import keep_contract
from whywin.errors import TrackingError
from whywin.evidence import Check, Evidence
from whywin.plan import Plan
from whywin.stats.streams import stream
from whywin.studies import Run
from whywin.tracking import Store
from whywin.tracking.models import model_of
from whywin.tracking.names import part
from whywin.tracking.quiet import client, hushed
from whywin.tracking.store import open_store
from whywin.winrates.methods.hierarchical import Hierarchical
from whywin.winrates.methods.observed import Observed
from whywin.winrates.question import WinRates
from whywin.worlds.market import Market, simulate

NEW = pd.DataFrame(
    {"region": ["North", "Atlantis"], "rep": ["R007", None], "amount": [900, 12000], "created": ["2023-05-01", "2030-01-01"]}
)


@pytest.fixture(scope="module")
def studied() -> Run:
    """A small market answered by the fast engine, after the plain rates."""
    question = WinRates(("region",), rep="rep", time="created", covariates=("amount",), level=0.9)
    methods = {"plain": Observed(), "hierarchical": Hierarchical(engine="laplace")}
    contract = Contract(won=("Won",), lost=("Lost",), open=("Open",))
    deals = keep_contract(simulate(Market(deals=900, seed=4)).tables["deals"], contract)
    evidence = {
        label: method.answer(question, method.need(question).sample(deals.table), stream(3, label)).signed(label)
        for label, method in methods.items()
    }
    return Run(Plan("kept", question, methods, seed=3), evidence, (), dict.fromkeys(methods, "E"), "So it is.", deals, {})


@pytest.fixture
def kept(store: Store, studied: Run, record: Callable[..., str]) -> Iterator[SimpleNamespace]:
    """The run in a store, its child run that has the model, and where the model lies; MLflow looks at that store meanwhile."""
    run_id = record(store, studied)
    before = mlflow.get_tracking_uri()
    mlflow.set_tracking_uri(store.uri)
    child = next(
        run for run in mlflow.search_runs(search_all_experiments=True, output_format="list") if "whywin.model" in run.data.tags
    )
    made = mlflow.get_logged_model(child.data.tags["whywin.model"])
    yield SimpleNamespace(store=store, run_id=run_id, child=child, made=made, folder=Path(made.artifact_location))
    mlflow.set_tracking_uri(before)


@pytest.fixture
def record() -> Callable[..., str]:
    """Record a run and return its identifier."""

    def write(store: Store, run: Run) -> str:
        with tracking.recording(
            store, name="kept", experiment="whywin", tags={}, params={}, plan_text="name: kept\n"
        ) as recording:
            recording.write_run(run, page="<!doctype html>", figures={})
        return recording.run_id

    return write


def test_mlflow_loads_the_model_and_predicts_the_same(kept: SimpleNamespace, studied: Run) -> None:
    """By its run or by its identifier, MLflow gives what the fitted model says of new deals, text dates and whole amounts included."""
    expected = model_of(studied, "hierarchical").predict(NEW)

    for address in (f"runs:/{kept.child.info.run_id}/winrates", f"models:/{kept.made.model_id}"):
        assert mlflow.pyfunc.load_model(address).predict(NEW).equals(expected)
    assert expected["unseen"].tolist() == ["", "region, rep, created_quarter"]


def test_the_interval_is_as_wide_as_asked(kept: SimpleNamespace) -> None:
    """The level of the interval is a parameter of the model, by default that of the question."""
    loaded = mlflow.pyfunc.load_model(str(kept.folder))

    narrow, usual = (loaded.predict(NEW, params=params) for params in ({"level": 0.5}, None))

    assert (narrow["high"] - narrow["low"] < usual["high"] - usual["low"]).all()


def test_the_model_says_what_it_takes_and_gives_an_example(kept: SimpleNamespace, studied: Run) -> None:
    """The signature names the columns and the parameter; the example is deals of the fit, and the model takes it."""
    loaded = mlflow.pyfunc.load_model(str(kept.folder))
    signature = loaded.metadata.signature

    assert signature.inputs.input_names() == ["region", "rep", "created", "amount"]
    assert signature.outputs.input_names() == ["rate", "low", "high", "unseen"]
    assert [(param.name, param.default) for param in signature.params.params] == [("level", 0.9)]
    assert loaded.input_example["region"].tolist() == studied.deals.table["region"].head(5).tolist()
    assert loaded.predict(loaded.input_example).equals(model_of(studied, "hierarchical").predict(studied.deals.table.head(5)))


def test_a_fresh_process_loads_the_model(kept: SimpleNamespace, studied: Run) -> None:
    """Nothing of the process that fitted it is needed, and no file of it is a pickle."""
    lines = "import sys, mlflow, pandas as pd; print(mlflow.pyfunc.load_model(sys.argv[1]).predict(pd.read_json(sys.argv[2]))['rate'].sum())"
    text = kept.store.root.parent / "new.json"
    NEW.to_json(text)

    done = subprocess.run([sys.executable, "-c", lines, str(kept.folder), str(text)], capture_output=True, text=True, check=True)

    assert float(done.stdout) == pytest.approx(model_of(studied, "hierarchical").predict(NEW)["rate"].sum(), abs=1e-9)
    assert [path.name for path in kept.folder.rglob("*") if path.suffix in {".pkl", ".pickle", ".py", ".cloudpickle"}] == []


def test_xarray_alone_reads_the_posterior_and_it_is_stored_once(kept: SimpleNamespace) -> None:
    """The draws are NetCDF; the run's file and the model's are the same one on the disk."""
    own = kept.store.artifacts / "whywin" / kept.child.info.run_id / "artifacts" / "posterior.nc"

    with xr.open_datatree(kept.folder / "posterior.nc", engine="h5netcdf") as tree:
        assert tree["posterior"]["effect"].dims == ("chain", "draw", "level")
    assert own.samefile(kept.folder / "posterior.nc")


def test_the_model_is_ready_and_belongs_to_the_run(kept: SimpleNamespace) -> None:
    """MLflow shows it as READY, as an output of the method's run, with the files whole."""
    assert str(kept.made.status) == "READY"
    assert kept.made.source_run_id == kept.child.info.run_id
    assert [output.model_id for output in kept.child.outputs.model_outputs] == [kept.made.model_id]
    assert kept.child.data.tags["method"] == "hierarchical"
    assert "mlflow==" in (kept.folder / "requirements.txt").read_text(encoding="utf-8")


def test_the_model_is_found_again_by_its_run(kept: SimpleNamespace, studied: Run) -> None:
    """A run's model is that of its answer, or of another of its methods where the answer has none."""
    model, run = tracking.kept_model(kept.store, "kept")

    assert run.run_id == kept.run_id
    assert model.predict(NEW).equals(model_of(studied, "hierarchical").predict(NEW))


def test_a_moved_store_keeps_its_models(kept: SimpleNamespace, tmp_path: Path) -> None:
    """The folder of runs is moved, and the model is loaded from where it lies now."""
    moved = kept.store.root.rename(tmp_path / "moved")
    opened = open_store(moved)
    mlflow.set_tracking_uri(opened.uri)

    assert tracking.kept_model(opened, "kept")[0].predict(NEW).shape == (2, 4)
    assert mlflow.pyfunc.load_model(f"runs:/{kept.child.info.run_id}/winrates").predict(NEW).shape == (2, 4)


def test_a_sound_run_is_the_sound_model_of_its_plan(kept: SimpleNamespace, studied: Run, record: Callable[..., str]) -> None:
    """The newest model is `latest`, the newest of a sound run `@sound`: a run that is not sound moves the one and not the other."""
    fatal = Check("enough", passed=False, severity="fatal", says="Too few.", value=0.0)
    record(kept.store, replace(studied, checks=(fatal,)))
    expected = model_of(studied, "hierarchical").predict(NEW)

    with hushed(), client(kept.store.uri) as link:
        assert link.get_model_version_by_alias("kept", "sound").version == 1
        assert link.get_registered_model("kept").latest_versions[0].version == 2
        assert link.get_model_version("kept", 1).tags["grade"] == "E"
    for address in ("models:/kept@sound", "models:/kept/latest"):
        assert mlflow.pyfunc.load_model(address).predict(NEW).equals(expected)


def test_a_registered_model_follows_the_store(kept: SimpleNamespace, studied: Run, tmp_path: Path) -> None:
    """Moved elsewhere, `models:/<plan>@sound` loads from there."""
    moved = open_store(kept.store.root.rename(tmp_path / "elsewhere"))
    mlflow.set_tracking_uri(moved.uri)

    assert mlflow.pyfunc.load_model("models:/kept@sound").predict(NEW).equals(model_of(studied, "hierarchical").predict(NEW))


def test_a_name_that_mlflow_refuses_is_registered_under_one_it_takes(
    store: Store, studied: Run, record: Callable[..., str]
) -> None:
    """A plan's name may hold any sign; the model's name is what `names.part` makes of it."""
    record(store, replace(studied, plan=replace(studied.plan, name="rates: 2024/Q1")))

    with hushed(), client(store.uri) as link:
        assert [found.name for found in link.search_registered_models()] == [part("rates: 2024/Q1")]


def test_a_run_may_be_recorded_without_registering(store: Store, studied: Run) -> None:
    """A repetition or a plan of a sweep keeps its model and becomes no newest version."""
    with tracking.recording(store, name="kept", experiment="whywin", tags={}, params={}, plan_text="") as recording:
        recording.write_run(studied, page="", figures={}, register=False)

    with hushed(), client(store.uri) as link:
        assert not link.search_registered_models()
    assert tracking.kept_model(store, "kept")


def test_a_run_without_a_model_says_so(store: Store, studied: Run, record: Callable[..., str]) -> None:
    """Plain rates predict nothing, nor does a model that did not converge, which gives no estimates."""
    failed = Evidence((), posterior=studied.evidence["hierarchical"].posterior)
    record(store, replace(studied, evidence={**studied.evidence, "hierarchical": failed}))

    with pytest.raises(TrackingError, match="kept: none of its methods has fitted a model that predicts"):
        tracking.kept_model(store, "kept")


def test_a_model_whose_files_are_gone_says_so(kept: SimpleNamespace) -> None:
    """Where the files were removed, the error names them and the way out."""
    (kept.folder / "model.json").unlink()

    with pytest.raises(TrackingError, match=r"model\.json: of the run's model, and gone; record it anew"):
        tracking.kept_model(kept.store, "kept")


def test_a_model_that_cannot_be_written_is_no_ready_model(
    store: Store, studied: Run, record: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """When recording fails in the midst of the model, MLflow shows the model and its runs as FAILED."""
    from whywin.tracking import models

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(models, "_same_file", full)
    with pytest.raises(TrackingError, match="no space left"):
        record(store, studied)

    client = mlflow.MlflowClient(tracking_uri=store.uri)
    experiments = [found.experiment_id for found in client.search_experiments()]
    assert [str(made.status) for made in client.search_logged_models(experiments)] == ["FAILED"]
    assert {run.info.status for run in client.search_runs(experiments)} == {"FAILED"}
