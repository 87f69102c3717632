"""Names that MLflow and the file system accept, made from any text so that two texts never fall together."""

import posixpath
import re
from hashlib import sha256
from typing import Final

KEY_LENGTH: Final = 250
FILE_LENGTH: Final = 80
_DIGITS: Final = 6
_REFUSED_IN_KEYS: Final = re.compile(r"[^\w.\- /]")
_REFUSED_IN_PARTS: Final = re.compile(r"[^\w.\- ]")
_REFUSED_IN_FILES: Final = re.compile(r"[^\w.\-]")


def key(text: str) -> str:
    """Return a text as MLflow accepts it for the name of a metric, parameter or tag."""
    cleaned = _REFUSED_IN_KEYS.sub("_", text)
    if posixpath.normpath(cleaned) != cleaned or cleaned.startswith(("/", "..")) or cleaned == ".":
        cleaned = "_" + cleaned.replace("/", "_")
    return _told_apart(text, cleaned, KEY_LENGTH)


def part(text: str, length: int = KEY_LENGTH) -> str:
    """Return a text as one part of a name, without the slash that MLflow reads as a heading."""
    return _told_apart(text, _named(_REFUSED_IN_PARTS.sub("_", text)), length)


def metric_name(heading: str, quantity: str, segment: str) -> str:
    """Return the metric of a quantity in a segment, such as ``low/win rate.industry.FinTech`` for ``industry=FinTech``."""
    column, equals, level = segment.partition("=")
    clear = not {".", "="} & set(quantity + column)  # else a point in a name would not say where the column begins
    written = f"{quantity}.{column}" + (f".{level}" if equals else "") if clear else f"{quantity}\0{segment}"
    return f"{heading}/{part(written, KEY_LENGTH - len(heading) - 1)}"


def file_name(text: str) -> str:
    """Return a text as the name of a file or folder."""
    return _told_apart(text, _named(_REFUSED_IN_FILES.sub("_", text)), FILE_LENGTH)


def _named(cleaned: str) -> str:
    """Keep points alone from meaning a folder."""
    return cleaned if cleaned.strip(".") else f"_{cleaned}"


def _told_apart(text: str, cleaned: str, length: int) -> str:
    if cleaned == text and len(text) <= length:
        return text
    digits = sha256(text.encode(errors="surrogatepass")).hexdigest()[:_DIGITS]
    return f"{cleaned[: length - _DIGITS - 1]}-{digits}"
