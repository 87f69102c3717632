"""The JSON Schema of the configs, made of the same dataclasses that hold them, so that editors complete them."""

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from typing import Any, Final, get_args, get_type_hints

from whywin import catalogue
from whywin.catalogue import Kind
from whywin.config.building import adapter, is_many, nested
from whywin.config.plans import plain
from whywin.deals.contract import Contract
from whywin.plan import Database, File, Plan, Simulated, Spark, Track
from whywin.quarters import Quarterly
from whywin.settings import documentation
from whywin.trials.design import TrialDesign

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]


def json_schema() -> Schema:
    """Return the schema of a plan, or of an experiment's settings."""
    kinds: list[Kind] = list(catalogue.QUESTIONS)
    return {
        "$schema": DIALECT,
        "title": "A plan of whywin, a quarterly report, or the settings of an experiment",
        "if": {"required": ["experiment"]},
        "then": _experiment(),
        "else": {
            "if": {"required": ["report"]},
            "then": _report(),
            "else": {"allOf": [_plan(), _whole(), *(_plan_of_kind(kind) for kind in kinds)]},
        },
    }


def _experiment() -> Schema:
    properties = {
        "experiment": {"type": "string", "description": "the name of the script under experiments/"},
        "settings": {"type": "object", "description": "the settings that the script documents"},
        "extends": _extends(),
    }
    return _closed(properties, ["experiment"], "The settings of an experiment")


def _report() -> Schema:
    settings = _settings(Quarterly)
    properties = {("report" if name == "name" else name): schema for name, schema in settings["properties"].items()}
    required = ["report" if name == "name" else name for name in settings["required"]]
    return _closed({**properties, "extends": _extends()}, required, settings["title"])


def _extends() -> Schema:
    path = {"type": "string"}
    return {"anyOf": [path, {"type": "array", "items": path}], "description": "files that this one changes, relative to it"}


def _plan() -> Schema:
    properties: Schema = {name: _field(Plan, name) for name in ("name", "description", "seed")}
    properties |= {
        "extends": _extends(),
        "question": {"type": "object", "properties": {"kind": {"enum": list(catalogue.QUESTIONS)}}},
        "source": {
            "anyOf": [*(_settings(owner) for owner in (File, Simulated, Database, Spark)), {"type": "null"}],
            "description": "where the deals are",
        },
        "deals": _settings(Contract, empty=True),
        "methods": {"type": "array", "minItems": 1, "description": documentation(Plan, "methods")},
        "checks": {"type": ["array", "null"], "description": "settings of checks; those not named run with their defaults"},
        "track": _settings(Track, empty=True),
        "design": _settings(TrialDesign, empty=True),
        "sweep": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": {
                "anyOf": [{"type": "array", "minItems": 1}, {"type": "object", "minProperties": 1}],
                "description": "its values, or a mapping from the name of a choice to its value",
            },
            "description": "dotted keys, each with the values that are tried; every combination is a plan of its own",
        },
    }
    return _closed(properties, [], "A plan: everything settled before the data are looked at")


def _whole() -> Schema:
    """A plan that extends no other must say by itself what a plan needs."""
    question = {"properties": {"question": {"required": ["kind"]}}}
    return {"if": {"required": ["extends"]}, "else": {"required": ["name", "question", "methods"], **question}}


def _plan_of_kind(kind: Kind) -> Schema:
    question = _settings(catalogue.QUESTIONS[kind], besides={"kind": {"const": kind}})
    return {
        "if": {
            "properties": {"question": {"properties": {"kind": {"const": kind}}, "required": ["kind"]}},
            "required": ["question"],
        },
        "then": {
            "properties": {
                "question": question,
                "methods": {"items": _one_of(catalogue.methods(kind), labelled=True)},
                "checks": {"items": _one_of(catalogue.checks(kind), labelled=False)},
            }
        },
    }


def _one_of(members: Mapping[str, type], *, labelled: bool) -> Schema:
    label = {"as": {"type": "string", "minLength": 1, "description": "another label, needed when a method stands twice"}}
    short = {"enum": list(members)}
    long = [
        _closed({name: _settings(owner, empty=True), **(label if labelled else {})}, [name], _first_line(owner))
        for name, owner in members.items()
    ]
    return {"anyOf": [short, *long]}


def _settings(owner: type, *, besides: Schema | None = None, empty: bool = False) -> Schema:
    properties = {**(besides or {}), **{field.name: _field(owner, field.name) for field in fields(owner)}}
    required = [field.name for field in fields(owner) if field.default is MISSING and field.default_factory is MISSING]
    schema = _closed(properties, [*(besides or {}), *required], _first_line(owner))
    return schema | ({"type": ["object", "null"]} if empty else {})


def _field(owner: type, name: str) -> Schema:
    inner = nested(owner, name)
    perhaps = [part for part in get_args(get_type_hints(owner)[name]) if isinstance(part, type) and is_dataclass(part)]
    if inner is None and perhaps:
        schema: Schema = {"anyOf": [_settings(perhaps[0]), {"type": "null"}]}
    elif inner is None:
        schema = dict(adapter(owner, name).json_schema())
    elif is_many(owner, name):
        schema = {"type": "array", "items": _settings(inner)}
    else:
        schema = _settings(inner)
    field = next(field for field in fields(owner) if field.name == name)
    if field.default is not MISSING:
        schema["default"] = plain(field.default)
    return schema | {"description": documentation(owner, name) or schema.get("description", "")}


def _closed(properties: Schema, required: list[str], title: str) -> Schema:
    schema: Schema = {"type": "object", "title": title, "properties": properties, "additionalProperties": False}
    return schema | ({"required": required} if required else {})


def _first_line(owner: type) -> str:
    return (owner.__doc__ or "").partition("\n")[0]
