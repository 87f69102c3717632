"""Sweeps: what `sweep:` in a config makes, and what is said of one that makes no sense."""

from pathlib import Path

import pytest

from whywin.config import has_sweep, load_plan, load_sweep
from whywin.errors import ConfigError

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "configs/effects/specifications.yaml"
PLAN = "name: rates\nquestion: {kind: winrates, segments: [region], level: 0.9}\nmethods: [observed]\nsource: {path: deals.csv}\n"


@pytest.fixture
def config(tmp_path: Path):
    """Write a config of win rates with a sweep."""

    def write(sweep: str, name: str = "plan.yaml") -> Path:
        path = tmp_path / name
        path.write_text(f"{PLAN}sweep: {sweep}\n", encoding="utf-8")
        return path

    return write


def test_every_combination_is_a_plan_of_its_own(config):
    """The last key changes fastest, each plan has its own values and all else from the config, the seed too."""
    found = load_sweep([config("{question.level: [0.5, 0.8], seed: [3, 4]}")])

    assert [(one.plan.question.level, one.plan.seed) for one in found.combinations] == [(0.5, 3), (0.5, 4), (0.8, 3), (0.8, 4)]
    assert found.combinations[1].choices == {"question.level": "0.5", "seed": "4"}
    assert {one.plan.question.segments for one in found.combinations} == {("region",)}
    assert (found.name, found.combinations[0].plan.name) == ("rates", "rates")


def test_choices_may_have_names_and_methods_stand_alone(config):
    """A mapping names its choices; one method is a list of one; a label gives the words of a method."""
    found = load_sweep([
        config("{question.segments: {one: [region], both: [region, product]}, methods: [observed, {hierarchical: {draws: 500}, as: pooled}]}")
    ])  # fmt: skip

    assert [one.choices["question.segments"] for one in found.combinations] == ["one", "one", "both", "both"]
    assert [one.choices["methods"] for one in found.combinations[:2]] == ["observed", "pooled"]
    assert [list(one.plan.methods) for one in found.combinations[:2]] == [["observed"], ["pooled"]]
    assert found.combinations[1].plan.methods["pooled"].draws == 500


def test_a_fault_in_a_choice_names_its_line_and_its_word(config):
    """What stands wrong in a choice is told as outside a sweep: with the line, the key, and the word as it is written."""
    with pytest.raises(ConfigError, match=r"plan\.yaml:5: deals\.lost\.0: must be text, got no, which YAML reads as false"):
        load_sweep([config("{deals.lost: [[no], [Lost]]}")])


def test_a_sweep_can_be_changed_from_outside(config):
    """An override changes the choices, and one of a key that is swept is refused rather than lost."""
    path = config("{question.level: [0.5, 0.8]}")

    assert len(load_sweep([path], ["sweep.seed=[1, 2, 3]"]).combinations) == 6
    assert len(load_sweep([path], ["sweep.question.level=[0.7]"]).combinations) == 1
    with pytest.raises(ConfigError, match="is swept"):
        load_sweep([path], ["question.level=0.7"])


def test_several_configs_make_one_sweep(config, tmp_path):
    """Configs with a sweep and without stand side by side, and the config is a choice of its own."""
    (tmp_path / "alone.yaml").write_text(PLAN, encoding="utf-8")
    found = load_sweep([config("{seed: [1, 2]}"), tmp_path / "alone.yaml"])

    assert [one.choices["config"] for one in found.combinations] == ["plan", "plan", "alone"]
    assert [one.path.name for one in found.combinations] == ["plan.yaml", "plan.yaml", "alone.yaml"]


@pytest.mark.parametrize(
    ("sweep", "says"),
    [
        pytest.param("{question.level: [0.5, 1.5], seed: [-1]}", ["question.level", "less than", "seed: must be"], id="out of bounds"),
        pytest.param("{question.levl: [0.5]}", ["levl", "unknown key"], id="unknown key"),
        pytest.param("{seed: 3}", ["sweep.seed: must be a list"], id="no list"),
        pytest.param("{seed: []}", ["sweep.seed: must be a list"], id="empty list"),
        pytest.param("{seed: [1, 1]}", ["1 stands twice"], id="twice"),
        pytest.param("{name: [a, b]}", ["sweep.name: cannot be swept"], id="name"),
        pytest.param("[1]", ["must be a mapping"], id="no mapping"),
        pytest.param("{}", ["must be a mapping"], id="empty"),
        pytest.param("{seed: [1, 2, 3, 4], question.level: [0.5, 0.6]}", ["makes 8 plans", "seed 4", "--most 8"], id="too many"),
    ],
)  # fmt: skip
def test_a_sweep_that_makes_no_sense_is_told_before_anything_runs(config, sweep, says):
    """Every fault of every combination is one sentence, said once."""
    with pytest.raises(ConfigError) as caught:
        load_sweep([config(sweep)], most=6)

    assert all(part in str(caught.value) for part in says)
    assert len(set(caught.value.faults)) == len(caught.value.faults)


def test_what_runs_one_plan_does_not_take_a_sweep_for_one(config):
    """A command that wants one plan says how sweeps are run, instead of running the config as if it had none."""
    path = config("{seed: [1, 2]}")

    with pytest.raises(ConfigError, match="whywin run"):
        load_plan(path)
    assert has_sweep(path)


def test_the_shipped_sweep_has_reasonable_choices():
    """The shipped config makes eighteen plans: three methods, two sets of confounders, three landmarks."""
    found = load_sweep([SHIPPED])

    assert len(found.combinations) == 18
    assert {one.plan.question.landmark_days for one in found.combinations} == {7, 14, 21}
