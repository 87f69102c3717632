"""Changes from the command line: --set key=value."""

from collections.abc import Callable
from pathlib import Path

import pytest

from whywin.config import load_plan
from whywin.plan import Plan

PLAN = """\
name: a
question: {kind: winrates, segments: [region]}
methods: [hierarchical, observed]
source: {path: deals.csv, replace: {product: {a: b}}}
"""


@pytest.fixture
def changed(tmp_path: Path) -> Callable[..., Plan]:
    """The plan, changed by overrides."""
    (tmp_path / "plan.yaml").write_text(PLAN, encoding="utf-8")
    return lambda *overrides: load_plan(tmp_path / "plan.yaml", overrides)


def test_a_value_is_yaml(changed: Callable[..., Plan]) -> None:
    """Numbers, lists and text come as in a file; only the first equals sign divides."""
    plan = changed("question.margin=2", "question.segments=[a, b]", "name=b=c", "deals.as_of=2024-03-31")

    assert (plan.question.margin, plan.question.segments, plan.name) == (2.0, ("a", "b"), "b=c")
    assert plan.deals.as_of.isoformat() == "2024-03-31"


def test_a_missing_key_is_made(changed: Callable[..., Plan]) -> None:
    """Mappings that the file leaves out are made on the way."""
    assert changed("track.tags.team=north").track.tags == {"team": "north"}


def test_an_item_of_a_list_is_counted_from_0(changed: Callable[..., Plan]) -> None:
    """A method that stands by name alone gets its settings; others stay as they are."""
    plan = changed("methods.0.hierarchical.draws=500", "question.segments.0=industry")

    assert (plan.methods["hierarchical"].draws, plan.question.segments) == (500, ("industry",))
    assert list(plan.methods) == ["hierarchical", "observed"]


def test_the_last_override_counts(changed: Callable[..., Plan]) -> None:
    """Overrides are taken in their order."""
    assert changed("seed=1", "seed=2").seed == 2


@pytest.mark.parametrize(
    ("override", "parts"),
    [
        ("question.margn=2", ("--set question.margn=2: ", "question.margn: ", "'margin'")),
        ("question.margin=many", ("--set question.margin=many: ", "a number", "'many'")),
        ("seed=-1", ("--set seed=-1: ", "at least 0")),
        ("seed=", ("--set seed=: ", "a whole number", "null")),
        ("seed", ("--set seed: ", "KEY=VALUE")),
        ("=1", ("--set =1: ", "KEY=VALUE")),
        ("seed=[1", ("--set seed=[1: ", "YAML")),
        ("seed=!!python/name:os.system", ("--set seed=", "YAML")),
        ("methods.5=observed", ("--set methods.5=observed: ", "2 item(s)", "5")),
        ("methods.x=observed", ("--set methods.x=observed: ", "2 item(s)", "'x'")),
        ("methods.1=hierarchical", ("--set methods.1=hierarchical: ", "twice", "as: ")),
        ("methods.1=fixed", ("--set methods.1=fixed: ", "kind trial")),
        ("name.first=b", ("--set name.first=b: ", "'a'", "nothing below")),
        ("extends=b.yaml", ("--set extends=b.yaml: ", "unknown key")),
        ("deals.won=[yes]", ("--set deals.won=[yes]: ", "quote")),
        pytest.param("question.margin.x=1", ("--set question.margin.x=1: ",)),  # told at the file's line
        pytest.param("methods.1.hierarchical.draws=9", ("--set methods.1.hierarchical.draws=9: ",)),  # likewise
        pytest.param("source.join.0.path=b", ("--set source.join.0.path=b: ",)),  # likewise
        pytest.param("deals.as_of=2024-13-01", ("--set deals.as_of=2024-13-01: ", "date")),  # ValueError
    ],
)
def test_a_mistake_in_an_override_names_it(
    override: str, parts: tuple[str, ...], faults_of: Callable[..., tuple[str, ...]]
) -> None:
    """The sentence begins with the override as it was typed, since no line of the file is to be mended."""
    found = faults_of(PLAN, override)

    assert any(fault.startswith(parts[0]) and all(part in fault for part in parts) for fault in found), found


def test_a_label_in_an_override_is_its_own_text(changed: Callable[..., Plan]) -> None:
    """As in a file, a key such as `no` is a word."""
    assert changed("source.replace={product: {no: x}}").source.replace == {"product": {"no": "x"}}


def test_every_mistake_of_file_and_overrides_is_told_at_once(faults_of: Callable[..., tuple[str, ...]]) -> None:
    """Two wrong overrides and a wrong line are three sentences."""
    found = faults_of(PLAN + "sed: 1\n", "question.margn=2", "seed")

    assert sorted(fault.split(": ")[0] for fault in found) == ["--set question.margn=2", "--set seed", "plan.yaml:5"]
