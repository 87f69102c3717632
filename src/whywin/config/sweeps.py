"""Sweeps: configs whose `sweep:` lists values for some of their keys, each combination of which is a plan of its own."""

from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from itertools import product
from math import prod
from pathlib import Path
from typing import Any, Final

import yaml

from whywin.config.document import Document, Key, dotted
from whywin.config.graph_files import read_graph_file
from whywin.config.overrides import key_of, overridden, put
from whywin.config.paths import resolve_paths
from whywin.config.plans import plan_from
from whywin.config.reading import parsed, read_document
from whywin.errors import ConfigError, nearest
from whywin.plan import Plan

SWEEP: Final = "sweep"
_FIXED: Final = ("name", "track", "extends", SWEEP)  # what a sweep does not choose
_PLANS: Final = ("experiment", "report")  # configs that are no plans
_LONGEST: Final = 160


@dataclass(frozen=True, eq=False)
class Combination:
    """One plan of a sweep.

    Attributes:
        plan: the plan.
        choices: what was chosen for it, in words, by key, such as {"question.landmark_days": "14"}.
        path: its config.
    """

    plan: Plan
    choices: Mapping[str, str]
    path: Path


@dataclass(frozen=True, eq=False)
class Sweep:
    """Plans that differ in what was chosen for them.

    Attributes:
        name: the sweep's name.
        description: a sentence for people.
        combinations: its plans, in the order of the lists, the last key changing fastest.
        text: the configs with everything that they extend, as YAML.
    """

    name: str
    description: str
    combinations: tuple[Combination, ...]
    text: str


@dataclass(frozen=True)
class _Choice:
    words: str
    value: Any
    place: Key  # where it stands in the document


def load_sweep(paths: Sequence[str | Path], overrides: Sequence[str] = (), *, most: int = 100) -> Sweep:
    """Read one config or several and make a plan of each combination of their `sweep:`; one without gives one plan.

    A key's choices are a list of values, or a mapping from the name of a choice to its value. Every plan keeps the seed of its
    config, so that a plan gives the same numbers in a sweep as alone.

    Args:
        paths: the files.
        overrides: changes such as "question.margin=2"; "sweep.question.margin=[1, 2]" changes the choices themselves.
        most: the largest number of plans.

    Raises:
        ConfigError: a file is no plan, its sweep makes no sense, or it makes more plans than `most`; every fault at once.
    """
    documents = [_document(Path(path), overrides) for path in paths]
    sized = [(document, list(_keys(document))) for document in documents]
    _raise([fault for document in documents for fault in document.faults])
    count = sum(prod(len(choices) for _, choices in keys) for _, keys in sized)
    if count > most:
        listed = " × ".join(f"{dotted(key)} {len(choices)}" for _, keys in sized for key, choices in keys)
        says = f"makes {count:,} plans ({listed}), more than {most}: shorten its lists, or allow as many by --most {count}"
        raise ConfigError(f"{SWEEP}: {says}")
    combinations, faults = _combined(sized, paths)
    _raise(faults)
    names = list(dict.fromkeys(one.plan.name for one in combinations))
    text = "---\n".join(yaml.safe_dump(document.values, sort_keys=False, allow_unicode=True, width=120) for document in documents)
    described = str(documents[0].values.get("description") or "") if len(documents) == 1 else ""
    return Sweep(" and ".join(names)[:200], described, combinations, text)


def _combined(
    sized: Sequence[tuple[Document, list[tuple[Key, tuple[_Choice, ...]]]]], paths: Sequence[str | Path]
) -> tuple[tuple[Combination, ...], list[str]]:
    """Return the plan of every combination, and the faults of those that make none."""
    combinations: list[Combination] = []
    faults: list[str] = []
    for (document, keys), path in zip(sized, paths, strict=True):
        beside = {"config": Path(path).stem} if len(sized) > 1 else {}
        for chosen in product(*(choices for _, choices in keys)):
            try:
                plan = _plan(document, dict(zip((key for key, _ in keys), chosen, strict=True)))
            except ConfigError as error:
                faults += error.faults
            else:
                words = {dotted(key): choice.words for (key, _), choice in zip(keys, chosen, strict=True)}
                combinations.append(Combination(plan, {**beside, **words}, Path(path)))
    return tuple(combinations), faults


