"""Plain values that remember where each of them stands, and what is wrong with them."""

from dataclasses import dataclass, field
from typing import Any

Key = tuple[str | int, ...]


@dataclass(eq=False)
class Document:
    """Plain values, where each stands, and every fault found so far; filled while a file is read, then only read itself.

    Attributes:
        values: the document's mapping.
        places: "file:line" of each key, or the override that set it.
        written: how a scalar stands in the file, where that differs from its value ("yes" for true).
        faults: one sentence each.
        name: the file, for what has no place.
    """

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[Key, str] = field(default_factory=dict)
    written: dict[Key, str] = field(default_factory=dict)
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
