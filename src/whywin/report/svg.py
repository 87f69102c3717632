"""From a matplotlib figure to small SVG that follows the reader's colour scheme and says what it shows."""

import io
import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from xml.etree import ElementTree as ET

from whywin.report.numerals import clean
from whywin.report.palette import as_variable, style_sheet

NAMESPACE: Final = "http://www.w3.org/2000/svg"
CLASS: Final = "figure"
FONTS: Final = "system-ui,-apple-system,'Segoe UI','Helvetica Neue',Arial,'Liberation Sans',sans-serif"
_SETTINGS: Final[dict[Any, Any]] = {"svg.hashsalt": "whywin", "svg.fonttype": "none", "text.usetex": False}
_NUMBER: Final = re.compile(r"-?\d+\.\d{3,}")
_REFERENCE: Final = re.compile(r"#([\w-]+)")
_FONT: Final = re.compile(r"^(?P<before>.*?)(?P<size>[\d.]+)px\b")
_MEASURED: Final = frozenset({"d", "x", "y", "width", "height", "transform", "points"})
_METADATA: Final = {"Date": None, "Creator": None, "Format": None, "Type": None}


@contextmanager
def own_style() -> Iterator[None]:
    """Draw by matplotlib's defaults and ours, whatever the user's settings are, and put those back.

    The warning about letters that matplotlib's own font lacks is silenced: the reader's browser sets the text.
    """
    import matplotlib as mpl

    with mpl.rc_context(), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        mpl.rcdefaults()
        mpl.rcParams.update(_SETTINGS)
        yield


def svg_of(figure: Any, *, name: str, title: str, description: str) -> str:
    """Return a figure as SVG text: the same figure gives the same bytes.

    Args:
        figure: the matplotlib figure; one unit of the picture is a pixel.
        name: what every id in it begins with; unique on a page.
        title: the finding in a few words, read aloud first.
        description: how to read the picture.
    """
    file = io.StringIO()
    with own_style():
        figure.savefig(file, format="svg", metadata=_METADATA)
    root = ET.fromstring(file.getvalue())  # noqa: S314 - text that matplotlib wrote a line above
    _without_namespaces(root)
    _without_spare_ids(root, name)
    _themed(root)
    _told(root, name, title, description)
    return ET.tostring(root, encoding="unicode")


def _without_namespaces(root: ET.Element) -> None:
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
        for key in [key for key in element.attrib if key.startswith("{")]:
            element.set(key.rpartition("}")[2], element.attrib.pop(key))


def _without_spare_ids(root: ET.Element, name: str) -> None:
    used = {
        reference
        for element in root.iter()
        for key, value in element.attrib.items()
        if key in {"href", "clip-path", "style"}
        for reference in _REFERENCE.findall(value)
    }
    for element in root.iter():
        if element.get("id") in used:
            element.set("id", f"{name}-{element.get('id')}")
        else:
            element.attrib.pop("id", None)
        for key in ("href", "clip-path"):
            if key in element.attrib:
                element.set(key, _REFERENCE.sub(rf"#{name}-\1", element.attrib[key]))


def _themed(root: ET.Element) -> None:
    for element in root.iter():
        for key in _MEASURED & element.attrib.keys():
            element.set(key, _NUMBER.sub(lambda found: f"{float(found[0]):.2f}".rstrip("0").rstrip("."), element.attrib[key]))
        if element.get("transform", "").startswith(("rotate(-0 ", "rotate(0 ")):
            del element.attrib["transform"]
        if element.tag == "style":
            element.text = "*{stroke-linejoin:round;stroke-linecap:butt}"
        if "style" in element.attrib:
            pairs = [pair.partition(":") for pair in element.attrib["style"].split(";") if pair.strip()]
            element.set("style", ";".join(filter(None, (_declared(key.strip(), value.strip()) for key, _, value in pairs))))


def _declared(key: str, value: str) -> str:
    """Return one declaration without its family of letters, which the whole picture has; in one piece or in several."""
    if key == "font-family":
        return ""
    found = _FONT.match(value) if key == "font" else None
    if found:
        bold = ";font-weight:600" if any(word in found["before"].split() for word in ("bold", "600", "700")) else ""
        return f"font-size:{found['size']}px{bold}"
    return f"{key}:{as_variable(value)}"


def _told(root: ET.Element, name: str, title: str, description: str) -> None:
    _, _, width, height = root.attrib["viewBox"].split()
    root.attrib.clear()
    root.attrib.update({
        "xmlns": NAMESPACE,
        "class": CLASS,
        "viewBox": f"0 0 {width} {height}",
        "width": width,
        "height": height,
        "role": "img",
        "aria-labelledby": f"{name}-title {name}-says",
        "font-family": FONTS,
    })  # fmt: skip
    heading, says, style = ET.Element("title", id=f"{name}-title"), ET.Element("desc", id=f"{name}-says"), ET.Element("style")
    heading.text, says.text, style.text = clean(title), clean(description), style_sheet(f".{CLASS}")
    for place, element in enumerate((heading, says, style)):
        root.insert(place, element)
