"""A plan written out is the same plan when it is read again: enough to repeat a run."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import jsonschema
import pytest
import yaml
from annotated_types import Ge, Gt, Le, Lt, MinLen
from hypothesis import HealthCheck, given, reject, settings
from hypothesis import strategies as st

from whywin import catalogue
from whywin.config import document_of, flat, json_schema, load_plan, plan_of, to_yaml
from whywin.deals.contract import Contract
from whywin.errors import ConfigError
from whywin.plan import File, Plan, Simulated, Track

LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="\x85")
TEXT = st.one_of(
    st.text(LETTERS, max_size=6), st.sampled_from(["no", "on", "1", "007", "1e3", "2024-01-01", "~", "a: b", "- a", "#", "'"])
)
NAMES = st.text("abcäöü {}#:-&*!%@", min_size=1, max_size=8).map(lambda name: f"no such folder/{name.strip()}.csv")
PLAIN = {str: TEXT, bool: st.booleans(), date: st.dates(), Path: NAMES.map(Path), NoneType: st.none()}
SCHEMA = jsonschema.Draft202012Validator(json_schema())


def values(hint: Any, rules: tuple[Any, ...] = ()) -> st.SearchStrategy[Any]:  # noqa: PLR0911 - one return a type
    """Every value that a field of this type may have within its rules."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return values(arguments[0], arguments[1:])
    if origin in {Union, UnionType}:
        return st.one_of(*(values(part, rules) for part in arguments))
    if origin is Literal:
        return st.sampled_from(arguments)
    if hint in {int, float}:
        return numbers(hint, rules)
    least = next((rule.min_length for rule in rules if isinstance(rule, MinLen)), 0)
    if origin is tuple and arguments[-1] is Ellipsis:
        return st.lists(values(arguments[0]), min_size=least, max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*map(values, arguments))
    if origin is not None and issubclass(origin, Mapping):
        return st.dictionaries(TEXT, values(arguments[1]), max_size=2)
    if is_dataclass(hint):
        return instances(hint)
    return PLAIN[hint].filter(lambda value: not least or len(value) >= least)


def numbers(kind: type, rules: tuple[Any, ...]) -> st.SearchStrategy[Any]:
    """Numbers within bounds."""
    low = next((getattr(rule, "ge", getattr(rule, "gt", None)) for rule in rules if isinstance(rule, Ge | Gt)), None)
    high = next((getattr(rule, "le", getattr(rule, "lt", None)) for rule in rules if isinstance(rule, Le | Lt)), None)
    if kind is int:
        return st.integers(low, high)
    below, above = any(isinstance(rule, Gt) for rule in rules), any(isinstance(rule, Lt) for rule in rules)
    return st.floats(low, high, exclude_min=below, exclude_max=above, allow_nan=False, allow_infinity=False)


def instances(owner: type) -> st.SearchStrategy[Any]:
    """Settings of a class; those that a rule between fields refuses are left out."""
    hints = get_type_hints(owner, include_extras=True)
    parts = {item.name: values(hints[item.name]) for item in fields(owner)}

    def made(given: dict[str, Any]) -> Any:
        try:
            return owner(**given)
        except ConfigError:
            reject()

    return st.fixed_dictionaries({}, optional=parts).map(made) if not required(owner) else st.fixed_dictionaries(parts).map(made)


