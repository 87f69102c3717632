"""A causal graph that stands in a file of its own: its text takes the place of the path."""

from pathlib import Path
from typing import Final

from whywin.config.document import Document
from whywin.config.paths import resolved
from whywin.errors import nearest

ENDINGS: Final = (".gml", ".dot", ".gv", ".dag", ".txt")
KEY: Final = ("question", "graph")


def read_graph_file(document: Document) -> None:
    """Put the text of a graph's file where the config names the file, so that a plan holds all that it rests on."""
    question = document.values.get("question")
    if not isinstance(question, dict):
        return
    given = question.get("graph")
    if not isinstance(given, str) or "\n" in given.strip() or not given.strip().endswith(ENDINGS):
        return
    filled = resolved(document, KEY, given.strip())
    if filled is None:
        return
    path = Path(filled)
    if not path.is_file():
        there = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        document.fault(KEY, f"there is no file {filled}{nearest(path.name, there)}")
        return
    try:
        question["graph"] = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        document.fault(KEY, f"{filled} is not UTF-8: save it as UTF-8")
