"""The JSON Schema from which editors complete configs and underline mistakes."""

import re
import runpy
from pathlib import Path
from typing import Any, ClassVar

import jsonschema
import pytest
import yaml

from whywin import catalogue
from whywin.config import Sweep, has_sweep, json_schema, load_plan, load_report, load_settings, load_sweep
from whywin.settings import documentation

ROOT = Path(__file__).parents[2]
CONFIGS = sorted((ROOT / "configs").rglob("*.yaml"))
SCHEMA = jsonschema.Draft202012Validator(json_schema())
QUESTION: dict[str, Any] = {"kind": "winrates", "segments": ["region"]}
PLAN: dict[str, Any] = {"name": "a", "question": QUESTION, "methods": ["observed"]}


class Editor(yaml.SafeLoader):
    """YAML as editors read it (1.2): `on` and `no` are words, and a date is its text."""

    yaml_implicit_resolvers: ClassVar = {
        first: [(tag, rule) for tag, rule in rules if tag.rpartition(":")[2] not in {"bool", "timestamp"}]
        for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }


Editor.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("true|false"), list("tf"))


def _swept(path: Path) -> Sweep:
    return load_sweep([path])


def test_the_schema_is_a_schema() -> None:
    """It is valid in the dialect that it names."""
    jsonschema.Draft202012Validator.check_schema(json_schema())


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: str(path.relative_to(ROOT / "configs")))
def test_a_shipped_config_keeps_the_schema_and_names_it(path: Path) -> None:
    """Every shipped config is completed by editors, from the schema that lies in configs/."""
    text = path.read_text(encoding="utf-8")
    first, pointed = text.partition("\n")[0], "# yaml-language-server: $schema="

    assert first.startswith(pointed)
    assert (path.parent / first.removeprefix(pointed)).resolve() == ROOT / "configs/schema.json"
    assert [error.message for error in SCHEMA.iter_errors(Editor(text).get_single_data())] == []


@pytest.mark.parametrize(
    "path",
    [path for path in CONFIGS if "experiments" not in path.parts],
    ids=lambda path: str(path.relative_to(ROOT / "configs")),
)
def test_a_shipped_plan_can_be_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each plan and each report has no fault once the folder of the data is said."""
    monkeypatch.setenv("WHYWIN_DATA", "data")
    read = load_report if "quarterly" in path.parts else _swept if has_sweep(path) else load_plan

    assert read(path).name


@pytest.mark.parametrize("path", [path for path in CONFIGS if "experiments" in path.parts], ids=lambda path: path.stem)
def test_a_shipped_experiment_can_be_read(path: Path) -> None:
    """The config of an experiment gives the settings of the script of its name."""
    script = runpy.run_path(str(ROOT / "experiments" / f"{path.stem}.py"))
    owner = script[path.stem.title().replace("_", "")]

    assert isinstance(load_settings(path, owner), owner)


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({**PLAN, "sed": 1}, id="unknown key"),
        pytest.param({**PLAN, "seed": -1}, id="below a bound"),
        pytest.param({**PLAN, "seed": "1"}, id="text for a number"),
        pytest.param({**PLAN, "name": ""}, id="an empty name"),
        pytest.param({**PLAN, "question": {**QUESTION, "margn": 1}}, id="unknown key of the question"),
        pytest.param({**PLAN, "question": {**QUESTION, "level": 1}}, id="on an open bound"),
        pytest.param({**PLAN, "question": {**QUESTION, "grain": "week"}}, id="no such choice"),
        pytest.param({**PLAN, "question": {**QUESTION, "cross": [["a"]]}}, id="a pair of one"),
        pytest.param({**PLAN, "question": {"kind": "winrates"}}, id="no segments"),
        pytest.param({**PLAN, "question": {"segments": ["a"]}}, id="no kind"),
        pytest.param({**PLAN, "question": {"kind": "winrate", "segments": ["a"]}}, id="unknown kind"),
        pytest.param({**PLAN, "methods": []}, id="no method"),
        pytest.param({**PLAN, "methods": ["obsrved"]}, id="unknown method"),
        pytest.param({**PLAN, "methods": ["fixed"]}, id="a method of another kind"),
        pytest.param({**PLAN, "methods": [{"hierarchical": {"draws": 1}}]}, id="bound of a method"),
        pytest.param({**PLAN, "methods": [{"hierarchical": {}, "observed": {}}]}, id="two methods in one"),
        pytest.param({**PLAN, "checks": [{"few_units": {}}]}, id="a check of another kind"),
        pytest.param({**PLAN, "checks": [{"thin_levels": {"least_deals": 0}}]}, id="bound of a check"),
        pytest.param({**PLAN, "source": {"path": "a", "world": {}}}, id="path and world"),
        pytest.param({**PLAN, "source": {"world": {"deals": 1}}}, id="bound of a world"),
        pytest.param({**PLAN, "deals": {"won": "Won"}}, id="text for a list"),
        pytest.param({"experiment": "a", "question": QUESTION}, id="an experiment with a question"),
        pytest.param({}, id="nothing"),
        pytest.param({"question": QUESTION, "methods": ["observed"]}, id="no name"),
        pytest.param({"name": "a", "question": QUESTION}, id="no methods"),
    ],
)
def test_the_schema_refuses_what_cannot_be_read(document: dict[str, Any]) -> None:
    """An editor underlines what `whywin check` would refuse."""
    assert list(SCHEMA.iter_errors(document))


@pytest.mark.parametrize(
    "document",
    [
        pytest.param({**PLAN, "methods": ["observed", {"hierarchical": {"draws": 200}, "as": "short"}]}, id="both forms"),
        pytest.param({**PLAN, "methods": [{"hierarchical": None}]}, id="a method with a colon and nothing"),
        pytest.param({**PLAN, "extends": ["a.yaml", "b.yaml"]}, id="several bases"),
        pytest.param({"experiment": "noise", "settings": {"worlds": 3}}, id="an experiment"),
        pytest.param({"extends": "a.yaml", "question": {"margin": 2}}, id="a part of a question"),
        pytest.param({**PLAN, "deals": None, "track": None, "checks": None, "source": None}, id="empty parts"),
    ],
)
def test_the_schema_accepts_what_can_be_read(document: dict[str, Any]) -> None:
    """An editor underlines nothing that `whywin check` takes."""
    assert [error.message for error in SCHEMA.iter_errors(document)] == []


@pytest.mark.parametrize("kind", list(catalogue.QUESTIONS))
def test_every_setting_has_its_sentence_in_the_schema(kind: Any) -> None:
    """What stands at the field in the code is what the editor shows."""
    text = str(json_schema())
    owners = [catalogue.QUESTIONS[kind], *catalogue.methods(kind).values(), *catalogue.checks(kind).values()]
    sentences = [documentation(owner, name) for owner in owners for name in owner.__dataclass_fields__]

    assert [sentence for sentence in sentences if repr(sentence) not in text] == []
