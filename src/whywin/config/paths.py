"""The paths of a document: environment variables filled in, relative ones found."""

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from whywin.config.document import Document, Key

VARIABLE: Final = re.compile(r"\$\$|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")


def resolve_paths(document: Document) -> None:
    """Fill environment variables into every `path`, and find relative ones beside the file in which they stand.

    A relative path belongs to the folder of the file that it stands in when it is there, otherwise to the current folder;
    on the command line it always belongs to the current folder.
    """
    for holder, key in _path_holders(document.values):
        filled = resolved(document, key, holder["path"])
        if filled is not None:
            holder["path"] = filled


def resolved(document: Document, key: Key, text: str) -> str | None:
    """Return one path with its variables filled in, beside the file in which it stands when it is there; None for a faulty one."""
    faults = list(_faults(text))
    for fault in faults:
        document.fault(key, fault)
    if faults:
        return None
    filled = VARIABLE.sub(lambda m: "$" if not m["name"] else os.environ.get(m["name"]) or m["default"] or "", text)
    beside = _folder(document.place(key)) / filled
    return str(beside) if beside.exists() and not Path(filled).is_absolute() else filled


def _faults(text: str) -> Iterator[str]:
    if not text.strip():
        yield "is empty; name a file"
    for found in VARIABLE.finditer(text):
        name = found["name"]
        if name and not os.environ.get(name) and found["default"] is None:
            yield f"the environment variable {name} is not set: export {name}=… or write ${{{name}:-a default}}"
    if "${" in VARIABLE.sub("", text):
        yield f"{text!r} has a ${{ that is not closed by a }}: write ${{NAME}}, or $$ for a dollar sign"


def escaped(path: Path) -> str:
    """Return a path as a config writes it, so that no part of it reads like a variable."""
    return str(path).replace("$", "$$")


def _folder(place: str) -> Path:
    """Return the folder of the file in "file:line"; the current one for an override."""
    return Path() if place.startswith("--set") else Path(place.rpartition(":")[0]).parent


def _path_holders(values: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], Key]]:
    source = values.get("source")
    if not isinstance(source, dict):
        return
    lists = {name: source.get(name) for name in ("join", "interventions")}
    further = [
        (part, ("source", name, i, "path"))
        for name, parts in lists.items()
        if isinstance(parts, list)
        for i, part in enumerate(parts)
    ]
    for holder, key in [(source, ("source", "path")), *further]:
        if isinstance(holder, dict) and isinstance(holder.get("path"), str):
            yield holder, key
