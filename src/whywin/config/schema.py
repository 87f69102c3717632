"""The JSON Schema of the configs, made of the same dataclasses that hold them, so that editors complete them."""

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any, Final

from whywin import catalogue
from whywin.catalogue import Kind
from whywin.config.building import adapter, is_many, nested
from whywin.config.plans import plain
from whywin.deals.contract import Contract
from whywin.plan import File, Plan, Simulated, Track
from whywin.settings import documentation

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
Schema = dict[str, Any]


def json_schema() -> Schema:
    """Return the schema of a plan, or of an experiment's settings."""
    kinds: list[Kind] = list(catalogue.QUESTIONS)
    return {
        "$schema": DIALECT,
        "title": "A plan of whywin, or the settings of one of its experiments",
        "if": {"required": ["experiment"]},
        "then": _experiment(),
        "else": {"allOf": [_plan(), _whole(), *(_plan_of_kind(kind) for kind in kinds)]},
    }


def _experiment() -> Schema:
    properties = {
        "experiment": {"type": "string", "description": "the name of the script under experiments/"},
        "settings": {"type": "object", "description": "the settings that the script documents"},
        "extends": _extends(),
    }
    return _closed(properties, ["experiment"], "The settings of an experiment")


def _extends() -> Schema:
    path = {"type": "string"}
    return {"anyOf": [path, {"type": "array", "items": path}], "description": "files that this one changes, relative to it"}


def _plan() -> Schema:
    properties: Schema = {name: _field(Plan, name) for name in ("name", "description", "seed")}
    properties |= {
        "extends": _extends(),
        "question": {"type": "object", "properties": {"kind": {"enum": list(catalogue.QUESTIONS)}}},
        "source": {"anyOf": [_settings(File), _settings(Simulated), {"type": "null"}], "description": "where the deals are"},
        "deals": _settings(Contract, empty=True),
        "methods": {"type": "array", "minItems": 1, "description": documentation(Plan, "methods")},
        "checks": {"type": ["array", "null"], "description": "settings of checks; those not named run with their defaults"},
        "track": _settings(Track, empty=True),
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
    if inner is None:
        schema: Schema = dict(adapter(owner, name).json_schema())
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
