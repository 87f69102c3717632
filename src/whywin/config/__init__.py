"""YAML to plans and back: the only user of pydantic and yaml, and the only place where a mistake in a config is found.

Every fault of a file is told at once, each with its file, line and key path.
"""

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any

import yaml

from whywin.config.building import build
from whywin.config.document import Document
from whywin.config.graph_files import read_graph_file
from whywin.config.overrides import overridden
from whywin.config.paths import resolve_paths
from whywin.config.plans import document_of, plain, plan_from
from whywin.config.reading import read_document
from whywin.config.reports import load_report
from whywin.config.schema import json_schema
from whywin.config.sweeps import Combination, Sweep, has_sweep, load_sweep
from whywin.errors import ConfigError
from whywin.plan import Plan

__all__ = [
    "Combination",
    "Sweep",
    "document_of",
    "flat",
    "has_sweep",
    "json_schema",
    "load_plan",
    "load_report",
    "load_settings",
    "load_sweep",
    "plan_of",
    "settings_of",
    "settings_to_yaml",
    "to_yaml",
]


def load_plan(path: str | Path, overrides: Sequence[str] = ()) -> Plan:
    """Read a plan from a YAML file.

    Args:
        path: the file; a relative `source.path` in it is looked for beside it first, then in the current folder.
        overrides: changes such as "question.margin=2" or "methods.0.hierarchical.draws=500"; the value is YAML.

    Raises:
        ConfigError: the file is no plan; ``faults`` has one sentence for each fault, with file, line and key.
    """
    path = Path(path)
    document = overridden(read_document(path), overrides)
    if "experiment" in document.values:
        script = f"experiments/{document.values['experiment']}.py"
        raise ConfigError(f"{document.place(('experiment',))}: is the config of an experiment: run python {script}")
    if "report" in document.values:
        raise ConfigError(f"{document.place(('report',))}: is the config of a quarterly report: run whywin report {path}")
    if "sweep" in document.values:
        raise ConfigError(f"{document.place(('sweep',))}: makes several plans of one config: run them by whywin run {path}")
    resolve_paths(document)
    read_graph_file(document)
    return plan_from(document)


def plan_of(values: Mapping[str, Any]) -> Plan:
    """Make a plan from plain values, as a YAML file would hold them; faults are told with their key paths."""
    document = Document(values=deepcopy(dict(values)))
    resolve_paths(document)
    read_graph_file(document)
    return plan_from(document)


def load_settings[T](path: str | Path, owner: type[T], overrides: Sequence[str] = ()) -> T:
    """Read the settings of an experiment: a file with `experiment:`, the owner's name in snake case, and `settings:`.

    Raises:
        ConfigError: as `load_plan`.
    """
    document = overridden(read_document(Path(path)), overrides)
    name = _experiment(owner)
    for key in document.values:
        if key not in {"experiment", "settings"}:
            document.fault((key,), "unknown key; there are experiment, settings")
    if document.values.get("experiment") != name:
        document.fault(("experiment",), f"must be {name}, got {document.values.get('experiment')!r}")
    settings = build(document, owner, document.values.get("settings"), ("settings",))
    if settings is None or document.faults:
        raise ConfigError(document.faults)
    return settings


def settings_of[T](owner: type[T], values: Mapping[str, Any], overrides: Sequence[str] = ()) -> T:
    """Make settings from plain values, changed by overrides; raise `ConfigError` with every fault."""
    document = overridden(Document(values=deepcopy(dict(values))), overrides)
    settings = build(document, owner, document.values, ())
    if settings is None or document.faults:
        raise ConfigError(document.faults)
    return settings


def to_yaml(plan: Plan) -> str:
    """Return a plan as the YAML file that repeats it, every default written out."""
    return _yaml(document_of(plan))


def settings_to_yaml(settings: Any) -> str:
    """Return the settings of an experiment as the YAML file that repeats it."""
    return _yaml({"experiment": _experiment(type(settings)), "settings": plain(settings)})


def _experiment(owner: type) -> str:
    return re.sub(r"(?<!^)(?=[A-Z])", "_", owner.__name__).lower()


class _Dumper(yaml.SafeDumper):
    """Writes rare line breaks as escapes, since PyYAML would read them back as spaces."""


_Dumper.add_representer(
    str,
    lambda dumper, text: dumper.represent_scalar("tag:yaml.org,2002:str", text, style='"' if "\x85" in text else None),
)


def _yaml(values: Any) -> str:
    allow = "\x85" not in str(values)  # with escapes for all of it, where one is needed
    return yaml.dump(values, Dumper=_Dumper, sort_keys=False, allow_unicode=allow, width=120)


def flat(plan: Plan) -> dict[str, str | int | float | bool | None]:
    """Return a plan as one value a key path, methods and checks by their labels: "methods.matching.neighbours": 1."""
    document = document_of(plan)
    for role in ("methods", "checks"):
        document[role] = {entry.get("as", next(iter(entry))): entry[next(iter(entry))] for entry in document[role]}
    return dict(_leaves(document, ""))


def _leaves(value: Any, path: str) -> list[tuple[str, Any]]:
    if isinstance(value, dict) and value:
        return [leaf for name, item in value.items() for leaf in _leaves(item, f"{path}.{name}" if path else name)]
    if isinstance(value, list) and any(isinstance(item, dict) for item in value):
        return [leaf for place, item in enumerate(value) for leaf in _leaves(item, f"{path}.{place}")]
    if isinstance(value, dict | list):
        return [(path, ", ".join(map(str, value)))]
    return [(path, value)]
