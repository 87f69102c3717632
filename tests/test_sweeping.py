"""Sweeps as they are run: parents, children, failures, and numbers that no number of workers changes."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from whywin import rerunning, runner, sweeping, tracking
from whywin.errors import ConfigError, TrackingError
from whywin.fanning import Fan

PLAN = """name: rates
question: {kind: winrates, segments: [region]}
methods: [observed]
source: {path: deals.csv}
"""


@pytest.fixture
def config(tmp_path: Path) -> Callable[[str], Path]:
    """Write a config of win rates with a sweep, and its deals beside it."""
    deals = pd.DataFrame({"deal_id": range(400), "region": ["N", "S"] * 200, "outcome": ["won", "lost", "lost", "won"] * 100})
    deals.to_csv(tmp_path / "deals.csv", index=False)

    def write(sweep: str) -> Path:
        path = tmp_path / "rates.yaml"
        path.write_text(f"{PLAN}sweep: {sweep}\n", encoding="utf-8")
        return path

    return write


def swept(path: Path, store_root: Path, workers: int = 1) -> sweeping.Swept:
    """Run a sweep."""
    return sweeping.sweep([path], store_root=store_root, port=5000, fan=Fan(workers))


def test_a_sweep_is_a_parent_with_a_run_for_each_plan(config: Callable[[str], Path], store_root: Path) -> None:
    """Every combination is a finished run with its page below the sweep's, found by its own name, its choices as tags."""
    done = swept(config("{question.level: [0.5, 0.9]}"), store_root)
    store = tracking.open_store(store_root)
    parent, one = tracking.recorded(store, done.run_id), tracking.recorded(store, "rates-02")

    assert (parent.name, parent.tags["kind"], parent.metrics["specifications/all"]) == ("rates", "sweep", 2)
    assert (one.tags["sweep.of"], one.tags["mlflow.parentRunId"], one.tags["choice.question.level"]) == (
        done.run_id,
        done.run_id,
        "0.9",
    )
    assert one.page_path
    assert {place.specification.run for place in done.curve.places} >= {one.run_id}
    table = tracking.table_of(parent, "specifications")
    assert table["value"].tolist() == [place.estimate.value for place in done.curve.places]
    assert (parent.folder / "figures/specifications.svg").is_file()
    assert one.run_id[:8] in done.page.read_text(encoding="utf-8")


def test_the_number_of_workers_changes_no_number(config: Callable[[str], Path], store_root: Path) -> None:
    """One worker and two give the same estimates to the last bit, and so does the plan alone."""
    path = config("{question.level: [0.5, 0.9], question.segments: [[region]]}")
    one, two = (swept(path, store_root, workers) for workers in (1, 2))

    assert [s.estimates for s in one.curve.all] == [s.estimates for s in two.curve.all]
    assert rerunning.rerun("rates-01", store_root=store_root, port=5000).identical


def test_a_plan_that_fails_fails_alone(config: Callable[[str], Path], store_root: Path) -> None:
    """A question that does not fit the deals, and a bug, fail their own runs, and the page and the table say why."""
    done = swept(config("{question.segments: [[region], [regoin]]}"), store_root)
    store = tracking.open_store(store_root)

    assert [bool(one.failure) for one in done.curve.all] == [False, True]
    assert "regoin" in done.curve.all[1].failure
    assert tracking.recorded(store, done.curve.all[1].run).status == "FAILED"
    assert sorted(run.status for run in tracking.latest(store)) == ["FAILED", "FINISHED", "FINISHED"]
    assert "1 has no answer" in done.says
    assert "regoin" in done.page.read_text(encoding="utf-8")


def test_a_bug_in_one_plan_does_not_lose_the_others(
    config: Callable[[str], Path], store_root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever is raised in a plan is in its own run with its traceback."""
    from whywin.winrates.methods.observed import Observed

    answer = Observed.answer

    def broken(self: Observed, question: object, sample: pd.DataFrame, rng: object) -> object:
        if question.level > 0.8:
            raise ZeroDivisionError
        return answer(self, question, sample, rng)

    monkeypatch.setattr(Observed, "answer", broken)
    done = swept(config("{question.level: [0.5, 0.9]}"), store_root)

    assert [one.failure.partition(":")[0] for one in done.curve.all] == ["", "ZeroDivisionError"]
    assert len(list(store_root.rglob("traceback.txt"))) == 1


def test_a_sweep_that_cannot_be_read_records_nothing(config: Callable[[str], Path], store_root: Path) -> None:
    """A fault in one combination is told before any plan is run."""
    with pytest.raises(ConfigError, match=r"question\.level"):
        swept(config("{question.level: [0.5, 2]}"), store_root)

    assert tracking.latest(tracking.open_store(store_root)) == ()


def test_a_sweep_itself_is_not_repeated_as_a_run(config: Callable[[str], Path], store_root: Path) -> None:
    """Its plans are runs and can be repeated; the sweep says so."""
    done = swept(config("{seed: [1]}"), store_root)

    with pytest.raises(TrackingError, match="is a sweep of several plans"):
        rerunning.rerun(done.run_id, store_root=store_root, port=5000)


def test_one_plan_commands_refuse_a_sweep(config: Callable[[str], Path], store_root: Path) -> None:
    """What executes one plan does not silently leave the sweep out."""
    with pytest.raises(ConfigError, match="several plans"):
        runner.execute(config("{seed: [1, 2]}"), store_root=store_root, port=5000)
