"""Rules on the fields of a settings dataclass, written where the field is.

A setting is ``Annotated[type, rule, …, doc("what it is")]`` with the rules of `annotated_types` (Ge, Gt, Le, Lt, MinLen).
The same rules hold for a YAML file (read through `whywin.config`) and for an instance made in Python (`check_settings`).
"""

from collections.abc import Iterable, Sized
from dataclasses import fields
from math import isfinite
from types import UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from annotated_types import DocInfo, Ge, Gt, Le, Lt, MinLen

from whywin.errors import ConfigError

_BOUNDS: dict[type, tuple[str, str]] = {
    Ge: ("ge", "at least"),
    Gt: ("gt", "more than"),
    Le: ("le", "at most"),
    Lt: ("lt", "less than"),
}


def check_settings(instance: Any) -> None:
    """Raise `ConfigError` with every field of a settings dataclass that breaks its own rule."""
    found = [fault for field in fields(instance) for fault in _faults(instance, field.name)]
    if found:
        raise ConfigError(found)


def documentation(owner: type, name: str) -> str:
    """Return the sentence that documents one field, or an empty string."""
    return next((rule.documentation for rule in _rules(owner, name)[1] if isinstance(rule, DocInfo)), "")


def _rules(owner: type, name: str) -> tuple[Any, tuple[Any, ...]]:
    hint = get_type_hints(owner, include_extras=True)[name]
    if get_origin(hint) is Annotated:
        bare, *rules = get_args(hint)
        return bare, tuple(rules)
    return hint, ()


def _faults(instance: Any, name: str) -> Iterable[str]:
    value = getattr(instance, name)
    bare, rules = _rules(type(instance), name)
    choices = _choices(bare)
    if choices and value not in choices:
        yield f"{name}: must be one of {', '.join(map(repr, choices))}, got {value!r}"
    if value is None:
        return
    if isinstance(value, float) and not isfinite(value):
        yield f"{name}: must be a finite number, got {value!r}"
        return
    for rule in rules:
        if isinstance(rule, MinLen) and isinstance(value, Sized) and len(value) < rule.min_length:
            yield f"{name}: must have at least {rule.min_length} item(s), got {value!r}"
        bound = _BOUNDS.get(type(rule))
        if bound and not isinstance(value, int | float):
            yield f"{name}: must be a number, got {value!r}"
        elif bound and not _within(value, rule):
            yield f"{name}: must be {bound[1]} {getattr(rule, bound[0])}, got {value!r}"


def _choices(hint: Any) -> tuple[Any, ...]:
    if get_origin(hint) is Literal:
        return get_args(hint)
    if get_origin(hint) in {Union, UnionType} and any(get_origin(part) is Literal for part in get_args(hint)):
        return tuple(choice for part in get_args(hint) for choice in (get_args(part) or (None,)))
    return ()


def _within(value: Any, rule: Ge | Gt | Le | Lt) -> bool:
    match rule:
        case Ge(limit):
            return bool(value >= limit)
        case Gt(limit):
            return bool(value > limit)
        case Le(limit):
            return bool(value <= limit)
        case Lt(limit):
            return bool(value < limit)
