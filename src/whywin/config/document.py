"""YAML files as plain values that remember where each of them stands."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

from whywin.errors import ConfigError, nearest

Key = tuple[str | int, ...]
MOST_NODES: Final = 50_000  # a file that grows beyond this by its aliases is not meant to be read
VARIABLE: Final = re.compile(r"\$\$|\$\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?::-(?P<default>[^}]*))?\}")


@dataclass(eq=False)
class Document:
    """Plain values, where each stands, and every fault found so far; filled while a file is read, then only read itself."""

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[Key, str] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    name: str = ""

    def place(self, key: Key) -> str:
        """Return "file:line" of a key, or of the nearest key above it."""
        for length in range(len(key), -1, -1):
            if key[:length] in self.places:
                return self.places[key[:length]]
        return self.name

    def fault(self, key: Key, says: str) -> None:
        """Note one fault: where it stands, the key's path, and what is wrong with it."""
        where, path = self.place(key), dotted(key)
        self.faults.append(": ".join(part for part in (where, path, says) if part))


def dotted(key: Key) -> str:
    """Return a key path as people write it: methods.0.matching."""
    return ".".join(str(part) for part in key)


def read_document(path: Path, overrides: Sequence[str] = ()) -> Document:
    """Read a YAML file with what it extends, then change it by overrides.

    Raises:
        ConfigError: the file, or one that it extends, cannot be read as a mapping at all.
    """
    document = _extended(path, ())
    document.name = str(path)
    return overridden(document, overrides)


def overridden(document: Document, overrides: Sequence[str]) -> Document:
    """Change a document by overrides such as "question.margin=2"; faults are noted in it."""
    for text in overrides:
        name, equals, value = text.partition("=")
        where = f"--set {text}"
        if not equals or not name.strip():
            document.faults.append(f"{where}: must be KEY=VALUE, such as --set question.margin=2")
            continue
        key = tuple(int(part) if part.isdigit() else part for part in name.strip().split("."))
        try:
            parsed = yaml.safe_load(value)
        except yaml.YAMLError:
            document.faults.append(f"{where}: the value is no YAML: quote it")
            continue
        if _set(document, key, parsed, where):
            for old in [old for old in document.places if old[: len(key)] == key]:
                del document.places[old]
            document.places[key] = where
    return document


def _set(document: Document, key: Key, value: Any, where: str) -> bool:
    here: Any = document.values
    for depth, part in enumerate(key):
        last = depth == len(key) - 1
        if isinstance(here, list):
            if not isinstance(part, int) or part >= len(here):
                document.faults.append(
                    f"{where}: {dotted(key[:depth])} is a list of {len(here)} item(s), counted from 0; there is no {part!r}"
                )
                return False
            if isinstance(here[part], str) and not last:  # `- hierarchical` stands for `- hierarchical: {}`
                here[part] = {here[part]: {}}
        elif isinstance(here, dict):
            if not last and here.get(part) is None:
                here[part] = {}
        else:
            document.faults.append(f"{where}: {dotted(key[:depth])} is {here!r}, which has nothing below it")
            return False
        if last:
            here[part] = value
        else:
            here = here[part]
    return True


def _extended(path: Path, chain: tuple[Path, ...]) -> Document:
    own = _loaded(path)
    bases = own.values.pop("extends", None)
    if bases is None:
        return own
    listed = bases if isinstance(bases, list) else [bases]
    merged = Document(name=str(path))
    for base in listed:
        if not isinstance(base, str):
            own.fault(("extends",), f"must be the path of a YAML file, got {base!r}")
            continue
        target = path.parent / base
        if target.resolve() in {known.resolve() for known in (*chain, path)}:
            own.fault(("extends",), f"{base} leads back to this file: a circle cannot be followed")
        elif not target.is_file():
            own.fault(("extends",), f"there is no file {target}{nearest(target.name, _names_in(target.parent))}")
        else:
            _merge(merged, _extended(target, (*chain, path)))
    _merge(merged, own)
    return merged


def _merge(into: Document, over: Document) -> None:
    """Lay one document over another: mappings are merged key by key, everything else is replaced."""
    into.values = _laid(into.values, over.values)
    into.places = {**into.places, **over.places}
    into.faults += over.faults


def _laid(below: Any, above: Any) -> Any:
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        return {key: _laid(below.get(key), above[key]) if key in above else below[key] for key in {**below, **above}}
    return above


