"""From documents to plans, and back."""

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

from whywin import catalogue
from whywin.catalogue import Kind, Question
from whywin.config.building import adapter, build, checked
from whywin.config.document import Document, Key
from whywin.config.paths import escaped
from whywin.deals.contract import Contract
from whywin.errors import ConfigError, nearest
from whywin.plan import Database, File, Plan, Simulated, Source, Spark, Track
from whywin.trials.design import TrialDesign

KEYS: Final = ("name", "description", "question", "source", "deals", "methods", "checks", "seed", "track", "design")


def plan_from(document: Document) -> Plan:
    """Make a plan; raise `ConfigError` with every fault of the document."""
    values = document.values
    for name in values:
        if name not in KEYS:
            document.fault((name,), f"unknown key{nearest(name, KEYS, otherwise=f'; there are {", ".join(KEYS)}')}")
    for name in ("name", "question", "methods"):
        if name not in values:
            document.fault((), f"{name} is missing; a plan has at least name, question, source and methods")
    plain = {
        name: checked(document, adapter(Plan, name), values[name], (name,))
        for name in ("name", "description", "seed")
        if name in values
    }
    question, kind = _question(document)
    made = Parts(document, kind)
    methods, checks = made.methods(), made.checks()
    source = _source(document)
    deals = build(document, Contract, values.get("deals"), ("deals",))
    track = build(document, Track, values.get("track"), ("track",))
    design = _design(document, kind)
    if document.faults or question is None or deals is None or track is None:
        raise ConfigError(document.faults)
    return Plan(
        question=question, methods=methods, source=source, deals=deals, checks=checks, track=track, design=design, **plain
    )


def _design(document: Document, kind: Kind | None) -> TrialDesign | None:
    values = document.values.get("design")
    if values is None:
        return None
    if kind not in {"trial", None}:
        document.fault(("design",), f"belongs to questions of kind trial, not {kind}: leave it out")
        return None
    return build(document, TrialDesign, values, ("design",))


def _question(document: Document) -> tuple[Question | None, Kind | None]:
    values = document.values.get("question")
    if "question" not in document.values:
        return None, None
    kinds = list(catalogue.QUESTIONS)
    if not isinstance(values, Mapping):
        document.fault(("question",), f"must be a mapping with a kind, one of {', '.join(kinds)}")
        return None, None
    kind = values.get("kind")
    if kind not in kinds:
        says = "kind is missing" if kind is None else f"kind {kind!r} is not known{nearest(kind, kinds)}"
        document.fault(("question", "kind") if kind is not None else ("question",), f"{says}; there are {', '.join(kinds)}")
        return None, None
    owner: type[Question] = catalogue.QUESTIONS[kind]
    return build(document, owner, {k: v for k, v in values.items() if k != "kind"}, ("question",)), kind


def _source(document: Document) -> Source | None:
    values = document.values.get("source")
    if values is None:
        return None
    if isinstance(values, Mapping) and "world" in values:
        return build(document, Simulated, values, ("source",))
    if isinstance(values, Mapping) and "connection" in values:
        return build(document, Database, values, ("source",))
    if isinstance(values, Mapping) and "engine" in values:
        return build(document, Spark, values, ("source",))
    if isinstance(values, Mapping) and "path" not in values:
        document.fault(
            ("source",), "must have a path (a file), a connection (a database), an engine (spark) or a world (a made-up market)"
        )
        return None
    return build(document, File, values, ("source",))


class Parts:
    """The methods and checks that a document lists."""

    def __init__(self, document: Document, kind: Kind | None) -> None:
        """Take the document and the kind of its question, None when that is not known."""
        self._document, self._kind = document, kind

    def methods(self) -> dict[str, Any]:
        """Return methods by label."""
        return self._listed("methods", "method", {kind: catalogue.methods(kind) for kind in catalogue.QUESTIONS})

    def checks(self) -> dict[str, Any]:
        """Return the checks whose settings are given, by name."""
        return self._listed("checks", "check", {kind: catalogue.checks(kind) for kind in catalogue.QUESTIONS})

    def _listed(self, key: str, role: str, there: Mapping[Kind, Mapping[str, type]]) -> dict[str, Any]:
        items = self._document.values.get(key)
        if items is None and (key == "checks" or key not in self._document.values):
            return {}
        if not isinstance(items, list) or (key == "methods" and not items):
            self._document.fault((key,), f"must be a list of at least one {role}, such as [{next(iter(there['winrates']))}]")
            return {}
        found: dict[str, Any] = {}
        for place, item in enumerate(items):
            named = self._named(item, (key, place), role)
            if named is None:
                continue
            name, settings, label = named
            owner = self._owner(name, (key, place), role, there)
            if label in found:
                hint = f"; give one another label, such as `as: {label}_2` beside it" if role == "method" else ""
                self._document.fault((key, place), f"the {role} {label!r} stands twice{hint}")
            found[label] = build(self._document, owner, settings, (key, place, name)) if owner else None
        return found

    def _named(self, item: Any, key: Key, role: str) -> tuple[str, Any, str] | None:
        if isinstance(item, str):
            return item, {}, item
        if isinstance(item, Mapping):
            names = [name for name in item if name != "as" or role == "check"]
            if len(names) == 1:
                label = item.get("as", names[0])
                if isinstance(label, str) and label:
                    return names[0], item[names[0]], label
                self._document.fault((*key, "as"), f"must be a label, got {label!r}")
                return None
        self._document.fault(
            key, f"must be the name of a {role}, or its name with settings, such as {{name: {{setting: value}}}}"
        )
        return None

    def _owner(self, name: str, key: Key, role: str, there: Mapping[Kind, Mapping[str, type]]) -> type | None:
        kinds = [self._kind] if self._kind else list(there)
        for kind in kinds:
            if name in there[kind]:
                return there[kind][name]
        valid = sorted({member for kind in kinds for member in there[kind]})
        other = [kind for kind in there if name in there[kind]]
        hint = f"; it belongs to questions of kind {other[0]}" if other else nearest(name, valid)
        self._document.fault((*key, name), f"unknown {role}{hint}; there are {', '.join(valid)}")
        return None


def document_of(plan: Plan) -> dict[str, Any]:
    """Return a plan as plain values with every default written out: enough to repeat it."""
    kind = catalogue.kind_of(plan.question)
    document: dict[str, Any] = {"name": plan.name, "description": plan.description}
    document["question"] = {"kind": kind, **plain(plan.question)}
    if plan.source is not None:
        document["source"] = plain(plan.source)
    document["deals"] = plain(plan.deals)
    document["methods"] = [_entry(label, method, catalogue.methods(kind)) for label, method in plan.methods.items()]
    document["checks"] = [_entry(label, check, catalogue.checks(kind)) for label, check in plan.checks.items()]
    document |= {"seed": plan.seed, "track": plain(plan.track)}
    return document if plan.design is None else {**document, "design": plain(plan.design)}


def _entry(label: str, member: Any, there: Mapping[str, type]) -> dict[str, Any]:
    name = next((name for name, owner in there.items() if owner is type(member)), label)
    return {name: plain(member)} | ({} if name == label else {"as": label})


def plain(value: Any) -> Any:
    """Return a setting as what YAML can say."""
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, Mapping):
        return {str(name): plain(item) for name, item in value.items()}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, Path):
        return escaped(value)
    if isinstance(value, date):
        return str(value)
    return value
