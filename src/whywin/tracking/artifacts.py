"""Files of a run, written so that each is there wholly or not at all."""

import json
import os
import uuid
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import unquote, urlsplit

import pandas as pd

from whywin.errors import TrackingError

PAGE: Final = "page.html"
UNFINISHED: Final = ".artifact.uploading."  # MLflow hides files that begin so


def folder_of(address: str) -> Path:
    """Return the folder of an artifact address; `TrackingError` when it is not on this machine."""
    parts = urlsplit(address)
    if parts.scheme == "file":
        return Path(unquote(parts.path))
    if "://" in address:
        msg = f"{address}: the experiment keeps its files elsewhere than in a folder; choose another track.experiment"
        raise TrackingError(msg)
    return Path(address)


def write(folder: Path, name: str, content: str | bytes) -> None:
    """Write one artifact under its name at once; nothing is left of it when that fails."""
    data = content.encode("utf-8", errors="replace") if isinstance(content, str) else content

    def fill(path: Path) -> None:
        with path.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())

    write_by(folder, name, fill)


def write_by(folder: Path, name: str, fill: Callable[[Path], object]) -> None:
    """Let `fill` write a file under another name, and give it its own when it is whole."""
    relative = PurePosixPath(name)
    if relative.is_absolute() or ".." in relative.parts or not relative.name:
        msg = f"{name!r}: an artifact lies below its run's folder; give a relative name without '..'"
        raise TrackingError(msg)
    path = folder / relative
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.parent / f"{UNFINISHED}{uuid.uuid4().hex}"
    try:
        fill(unfinished)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def table_text(frame: pd.DataFrame) -> str:
    """Return a table in the form that MLflow shows as one."""
    named = frame if isinstance(frame.index, pd.RangeIndex) else frame.reset_index()
    columns = [_heading(name) for name in named.columns]
    data = [[_cell(value) for value in row] for row in named.itertuples(index=False, name=None)]
    return json.dumps({"columns": columns, "data": data}, ensure_ascii=False, allow_nan=False)


def read_table(path: Path) -> pd.DataFrame:
    """Return a table as `table_text` wrote it."""
    content = json.loads(path.read_text(encoding="utf-8"))
    return pd.DataFrame(content["data"], columns=content["columns"])


def _heading(name: Any) -> str:
    return " ".join(map(str, name)).strip() if isinstance(name, tuple) else str(name)


def _cell(value: Any) -> Any:
    if hasattr(value, "__len__"):  # a text, or something of several parts
        return str(value)
    if value is None or pd.isna(value):
        return None
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, float):
        return value if abs(value) != float("inf") else None
    return value if isinstance(value, bool | int) else str(value)
