"""The config of a quarterly report."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from whywin.config.building import build
from whywin.config.overrides import overridden
from whywin.config.paths import resolved
from whywin.config.reading import read_document
from whywin.errors import ConfigError
from whywin.quarters import Quarterly

NAME: Final = "report"


def load_report(path: str | Path, overrides: Sequence[str] = ()) -> Quarterly:
    """Read a quarterly report's config: `report:` is its name, the rest are its settings.

    Args:
        path: the file; relative paths of plans in it are looked for beside it first, then in the current folder.
        overrides: changes such as "moves.deals=100"; the value is YAML.

    Raises:
        ConfigError: the file is no such config; ``faults`` has one sentence for each fault, with file, line and key.
    """
    document = overridden(read_document(Path(path)), overrides)
    if NAME not in document.values:
        raise ConfigError(
            f"{path}: is no config of a report: it has no `report:` with its name; run a plan by `whywin run {path}`"
        )
    for number, part in enumerate(document.values.get("plans") or ()):
        if isinstance(part, Mapping) and isinstance(part.get("plan"), str):
            key = ("plans", number, "plan")
            found = resolved(document, key, part["plan"])
            if found is not None:
                part["plan"] = found  # type: ignore[index]
                if not Path(found).is_file():
                    document.fault(key, f"there is no file {found}; name the config of a plan")
    values = {("name" if key == NAME else key): value for key, value in document.values.items()}
    made = build(document, Quarterly, values, ())
    if made is None or document.faults:
        raise ConfigError(document.faults)
    return made