def has_sweep(path: str | Path, overrides: Sequence[str] = ()) -> bool:
    """Whether a config makes several plans; raise `ConfigError` when it cannot be read at all."""
    return SWEEP in read_document(Path(path)).values or any(text.startswith(f"{SWEEP}.") for text in overrides)


def _raise(faults: Sequence[str]) -> None:
    if faults:
        raise ConfigError(list(dict.fromkeys(faults)))


def _document(path: Path, overrides: Sequence[str]) -> Document:
    own = [text for text in overrides if text.startswith(f"{SWEEP}.")]
    document = overridden(read_document(path), [text for text in overrides if text not in own])
    for name in _PLANS:
        if name in document.values:
            document.fault((name,), "is no config of a plan, and cannot be swept")
    swept = document.values.setdefault(SWEEP, {}) if own else document.values.get(SWEEP, {})
    if not isinstance(swept, dict) or (SWEEP in document.values and not swept and not own):
        document.fault((SWEEP,), "must be a mapping from keys to lists of values, such as {question.landmark_days: [7, 14]}")
        document.values[SWEEP] = swept = {}
    for text in own:
        name, equals, value = text.removeprefix(f"{SWEEP}.").partition("=")
        given = parsed(value, f"--set {text}")
        if not equals or given is None or given.faults:
            document.faults.append(f"--set {text}: must be KEY=[VALUE, …], such as --set {SWEEP}.question.landmark_days=[7, 14]")
        else:
            swept[name] = given.values["value"]
            for old in [old for old in document.places if old[:2] == (SWEEP, name)]:
                del document.places[old]
            document.places[SWEEP, name] = f"--set {text}"
    for text in overrides:
        name = text.partition("=")[0].strip()
        if text not in own and name in swept:
            document.faults.append(f"--set {text}: {name} is swept: set {SWEEP}.{name}=[…] to change its choices")
    return document


def _keys(document: Document) -> Iterator[tuple[Key, tuple[_Choice, ...]]]:
    """Yield the keys that are swept, each with its choices; faults are noted in the document."""
    for name, values in document.values.get(SWEEP, {}).items():
        place = (SWEEP, name)
        first = key_of(name)[0]
        if first in _FIXED:
            document.fault(place, f"cannot be swept{nearest(name, ('question', 'methods'))}; a sweep has one name and one record")
            continue
        if isinstance(values, Mapping):
            choices = tuple(_Choice(str(label), value, (*place, label)) for label, value in values.items())
        elif isinstance(values, list):
            choices = tuple(_Choice(in_words(value), value, (*place, number)) for number, value in enumerate(values))
        else:
            choices = ()
        if not choices:
            document.fault(place, f"must be a list of values, or a mapping from names to values, got {values!r}")
            continue
        words = [choice.words for choice in choices]
        for twice in sorted({one for one in words if words.count(one) > 1}):
            document.fault(place, f"{twice} stands twice: keep one")
        yield key_of(name), choices


def in_words(value: Any) -> str:
    """Return a value as people read it: a list by its parts, a method by its label and its settings."""
    match value:
        case None:
            text = "none"
        case bool():
            text = "yes" if value else "no"
        case list():
            text = ", ".join(in_words(part) for part in value) or "none"
        case dict() if "as" in value:
            text = str(value["as"])
        case dict():
            text = ", ".join(f"{name} {in_words(part)}" if part or part == 0 else str(name) for name, part in value.items())
        case _:
            text = str(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _plan(document: Document, chosen: Mapping[Key, _Choice]) -> Plan:
    made = deepcopy(document)
    made.values.pop(SWEEP, None)
    for key, choice in chosen.items():
        value = choice.value if key != ("methods",) or isinstance(choice.value, list) else [choice.value]
        length = len(choice.place)
        below = {place[length:]: text for place, text in document.written.items() if place[:length] == choice.place}
        shift = (0,) if value is not choice.value else ()
        written = {("value", *shift, *place): text for place, text in below.items()}
        put(made, key, Document({"value": deepcopy(value)}, written=written), document.place(choice.place))
    resolve_paths(made)
    read_graph_file(made)
    return plan_from(made)
