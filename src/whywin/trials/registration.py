"""Plans that were registered before their data: entries of a register, their hashes, and what a later plan departs in."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, Final

from whywin.errors import DataError

Document = Mapping[str, Any]
LEFT_OUT: Final = (
    "description",
    "track",
    "checks.plan_drift",
    "question.as_of",
    "source.path",
    "source.world",
    "source.table",
    "source.at_most",
)


@dataclass(frozen=True)
class Registered:
    """One entry of a register.

    Attributes:
        number: its place, from 1.
        plan: the plan's name.
        time: when it was registered, ISO 8601 in UTC.
        hash: of what the plan settles.
        before: hash of the entry before it, empty for the first; a register that was changed afterwards does not hold together.
        document: what the plan settles, every default written out.
    """

    number: int
    plan: str
    time: str
    hash: str
    before: str
    document: Document

    @property
    def line(self) -> str:
        """The entry as one line of JSON."""
        return json.dumps(asdict(self), sort_keys=True, ensure_ascii=False)


def settled(document: Document) -> dict[str, Any]:
    """Return what a plan's document settles by dotted key, methods and checks by their labels.

    Left out is what may change between the registration and the analysis: where the data lie, the day an answer is given for,
    words for people, and where the run is recorded.
    """
    named = {**document}
    for role in ("methods", "checks"):
        named[role] = {entry.get("as", next(iter(entry))): entry for entry in document.get(role, [])}
    leaves = dict(_leaves(named, ""))
    if named["methods"]:
        leaves["methods"] = list(named["methods"])  # the first is the answer: their order counts
    return {key: value for key, value in leaves.items() if not _left_out(key)}


def hash_of(document: Document) -> str:
    """Return the hash of what a plan settles."""
    return sha256(json.dumps(settled(document), sort_keys=True, ensure_ascii=False).encode()).hexdigest()


def following(entries: tuple[Registered, ...], document: Document, time: str) -> Registered:
    """Return the entry of a plan behind those that are there."""
    before = sha256(entries[-1].line.encode()).hexdigest() if entries else ""
    kept = json.loads(json.dumps(settled(document), ensure_ascii=False))
    return Registered(len(entries) + 1, str(document["name"]), time, hash_of(document), before, kept)


def read_register(text: str, path: str) -> tuple[Registered, ...]:
    """Return the entries of a register.

    Raises:
        DataError: a line cannot be read, or was changed after it was written; every fault at once.
    """
    entries: list[Registered] = []
    faults = []
    for number, line in enumerate(filter(str.strip, text.splitlines()), start=1):
        try:
            entry = Registered(**json.loads(line))
        except (ValueError, TypeError):
            faults.append(f"{path}:{number}: is no entry of a register")
            continue
        before = sha256(entries[-1].line.encode()).hexdigest() if entries else ""
        own = sha256(json.dumps(entry.document, sort_keys=True, ensure_ascii=False).encode()).hexdigest()
        if entry.before != before or entry.number != number or entry.hash != own:
            faults.append(f"{path}:{number}: this entry, or one before it, was changed after it was written")
        entries.append(entry)
    if faults:
        raise DataError([*faults, f"{path}: restore the register from a copy made before the change, such as that in git"])
    return tuple(entries)


def departures(registered: Document, document: Document) -> tuple[str, ...]:
    """Return in which settings a plan differs from the registered one, one sentence each.

    Args:
        registered: what the registered plan settled, by dotted key.
        document: the present plan's document.
    """
    now = settled(document)
    keys = [*registered, *(key for key in now if key not in registered)]
    return tuple(
        f"{key}: registered {_shown(registered, key)}, now {_shown(now, key)}"
        for key in keys
        if registered.get(key, KeyError) != now.get(key, KeyError)
    )


def _left_out(key: str) -> bool:
    joined = key.startswith("source.join.") and key.endswith(".path")
    return joined or any(key == name or key.startswith(f"{name}.") for name in LEFT_OUT)


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping) and value:
        for name, item in value.items():
            yield from _leaves(item, f"{path}.{name}" if path else str(name))
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for place, item in enumerate(value):
            yield from _leaves(item, f"{path}.{place}")
    else:
        yield path, value


def _shown(leaves: Document, key: str) -> str:
    if key not in leaves:
        return "nothing"
    value = leaves[key]
    return (
        ", ".join(map(str, value)) or "nothing"
        if isinstance(value, list)
        else "nothing"
        if value is None or value == ""
        else f"{value}"
    )
