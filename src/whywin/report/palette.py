"""The colours of pages and figures in light and in dark: told apart by people who are colour-blind, and readable as text."""

from collections.abc import Mapping
from typing import Final

LIGHT: Final[Mapping[str, str]] = {
    "paper": "#fdfcfa",
    "panel": "#f3f1ec",
    "ink": "#1b1e23",
    "muted": "#565d66",
    "rule": "#d8d4cb",
    "accent": "#0a5a9c",
    "warm": "#a3470b",
    "bad": "#a3182c",
    "good": "#0d6650",
}
DARK: Final[Mapping[str, str]] = {
    "paper": "#15181c",
    "panel": "#1e2227",
    "ink": "#e9e6e0",
    "muted": "#a6adb7",
    "rule": "#3a4048",
    "accent": "#7ab8f2",
    "warm": "#f0a561",
    "bad": "#ff938c",
    "good": "#66caa6",
}
_NAMES: Final = {colour: name for name, colour in LIGHT.items()}


def declarations(scheme: Mapping[str, str]) -> str:
    """Return a scheme as CSS custom properties."""
    return ";".join(f"--{name}:{colour}" for name, colour in scheme.items())


def style_sheet(selector: str) -> str:
    """Return the CSS that gives a selector both schemes; paper is always light."""
    dark = f"@media screen and (prefers-color-scheme:dark){{{selector}{{{declarations(DARK)}}}}}"
    return f"{selector}{{{declarations(LIGHT)}}}{dark}"


def as_variable(colour: str) -> str:
    """Return a colour of the light scheme as the property of its name, so that a scheme can change it; any other as it is."""
    name = _NAMES.get(colour.lower())
    return f"var(--{name},{colour})" if name else colour
