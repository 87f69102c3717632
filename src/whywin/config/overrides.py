"""Changes to a document from the command line: "question.margin=2"."""

from collections.abc import Mapping, Sequence
from typing import Any

from whywin.config.document import Document, Key, dotted
from whywin.config.reading import parsed


def overridden(document: Document, overrides: Sequence[str]) -> Document:
    """Change a document by overrides; faults are noted in it.

    An item of a list is named by its number, counted from 0, or, for a method or a check, by its label.
    """
    for text in overrides:
        name, equals, value = text.partition("=")
        where = f"--set {text}"
        if not equals or not name.strip():
            document.faults.append(f"{where}: must be KEY=VALUE, such as --set question.margin=2")
            continue
        key = key_of(name)
        given = parsed(value, where)
        if given is None or given.faults:
            document.faults.append(f"{where}: the value is no YAML: quote it")
        else:
            put(document, key, given, where)
    return document


def key_of(name: str) -> Key:
    """Return a key path as people write it as its parts."""
    return tuple(int(part) if part.isdigit() else part for part in name.strip().split("."))


def put(document: Document, key: Key, given: Document, where: str) -> None:
    """Put what a document holds as `value` under a key of another; faults are noted there, `where` says who asked for it."""
    here: Any = document.values
    path: Key = ()
    for depth, part in enumerate(key):
        last = depth == len(key) - 1
        step = _step(here, part)
        if step is None:
            inside = f"is a list of {len(here)} item(s), counted from 0; there is no {part!r}" if isinstance(here, list) else None
            says = inside or f"is {here!r}, which has nothing below it"
            document.faults.append(f"{where}: {dotted(path)} {says}")
            return
        path = (*path, step)
        if last:
            here[step] = given.values["value"]
        else:
            here = _below(document, here, step, path, where)
    for held in (document.places, document.written):
        for old in [old for old in held if old[: len(path)] == path]:
            del held[old]
    document.places[path] = where
    document.written |= {(*path, *below[1:]): text for below, text in given.written.items()}


def _step(here: Any, part: str | int) -> str | int | None:
    if isinstance(here, dict):
        return str(part)
    if isinstance(here, list):
        if isinstance(part, int):
            return part if part < len(here) else None
        return next((place for place, item in enumerate(here) if _label(item) == part), None)
    return None


def _label(item: Any) -> Any:
    if isinstance(item, Mapping):
        return item.get("as", next(iter(item), None))
    return item


def _below(document: Document, here: Any, step: str | int, path: Key, where: str) -> Any:
    """Return what stands below a step, made where nothing did; `- hierarchical` stands for `- hierarchical: {}`."""
    if isinstance(here, list) and isinstance(here[step], str):  # type: ignore[index]
        here[step] = {here[step]: {}}  # type: ignore[index]
        document.places[path] = where
    elif isinstance(here, dict) and here.get(step) is None:
        here[step] = {}
        document.places[path] = where
    return here[step]