def required(owner: type) -> bool:
    """Whether a class cannot be made without settings."""
    try:
        owner()
    except TypeError:
        return True
    return False


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Plans of every kind, with every method and check that there is."""
    kind = draw(st.sampled_from(list(catalogue.QUESTIONS)))
    methods, checks = catalogue.methods(kind), catalogue.checks(kind)
    chosen = draw(st.lists(st.sampled_from(sorted(methods)), min_size=1, max_size=3))
    labels = draw(st.lists(TEXT.filter(bool), min_size=len(chosen), max_size=len(chosen), unique=True))
    return Plan(
        name=draw(TEXT.filter(bool)),
        question=draw(instances(catalogue.QUESTIONS[kind])),
        methods={label: draw(instances(methods[name])) for label, name in zip(labels, chosen, strict=True)},
        source=draw(st.one_of(st.none(), instances(File), instances(Simulated))),
        deals=draw(instances(Contract)),
        checks={name: draw(instances(checks[name])) for name in draw(st.sets(st.sampled_from(sorted(checks)), max_size=2))}
        if checks
        else {},
        seed=draw(st.integers(0)),
        description=draw(TEXT),
        track=draw(instances(Track)),
    )


def same(one: Plan, other: Plan) -> bool:
    """Whether two plans agree in every field, and in the order of their methods."""
    alike = all(getattr(one, item.name) == getattr(other, item.name) for item in fields(Plan))
    return alike and list(one.methods) == list(other.methods)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plan=plans())
def test_a_plan_written_and_read_is_the_same_plan(plan: Plan, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Whatever the settings and labels are, the written file reads as the plan it was written from."""
    path = tmp_path_factory.getbasetemp() / "round_trip.yaml"
    path.write_text(to_yaml(plan), encoding="utf-8")

    assert same(load_plan(path), plan)
    assert same(plan_of(document_of(plan)), plan)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plan=plans())
def test_the_schema_accepts_every_plan_that_there_can_be(plan: Plan) -> None:
    """An editor underlines nothing in a config that can be read."""
    assert [error.message for error in SCHEMA.iter_errors(document_of(plan))] == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(plan=plans())
def test_a_flat_plan_is_one_value_a_key(plan: Plan) -> None:
    """MLflow takes single values: no list or mapping is left, and methods go by their labels."""
    leaves = flat(plan)

    assert all(isinstance(value, str | int | float | bool | None) for value in leaves.values())
    assert leaves["seed"] == plan.seed
    assert all(any(f"{key}.".startswith(f"methods.{label}.") for key in leaves) for label in plan.methods)


def test_a_written_plan_has_every_default() -> None:
    """What a later version might change by default is written out, as plain values that YAML can hold."""
    plan = plan_of(
        {"name": "a", "question": {"kind": "winrates", "segments": ["region"]}, "methods": ["hierarchical", "observed"]}
    )

    document = document_of(plan)

    assert document["question"]["margin"] == 1.0
    assert set(document["methods"][0]["hierarchical"]) == {item.name for item in fields(plan.methods["hierarchical"])}
    assert document["deals"]["won"] == ["won"]
    assert yaml.safe_load(to_yaml(plan)) == document
    assert flat(plan)["question.margin"] == 1.0


def test_a_label_of_its_own_is_kept() -> None:
    """A method that stands twice has `as`, and the first is still the answer."""
    methods = [{"observed": {}, "as": "plain"}, "observed"]

    plan = plan_of({"name": "a", "question": {"kind": "winrates", "segments": ["region"]}, "methods": methods})

    assert plan.headline == "plain"
    assert document_of(plan)["methods"] == [{"observed": {}, "as": "plain"}, {"observed": {}}]


@pytest.mark.parametrize("name", ["a$$b.csv", "a${b}.csv"])
def test_a_file_with_a_dollar_in_its_name_is_the_same_file(name: str) -> None:
    """A name that reads like a variable is written so that it is none."""
    question = {"kind": "winrates", "segments": ["region"]}
    plan = plan_of({"name": "a", "question": question, "methods": ["observed"], "source": {"path": name.replace("$", "$$")}})

    assert str(plan.source.path) == name
    assert plan_of(document_of(plan)).source == plan.source


@pytest.mark.parametrize("name", ["a\u2028b", pytest.param("a\x85b")])
def test_a_rare_line_break_in_a_label_is_kept(name: str, tmp_path: Path) -> None:
    """PyYAML breaks the line at U+0085 unless the text is quoted with escapes."""
    plan = plan_of({"name": name, "question": {"kind": "winrates", "segments": ["region"]}, "methods": ["observed"]})
    (tmp_path / "plan.yaml").write_text(to_yaml(plan), encoding="utf-8")

    assert load_plan(tmp_path / "plan.yaml").name == name
