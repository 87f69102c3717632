"""Which files a config is made of, and which it points at: missing ones, folders, `extends`, variables and paths."""

import textwrap
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import pytest
from annotated_types import Ge, doc

from whywin.config import load_plan, load_settings, settings_of, settings_to_yaml
from whywin.errors import ConfigError
from whywin.plan import Plan

PLAN = "name: a\nquestion: {kind: winrates, segments: [region]}\nmethods: [observed]\n"


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Write a file below the current folder, which is a new one."""
    monkeypatch.chdir(tmp_path)

    def written(name: str, text: str) -> Path:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_text(textwrap.dedent(text), encoding="utf-8")
        return Path(name)

    return written


def faults(path: str | Path, *overrides: str) -> tuple[str, ...]:
    """The faults of a config file."""
    with pytest.raises(ConfigError) as caught:
        load_plan(path, overrides)
    return caught.value.faults


def path_of(plan: Plan) -> str:
    """Where a plan's deals are."""
    return str(plan.source.path)


def test_a_missing_file_names_the_near_ones(write: Callable[..., Path]) -> None:
    """A typo in a file's name is met with the name that is there."""
    write("configs/skygeni.yaml", PLAN)

    assert faults("configs/skigeni.yaml") == ("configs/skigeni.yaml: there is no such file; did you mean 'skygeni.yaml'?",)
    assert faults("nowhere/skygeni.yaml")[0].startswith("nowhere/skygeni.yaml: there is no such file")


def test_a_folder_is_no_config(write: Callable[..., Path]) -> None:
    """A folder in place of a file is told so."""
    write("configs/skygeni.yaml", PLAN)

    (fault,) = faults("configs")

    assert fault.startswith("configs: is a folder")


