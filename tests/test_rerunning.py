"""Repeating a recorded run: identical to the last bit, or said what differs."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from whywin import rerunning, runner, tracking
from whywin.errors import DataError, TrackingError
from whywin.trials.methods.fixed import Fixed

TRIAL = Path(__file__).parents[1] / "configs/trials/demo.yaml"
SMALL = ("source.world.deals=600",)
RATES = "name: rates\nquestion: {kind: winrates, segments: [region]}\nmethods: [observed]\nsource: {path: deals.csv}\n"


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """A config of win rates with a file of deals beside it."""
    deals = pd.DataFrame({"deal_id": range(200), "region": ["N", "S"] * 100, "outcome": ["won", "lost", "lost", "won"] * 50})
    deals.to_csv(tmp_path / "deals.csv", index=False)
    (tmp_path / "rates.yaml").write_text(RATES, encoding="utf-8")
    return tmp_path / "rates.yaml"


def again(reference: str, store_root: Path) -> rerunning.Repetition:
    """Repeat a run."""
    return rerunning.rerun(reference, store_root=store_root, port=5000)


def test_a_run_repeats_to_the_last_bit_without_its_config(store_root: Path, tmp_path: Path) -> None:
    """What was recorded is enough: the config may be gone; the repetition is a run of its own, tagged with the original."""
    config = Path(shutil.copy(TRIAL, tmp_path / "trial.yaml"))
    first = runner.execute(config, SMALL, store_root=store_root, port=5000)
    config.unlink()
    done = again(first.run_id[:10], store_root)

    assert done.identical
    assert done.says.startswith("The numbers are the same to the last bit")
    made = tracking.recorded(tracking.open_store(store_root), done.run.run_id)
    assert (made.tags["rerun.of"], made.tags["rerun.identical"], made.name) == (first.run_id, "yes", "demo-trial")


def test_a_name_means_the_run_itself_not_its_repetition(store_root: Path, own: Path) -> None:
    """Repeated by name twice, both repetitions are of the first run."""
    first = runner.execute(own, store_root=store_root, port=5000)

    assert [again("rates", store_root).original.run_id for _ in range(2)] == [first.run_id] * 2


def test_changed_deals_are_said_with_the_numbers_that_differ(store_root: Path, own: Path) -> None:
    """A row more in the file is named as the reason, and every number that moved is listed with by how much."""
    runner.execute(own, store_root=store_root, port=5000)
    with (own.parent / "deals.csv").open("a", encoding="utf-8") as file:
        file.write("999,N,won\n")
    words: list[str] = []
    done = rerunning.rerun("rates", store_root=store_root, port=5000, notify=words.append)

    assert not done.identical
    assert "the deals differ: 1 more (200, then 201)" in done.says
    assert any("not those of the run any more" in one for one in words)
    counted = done.numbers[(done.numbers["segment"] == "all") & (done.numbers["number"] == "n")]
    assert counted[["was", "is", "difference"]].to_numpy().tolist() == [[200, 201, 1.0]]


def test_a_method_that_does_not_repeat_itself_is_found(store_root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A number that moves by one bit on the same deals and plan is found, and nothing recorded is blamed for it."""
    runner.execute(TRIAL, SMALL, store_root=store_root, port=5000)
    answer = Fixed.answer

    def moved(self: Fixed, question: object, sample: pd.DataFrame, rng: object) -> object:
        from dataclasses import replace

        found = answer(self, question, sample, rng)
        first = found.estimates[0]
        return replace(found, estimates=(replace(first, value=first.value * (1 + 2.0**-52)), *found.estimates[1:]))

    monkeypatch.setattr(Fixed, "answer", moved)
    done = again("demo-trial", store_root)

    assert not done.identical
    assert "rounding" in done.says
    assert done.numbers["number"].tolist() == ["value"]


def test_what_cannot_be_repeated_says_why(store_root: Path, own: Path) -> None:
    """Deals that are gone, a plan or a table that is gone, and a failed run are refused, each in a sentence."""
    finished = runner.execute(own, store_root=store_root, port=5000)
    store = tracking.open_store(store_root)
    (own.parent / "deals.csv").rename(own.parent / "elsewhere.csv")
    with pytest.raises(DataError, match="there is no such file"):
        again("rates", store_root)
    with pytest.raises(DataError):
        runner.execute(own, store_root=store_root, port=5000)
    with pytest.raises(TrackingError, match="is FAILED, not FINISHED"):
        again(tracking.latest(store, limit=1)[0].run_id, store_root)
    (finished.page.parent / "plan.yaml").unlink()
    (finished.page.parent / "tables/estimates.json").unlink()
    with pytest.raises(TrackingError, match=r"plan\.yaml and tables/estimates\.json of it are gone"):
        again(finished.run_id, store_root)