def _loaded(path: Path) -> Document:
    text = _text(path)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise ConfigError(_syntax(path, text, error)) from error
    if node is None:
        raise ConfigError(f"{path}: the file is empty; a plan has at least name, question, source and methods")
    if not isinstance(node, yaml.MappingNode):
        kind = "a list" if isinstance(node, yaml.SequenceNode) else "one value"
        raise ConfigError(f"{path}: must be a mapping of keys (name, question, …), got {kind}")
    document = Document(name=str(path))
    reader = _Reader(document, path)
    document.values = reader.value(node, ())
    return document


def _text(path: Path) -> str:
    if path.is_dir():
        raise ConfigError(f"{path}: is a folder; name the YAML file in it")
    if not path.is_file():
        raise ConfigError(f"{path}: there is no such file{nearest(path.name, _names_in(path.parent))}")
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: is not UTF-8 (byte {error.start}): save it as UTF-8") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read ({error.strerror})") from error


def _names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []


def _syntax(path: Path, text: str, error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error).partition("\n")[0]
    if mark is None:
        return f"{path}: is no YAML ({problem})"
    lines = text.splitlines()
    line = lines[mark.line] if mark.line < len(lines) else ""
    if "\t" in line[: mark.column + 1] or "\\t" in problem:
        return f"{path}:{mark.line + 1}: a tab stands at the start of the line; YAML is indented with spaces only"
    return f"{path}:{mark.line + 1}: is no YAML at column {mark.column + 1} ({problem}): {line.strip()[:80]!r}"


class _Reader:
    """Builds plain values out of YAML nodes, and notes where each key stands and which stand twice."""

    def __init__(self, document: Document, path: Path) -> None:
        self._document, self._path = document, path
        self._constructor = yaml.constructor.SafeConstructor()
        self._nodes = 0

    def value(self, node: yaml.Node, key: Key) -> Any:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise ConfigError(f"{self._path}: holds more than {MOST_NODES:,} values; are its aliases nested?")
        self._document.places.setdefault(key, f"{self._path}:{node.start_mark.line + 1}")
        if isinstance(node, yaml.MappingNode):
            return dict(self._pairs(node, key))
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*key, place)) for place, item in enumerate(node.value)]
        try:
            return self._constructor.construct_object(node)
        except (yaml.YAMLError, ValueError):
            self._document.fault(key, f"{node.value!r} is no value that a config may hold: quote it")
            return None

    def _pairs(self, node: yaml.MappingNode, key: Key) -> Iterator[tuple[Any, Any]]:
        seen: dict[Any, int] = {}
        for name, _ in node.value:
            line = name.start_mark.line + 1
            if isinstance(name, yaml.ScalarNode) and name.tag != "tag:yaml.org,2002:merge":
                if name.value in seen:
                    says = f"stands twice, in lines {seen[name.value]} and {line}: keep one"
                    self._document.faults.append(f"{self._path}:{line}: {dotted((*key, name.value))}: {says}")
                seen[name.value] = line
        self._constructor.flatten_mapping(node)
        for name, child in node.value:
            # a key is its own text: `on:` and `no:` are words, not true and false
            label = name.value if isinstance(name, yaml.ScalarNode) else str(self._constructor.construct_object(name, deep=True))
            below = (*key, label)
            self._document.places[below] = f"{self._path}:{name.start_mark.line + 1}"
            yield label, self.value(child, below)


def resolve_paths(document: Document, folder: Path | None) -> None:
    """Fill environment variables into every `path`, and find relative ones beside the config when they are there."""
    for holder, key in _path_holders(document.values):
        text = holder["path"]
        unset = [m["name"] for m in VARIABLE.finditer(text) if m["name"] and m["name"] not in os.environ and m["default"] is None]
        for name in unset:
            document.fault(key, f"the environment variable {name} is not set: export {name}=… or write ${{{name}:-a default}}")
        if unset:
            continue
        filled = VARIABLE.sub(lambda m: "$" if not m["name"] else os.environ.get(m["name"], m["default"] or ""), text)
        beside = folder / filled if folder else Path(filled)
        typed_in = document.place(key).startswith("--set")
        holder["path"] = str(beside) if beside.exists() and not typed_in and not Path(filled).is_absolute() else filled


def _path_holders(values: Mapping[str, Any]) -> Iterator[tuple[dict[str, Any], Key]]:
    source = values.get("source")
    if not isinstance(source, dict):
        return
    joins = source.get("join")
    further = [(join, ("source", "join", i, "path")) for i, join in enumerate(joins)] if isinstance(joins, list) else []
    for holder, key in [(source, ("source", "path")), *further]:
        if isinstance(holder, dict) and isinstance(holder.get("path"), str):
            yield holder, key