def test_a_file_that_may_not_be_read_is_told_so(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """What the system refuses is a sentence with its reason, not a traceback."""
    path = write("plan.yaml", PLAN)

    def refused(*_: object, **__: object) -> str:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_text", refused)

    assert faults(path) == ("plan.yaml: cannot be read (Permission denied)",)


def test_a_config_is_laid_over_what_it_extends(write: Callable[..., Path]) -> None:
    """Mappings are merged key by key, lists replaced, later bases over earlier ones, the file itself over all."""
    write(
        "base.yaml",
        """\
        name: base
        question: {kind: winrates, segments: [region, industry], margin: 2}
        methods: [hierarchical, observed]
        deals: {won: [Won], lost: [Lost]}
        """,
    )
    write("seeds.yaml", "seed: 5\nquestion: {margin: 3}\n")
    path = write(
        "winrates/own.yaml",
        """\
        extends: [../base.yaml, ../seeds.yaml]
        name: own
        question: {segments: [product]}
        methods: [observed]
        deals: {won: [Closed Won]}
        """,
    )

    plan = load_plan(path)

    assert (plan.name, plan.seed, plan.question.segments, plan.question.margin) == ("own", 5, ("product",), 3.0)
    assert (list(plan.methods), plan.deals.won, plan.deals.lost) == (["observed"], ("Closed Won",), ("Lost",))


def test_extending_goes_on_from_file_to_file(write: Callable[..., Path]) -> None:
    """A base may have a base; the paths are relative to the file that names them."""
    write("a/root.yaml", PLAN)
    write("b/middle.yaml", "extends: ../a/root.yaml\nseed: 4\n")
    path = write("c/own.yaml", "extends: ../b/middle.yaml\nname: own\n")

    plan = load_plan(path)

    assert (plan.name, plan.seed, plan.question.segments) == ("own", 4, ("region",))


def test_one_base_may_be_reached_by_two_ways(write: Callable[..., Path]) -> None:
    """A diamond is no circle."""
    write("root.yaml", PLAN)
    write("left.yaml", "extends: root.yaml\nseed: 1\n")
    write("right.yaml", "extends: root.yaml\nseed: 2\n")

    assert load_plan(write("own.yaml", "extends: [left.yaml, right.yaml]\n")).seed == 2


def test_a_fault_is_told_where_it_stands(write: Callable[..., Path]) -> None:
    """Of a chain of files each fault names its own file and line."""
    write("base.yaml", f"{PLAN}seed: -1\ndeals:\n  wonn: [a]\n")
    path = write("own.yaml", "extends: base.yaml\n\nquestion:\n  margn: 1\n")

    assert {":".join(fault.split(":")[:2]) + fault.split(":")[2] for fault in faults(path)} == {
        "base.yaml:4 seed",
        "base.yaml:6 deals.wonn",
        "own.yaml:4 question.margn",
    }


@pytest.mark.parametrize(
    ("extends", "parts"),
    [
        ("bass.yaml", ("own.yaml:4: extends: ", "bass.yaml", "'base.yaml'")),
        ("own.yaml", ("own.yaml:4: extends: ", "circle")),
        ("3", ("own.yaml:4: extends: ", "path", "3")),
        ("[round.yaml]", ("round.yaml:1: extends: ", "circle")),
        ("broken.yaml", ("broken.yaml:1: ", "column")),
    ],
)
def test_a_base_that_cannot_be_extended(write: Callable[..., Path], extends: str, parts: tuple[str, ...]) -> None:
    """A missing base, a circle, and a base that is no YAML are told at the line that is to be mended."""
    write("base.yaml", PLAN)
    write("round.yaml", "extends: own.yaml\n")
    write("broken.yaml", "a: b: c\n")

    found = faults(write("own.yaml", f"{PLAN}extends: {extends}\n"))

    assert any(all(part in fault for part in parts) for fault in found), found


def test_a_variable_is_filled_in(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """${NAME}, ${NAME:-default} and $$ work in every path; a set variable goes before its default."""
    monkeypatch.setenv("WHYWIN_TEST_DATA", "/crm")
    monkeypatch.delenv("WHYWIN_TEST_NONE", raising=False)

    def found(path: str) -> str:
        return path_of(load_plan(write("plan.yaml", f"{PLAN}source: {{path: '{path}'}}\n")))

    assert found("${WHYWIN_TEST_DATA}/a.csv") == "/crm/a.csv"
    assert found("${WHYWIN_TEST_NONE:-/else}/a.csv") == "/else/a.csv"
    assert found("${WHYWIN_TEST_DATA:-/else}/a.csv") == "/crm/a.csv"
    assert found("cost$$.csv") == "cost$.csv"


def test_a_variable_that_is_not_set_is_told_with_the_way_out(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """The name, where it stands, and how to set it; those of joins too."""
    monkeypatch.delenv("WHYWIN_TEST_NONE", raising=False)
    source = "source: {path: '${WHYWIN_TEST_NONE}/a.csv', join: [{path: '${WHYWIN_TEST_NONE}/b.csv', on: id}]}\n"

    found = faults(write("plan.yaml", PLAN + source))

    assert [fault.split(": ")[1] for fault in found] == ["source.path", "source.join.0.path"]
    assert all("WHYWIN_TEST_NONE is not set" in fault and "export WHYWIN_TEST_NONE=" in fault for fault in found)


def test_an_override_spares_the_variable(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """With --set source.path=… the variable in the file need not be set."""
    monkeypatch.delenv("WHYWIN_TEST_NONE", raising=False)
    path = write("plan.yaml", PLAN + "source: {path: '${WHYWIN_TEST_NONE}/a.csv'}\n")

    assert path_of(load_plan(path, ["source.path=b.csv"])) == "b.csv"


def test_a_relative_path_is_looked_for_beside_the_config_first(write: Callable[..., Path]) -> None:
    """Beside the config when the file is there, else in the current folder; an override means the current folder."""
    path = write("configs/plan.yaml", PLAN + "source: {path: deals.csv}\n")
    assert path_of(load_plan(path)) == "deals.csv"

    write("configs/deals.csv", "")
    write("deals.csv", "")

    assert path_of(load_plan(path)) == "configs/deals.csv"
    assert path_of(load_plan(path, ["source.path=deals.csv"])) == "deals.csv"


def test_a_path_of_a_base_is_relative_to_the_base(write: Callable[..., Path]) -> None:
    """As with `extends`, a relative path belongs to the file that it stands in."""
    write("configs/deals.csv", "")
    write("configs/base.yaml", PLAN + "source: {path: deals.csv}\n")

    assert path_of(load_plan(write("configs/own/plan.yaml", "extends: ../base.yaml\n"))).endswith("configs/own/../deals.csv")


def test_an_empty_variable_is_no_folder(write: Callable[..., Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that is set to nothing does not turn a path into one below the root."""
    monkeypatch.setenv("WHYWIN_TEST_NONE", "")

    assert "WHYWIN_TEST_NONE" in faults(write("plan.yaml", PLAN + "source: {path: '${WHYWIN_TEST_NONE}/a.csv'}\n"))[0]


def test_a_file_can_be_replaced_by_a_world(write: Callable[..., Path]) -> None:
    """A config that extends one with a file can say `path: null` and give a world."""
    write("base.yaml", PLAN + "source: {path: deals.csv}\n")

    assert load_plan(write("own.yaml", "extends: base.yaml\nsource: {path: null, world: {}}\n")).source.world.deals == 4000


@dataclass(frozen=True)
class FewCoins:
    """Coins that are thrown."""

    throws: Annotated[int, Ge(1), doc("number of throws")]
    sides: tuple[str, ...] = ("heads", "tails")
    weights: dict[str, float] = field(default_factory=dict)


def coins(path: Path, *overrides: str) -> tuple[str, ...]:
    """The faults of an experiment's config."""
    with pytest.raises(ConfigError) as caught:
        load_settings(path, FewCoins, overrides)
    return caught.value.faults


def test_settings_of_an_experiment(write: Callable[..., Path]) -> None:
    """The name in the file is the owner's in snake case; overrides and `extends` work as in a plan."""
    write("base.yaml", "settings: {throws: 3, sides: [a]}\n")
    path = write("few_coins.yaml", "extends: base.yaml\nexperiment: few_coins\nsettings: {throws: 4}\n")

    assert load_settings(path, FewCoins) == FewCoins(4, ("a",))
    assert load_settings(path, FewCoins, ["settings.weights.a=1"]) == FewCoins(4, ("a",), {"a": 1.0})


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("experiment: fewcoins\nsettings: {throws: 1}\n", (":1: experiment: ", "few_coins", "fewcoins")),
        ("settings: {throws: 1}\n", ("experiment", "few_coins")),
        ("experiment: few_coins\n", ("settings: ", "throws is missing", "number of throws")),
        ("experiment: few_coins\nsettings: {throw: 1}\n", (":2: settings.throw: ", "'throws'")),
        ("experiment: few_coins\nsettings: {throws: 0}\n", (":2: settings.throws: ", "at least 1", "got 0")),
        ("experiment: few_coins\nsettings: [1]\n", (":2: settings: ", "a mapping")),
        ("experiment: few_coins\nseed: 1\nsettings: {throws: 1}\n", (":2: seed: ", "unknown key")),
    ],
)
def test_faults_of_an_experiments_config(write: Callable[..., Path], text: str, parts: tuple[str, ...]) -> None:
    """They are told as those of a plan are."""
    found = coins(write("coins.yaml", text))

    assert any(all(part in fault for part in parts) for fault in found), found


def test_an_override_of_an_experiment_is_named(write: Callable[..., Path]) -> None:
    """A setting out of bounds by --set names the override."""
    path = write("coins.yaml", "experiment: few_coins\nsettings: {throws: 1}\n")

    assert coins(path, "settings.throws=0") == ("--set settings.throws=0: settings.throws: must be at least 1, got 0",)


def test_settings_of_plain_values() -> None:
    """Settings are made of plain values and overrides alone, with the same faults."""
    assert settings_of(FewCoins, {"throws": 2}, ["sides=[a, b]"]) == FewCoins(2, ("a", "b"))
    with pytest.raises(ConfigError) as caught:
        settings_of(FewCoins, {}, ["throw=2"])
    assert caught.value.faults[0] == "--set throw=2: throw: unknown key; did you mean 'throws'?"


def test_settings_are_written_as_yaml() -> None:
    """What is recorded of an experiment has every setting."""
    assert "throws: 2\n" in settings_to_yaml(FewCoins(2))


def test_recorded_settings_can_be_run_again(write: Callable[..., Path]) -> None:
    """The YAML that is recorded of an experiment is a config of that experiment."""
    assert load_settings(write("again.yaml", settings_to_yaml(FewCoins(2))), FewCoins) == FewCoins(2)
