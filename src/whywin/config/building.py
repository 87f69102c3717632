"""From plain values to settings dataclasses: the rules stand in the dataclasses, pydantic holds them."""

import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from math import isfinite
from typing import Any, Final, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from whywin.config.document import Document, Key
from whywin.errors import ConfigError, nearest

_WORDS: Final[Mapping[str, str]] = {
    "int_type": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "path_type": "must be a path",
    "date_type": "must be a date, such as 2024-03-31",
    "date_parsing": "must be a date, such as 2024-03-31",
    "date_from_datetime_parsing": "must be a date, such as 2024-03-31",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "dict_type": "must be a mapping",
    "mapping_type": "must be a mapping",
    "missing": "has too few items",
    "too_long": "has too many items",
    "finite_number": "must be a finite number",
}
_POWER: Final = re.compile(r"[-+]?\d+[eE][-+]?\d+")  # 1e-3, which YAML 1.1 takes for text
_BOUNDS: Final[Mapping[str, tuple[str, str]]] = {
    "greater_than_equal": ("at least", "ge"),
    "greater_than": ("more than", "gt"),
    "less_than_equal": ("at most", "le"),
    "less_than": ("less than", "lt"),
}


def build[T](document: Document, owner: type[T], values: Any, key: Key, *, besides: tuple[str, ...] = ()) -> T | None:
    """Make an instance of a settings dataclass from plain values; note every fault, and return None when there was one.

    Args:
        document: where faults are noted.
        owner: the settings dataclass.
        values: a mapping of its fields; None stands for an empty one.
        key: where the values stand in the document.
        besides: keys that are allowed beside the fields and are not the owner's.
    """
    before = len(document.faults)
    if values is None:
        values = {}
    if not isinstance(values, Mapping):
        document.fault(key, f"must be a mapping of settings, got {_shown(values)}")
        return None
    known = {field.name: field for field in fields(owner)}  # type: ignore[arg-type]
    for name in values:
        if name not in known and name not in besides:
            there = ", ".join([*besides, *known]) or "none"
            document.fault((*key, name), f"unknown key{nearest(name, [*known, *besides], otherwise=f'; there are {there}')}")
    for name, field in known.items():
        if name not in values and field.default is MISSING and field.default_factory is MISSING:
            document.fault(key, f"{name} is missing{_documented(owner, name)}")
    given = {name: _field(document, owner, known[name], values[name], (*key, name)) for name in values if name in known}
    return _made(document, owner, given, key) if len(document.faults) == before else None


def _made[T](document: Document, owner: type[T], given: dict[str, Any], key: Key) -> T | None:
    try:
        return owner(**given)
    except ConfigError as error:  # a rule between fields, which only the instance can see
        for fault in error.faults:
            document.fault(key, fault)
        return None


def _field(document: Document, owner: type, field: Field[Any], value: Any, key: Key) -> Any:
    inner = nested(owner, field.name)
    if inner is None:
        return checked(document, adapter(owner, field.name), value, key)
    if not is_many(owner, field.name):
        return build(document, inner, value, key)
    if not isinstance(value, list):
        document.fault(key, f"must be a list, got {_shown(value)}")
        return ()
    return tuple(build(document, inner, item, (*key, place)) for place, item in enumerate(value))


@cache
def adapter(owner: type, name: str) -> TypeAdapter[Any]:
    """Return what holds one field to its type and its rules."""
    return TypeAdapter(get_type_hints(owner, include_extras=True)[name])


@cache
def nested(owner: type, name: str) -> type | None:
    """Return the dataclass that a field holds, one or a tuple of; None for any other field."""
    hint = get_type_hints(owner)[name]
    arguments = get_args(hint) if get_origin(hint) is tuple else (hint,)
    return next((part for part in arguments if isinstance(part, type) and is_dataclass(part)), None)


def is_many(owner: type, name: str) -> bool:
    """Whether a field holds a tuple."""
    return get_origin(get_type_hints(owner)[name]) is tuple


def checked(document: Document, held: TypeAdapter[Any], value: Any, key: Key) -> Any:
    """Return a value as its type wants it, as strictly as YAML is; note every fault."""
    if isinstance(value, float) and not isfinite(value):
        document.fault(key, f"must be a finite number, got {document.written.get(key, value)}")
        return None
    if isinstance(value, str) and any("\ud800" <= letter <= "\udfff" for letter in value):
        document.fault(key, "holds half a letter, an escape such as \\ud83d without its other half: write the letter itself")
        return None
    try:
        return held.validate_json(json.dumps(value, default=str), strict=True)
    except ValidationError as error:
        details = error.errors(include_url=False)
        for detail in _of_one_branch(details) if held.core_schema["type"] == "union" else details:
            place = (*key, *_location(detail))
            document.fault(place, _sentence(detail, document.written.get(place)))
        return None


def _of_one_branch(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """Return the faults of a value that may have several shapes by the shape that it comes nearest to, the first where it is none."""
    nearest_shape = max(details, key=lambda detail: len(detail["loc"]))["loc"][0]
    return [{**detail, "loc": detail["loc"][1:]} for detail in details if detail["loc"][0] == nearest_shape]


def _location(detail: ErrorDetails) -> Key:
    parts = detail["loc"][:-1] if detail["type"] == "missing" else detail["loc"]
    return tuple(part for part in parts if part != "[key]")


def _sentence(detail: ErrorDetails, written: str | None) -> str:
    """Return what is wrong in words; `written` is how the value stands in the file, where YAML made something else of it."""
    kind, given, context = detail["type"], detail["input"], detail.get("ctx", {})
    if kind == "string_type" and written is not None:
        return f"must be text, got {written}, which YAML reads as {_shown(given)}: quote it"
    if kind in {"float_type", "int_type"} and isinstance(given, str) and _POWER.fullmatch(given):
        return f"must be a number, got {given!r}: write {float(given):.1e} with a point".replace("e+", "e+").replace("e-0", "e-")
    if kind == "literal_error":
        choices = [part.strip("' ") for part in str(context["expected"]).replace(" or ", ",").split(",")]
        return f"must be one of {', '.join(choices)}, got {_shown(given)}{nearest(given, choices)}"
    if kind in _BOUNDS:
        words, name = _BOUNDS[kind]
        return f"must be {words} {context[name]}, got {_shown(given)}"
    if kind == "too_short":
        return f"must have at least {context['min_length']} item(s), got {_shown(given)}"
    words = _WORDS.get(kind, detail["msg"][:1].lower() + detail["msg"][1:])
    return f"{words}, got {_shown(given)}"


def _shown(value: Any) -> str:
    if isinstance(value, str):
        return repr(value)
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:57]}…"  # noqa: PLR2004 - a line of the terminal


def _documented(owner: type, name: str) -> str:
    from whywin.settings import documentation

    says = documentation(owner, name)
    return f": {says}" if says else ""
