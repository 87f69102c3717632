"""Calibration cards: which experiments speak of a method, and what they found."""

from pathlib import Path

import pandas as pd
import pytest

from whywin import catalogue
from whywin.cards import ABOUT, as_read, cards, spoken_of
from whywin.tracking import Store, open_store, recording

SCRIPTS = Path(__file__).parents[1] / "experiments"


@pytest.fixture
def store(store_root: Path) -> Store:
    """An empty store of the test's own, opened."""
    return open_store(store_root)


def conducted(store: Store, name: str, about: str, table: pd.DataFrame) -> None:
    """Record an experiment."""
    with recording(store, name=name, experiment="whywin-experiments", tags={ABOUT: about}, params={}, plan_text="") as record:
        record.write_experiment(statement=f"{name} holds.", held=True, says="It did.", table=table)


def card(store: Store, kind: str, method: str):
    """The card of one method."""
    return next(one for one in cards(store, SCRIPTS) if (one.kind, one.method) == (kind, method))


def test_every_method_has_a_card(store: Store) -> None:
    """Without a record there is a card of each method all the same, without experiments, which names the scripts here."""
    found = cards(store, SCRIPTS)

    assert [(one.kind, one.method) for one in found] == [
        (kind, name) for kind in catalogue.QUESTIONS for name in catalogue.methods(kind)
    ]
    assert not any(one.experiments for one in found)
    assert "confounding.py" in card(store, "effect", "matching").scripts


def test_coverage_and_bias_are_counted_by_label_and_kind_of_world(store: Store) -> None:
    """Worlds of one kind are counted together, the labels of a method stand apart, and Wilson's interval is beside the share."""
    rows = [
        {"method": label, "kind": kind, "world": world, "estimate": 12.0, "truth": 10.0, "covered": world < 6}
        for label in ("matching", "matching of three", "doubly robust")
        for kind in ("straight", "curved")
        for world in range(8)
    ]
    conducted(store, "worlds", "effect/matching effect/doubly_robust", pd.DataFrame(rows))
    found = card(store, "effect", "matching").numbers

    assert list(zip(found["label"], found["where"], strict=True)) == [
        (label, kind) for label in ("matching", "matching of three") for kind in ("straight", "curved")
    ]
    assert set(found["worlds"]) == {8}
    assert set(found["coverage"]) == {75.0}
    assert set(found["bias"]) == {2.0}
    assert as_read(found)["coverage"].iloc[0] == "75.0 % (40.9 to 92.9)"
    assert len(card(store, "effect", "doubly_robust").numbers) == 2
    assert not len(card(store, "effect", "weighting").numbers)


def test_the_size_of_a_test_is_read_from_shares(store: Store) -> None:
    """A table of shares gives how often a method found an effect, by how large the effect was."""
    table = pd.DataFrame({"method": ["fixed"] * 2, "effect": [0.0, 8.0], "rejected": [0.05, 0.6], "worlds": [400, 400]})
    conducted(store, "size", "", table)
    found = card(store, "trial", "fixed").numbers

    assert found[["where", "rejected", "worlds"]].to_numpy().tolist() == [["effect 0", 5.0, 400], ["effect 8", 60.0, 400]]


def test_the_longer_name_takes_the_label(store: Store) -> None:
    """`difference in differences` is no kind of `difference`, and a label of no method is nobody's."""
    table = pd.DataFrame({"method": ["difference in differences", "magic"], "covered": [0.95, 0.5]})
    conducted(store, "names", "", table)

    assert len(card(store, "effect", "difference_in_differences").numbers) == 1
    assert not card(store, "effect", "difference").experiments


def test_a_table_without_methods_gives_the_sentence_alone(store: Store) -> None:
    """An experiment whose script uses a method stands on its card, without numbers that nobody could assign."""
    conducted(store, "ways", "winrates/maturity", pd.DataFrame({"way": ["a"], "coverage": [0.9]}))
    found = card(store, "winrates", "maturity")

    assert [one.name for one in found.experiments] == ["ways"]
    assert not len(found.numbers)


def test_the_latest_run_of_an_experiment_counts(store: Store) -> None:
    """Run twice, an experiment is told once, by its latest run."""
    for share in (0.5, 0.9):
        conducted(store, "again", "", pd.DataFrame({"method": ["weighting"], "covered": [share]}))

    assert card(store, "effect", "weighting").numbers["coverage"].tolist() == [90.0]


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("from whywin.effects.methods.matching import Matching", ["effect/matching"]),
        ("def f():\n    from whywin.winrates.methods import empirical_bayes", ["winrates/empirical_bayes"]),
        ("METHODS = ('wild_bootstrap', 'deals, repeated')", ["trial/wild_bootstrap"]),
        ("from whywin.effects.question import Effect\nMETHODS = ('hierarchical',)", ["effect/hierarchical"]),
        ("METHODS = ('hierarchical',)", ["winrates/hierarchical", "effect/hierarchical"]),
        (
            "from whywin.effects.question import Effect\nx = {'matching': 'doubly robust'}",
            ["effect/matching", "effect/doubly_robust"],
        ),
        ("print('matching')", []),
    ],
)
def test_a_script_says_by_itself_which_methods_it_is_about(source: str, names: list[str]) -> None:
    """Methods that are imported, anywhere in it, and names in its own constants; no list of ours has to be kept in step."""
    assert sorted(spoken_of(source)) == sorted(names)


@pytest.mark.parametrize(
    ("script", "method"),
    [
        ("calibration", "winrates/hierarchical"),
        ("few_reps", "trial/wild_bootstrap"),
        ("adjustment", "trial/adjusted"),
        ("immortal_time", "effect/risk_set_matching"),
        ("decomposition", "winrates/decomposition"),
        ("effect_heterogeneity", "effect/forest"),
        ("peeking", "trial/anytime"),
    ],
)
def test_the_shipped_scripts_are_found(script: str, method: str) -> None:
    """Scripts of each way of writing are recognised."""
    assert method in spoken_of((SCRIPTS / f"{script}.py").read_text(encoding="utf-8"))
