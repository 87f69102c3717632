"""YAML files as documents: what they extend, what stands twice in them, and what is no YAML at all."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

from whywin.config.document import Document, Key, dotted
from whywin.errors import ConfigError, nearest

MOST_NODES: Final = 50_000  # a file that grows beyond this by its aliases is not meant to be read
DEEPEST: Final = 100  # levels within one another; Python's own limit is set by whichever library was imported


def read_document(path: Path) -> Document:
    """Read a YAML file with what it extends.

    Raises:
        ConfigError: the file, or one that it extends, cannot be read as a mapping at all.
    """
    document = _extended(path, ())
    document.name = str(path)
    return document


def parsed(text: str, where: str) -> Document | None:
    """Read one value, such as that of an override; it stands under the key "value". None for what is no YAML."""
    document = Document(name=where)
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        document.values = {"value": None if node is None else _Reader(document, where).value(node, ("value",))}
    except (yaml.YAMLError, RecursionError):
        return None
    return document


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
    """Lay one document over another: mappings are merged key by key, everything else is replaced.

    The kinds of source exclude each other, so that the one given later takes the place of the other.
    """
    below, above = (document.values.get("source") for document in (into, over))
    if isinstance(below, dict) and isinstance(above, dict):
        wanted = next((key for key in ("world", "connection", "engine", "path") if above.get(key) is not None), None)
        own = [key for key in ("world", "connection", "engine") if below.get(key) is not None]
        if wanted is not None and (below.get(wanted) is None or (wanted == "path" and own)):
            into.values["source"] = {}
            over.values["source"] = {key: value for key, value in above.items() if value is not None}
    into.values = _laid(into.values, over.values)
    into.places = {**into.places, **over.places}
    into.written = {**into.written, **over.written}
    into.faults += over.faults


def _laid(below: Any, above: Any) -> Any:
    if isinstance(below, Mapping) and isinstance(above, Mapping):
        return {key: _laid(below.get(key), above[key]) if key in above else below[key] for key in {**below, **above}}
    return above


def _loaded(path: Path) -> Document:
    text = _text(path)
    try:
        return _read(path, text)
    except yaml.YAMLError as error:
        raise ConfigError(_syntax(path, text, error)) from error
    except RecursionError as error:
        raise ConfigError(f"{path}: is nested too deep, or an alias stands within itself") from error


def _read(path: Path, text: str) -> Document:
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    if node is None:
        raise ConfigError(f"{path}: the file is empty; a plan has at least name, question, source and methods")
    if not isinstance(node, yaml.MappingNode):
        kind = "a list" if isinstance(node, yaml.SequenceNode) else "one value"
        raise ConfigError(f"{path}: must be a mapping of keys (name, question, …), got {kind}")
    document = Document(name=str(path))
    document.values = _Reader(document, str(path)).value(node, ())
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

    def __init__(self, document: Document, path: str) -> None:
        self._document, self._path = document, path
        self._constructor = yaml.constructor.SafeConstructor()
        self._nodes = 0

    def value(self, node: yaml.Node, key: Key) -> Any:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise ConfigError(f"{self._path}: holds more than {MOST_NODES:,} values; are its aliases nested?")
        if len(key) > DEEPEST:
            raise RecursionError
        self._document.places.setdefault(key, f"{self._path}:{node.start_mark.line + 1}")
        if isinstance(node, yaml.MappingNode):
            return dict(self._pairs(node, key))
        if isinstance(node, yaml.SequenceNode):
            return [self.value(item, (*key, place)) for place, item in enumerate(node.value)]
        return self._scalar(node, key)

    def _scalar(self, node: yaml.Node, key: Key) -> Any:
        """Return a scalar's value; what YAML cannot make of it, such as the 13th month, stays the text that it is."""
        try:
            value = self._constructor.construct_object(node)
        except yaml.YAMLError:
            self._document.fault(key, f"{node.value!r} is no value that a config may hold: quote it")
            return None
        except ValueError:
            return node.value
        if value is not None and not isinstance(value, str):
            self._document.written[key] = node.value
        return value

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
