"""The page of a run: how it is built, and that nothing in it is more than text."""

import re
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest

KINDS = ("observed", "pooled", "effect", "trial", "unsound", "hostile")


@pytest.fixture(scope="module", params=KINDS)
def tree(request: pytest.FixtureRequest, runs: SimpleNamespace, page_of: Callable) -> Any:
    """The page of each kind of run."""
    return runs.tree(page_of(getattr(runs, request.param)()))


def test_every_element_is_closed_and_the_answer_is_the_only_first_heading(tree: Any) -> None:
    """One h1; after it no heading is more than one step below the one before it."""
    levels = [int(element["tag"][1]) for element in tree.of("h1", "h2", "h3", "h4")]

    assert tree.open == []
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_every_figure_is_told_to_those_who_do_not_see_it(tree: Any) -> None:
    """Each SVG of a figure is an image whose title and description are there, and each figure says how it is read."""
    names = {element["id"]: element["text"] for element in tree.all if "id" in element}
    drawn = tree.of("svg")

    assert len(drawn) == 2 * len(tree.of("figure")) > 0
    for svg in drawn:
        assert svg["role"] == "img"
        assert all(names[name].strip() for name in svg["aria-labelledby"].split())
    assert all(len(caption["text"]) > 20 for caption in tree.of("figcaption"))


def test_tables_have_captions_and_scopes(tree: Any) -> None:
    """Each table has a caption, each heading cell a scope, and each wide table scrolls in a box that the keyboard reaches."""
    assert len(tree.of("caption")) == len(tree.of("table")) > 0
    assert all(cell["scope"] in {"col", "row"} for cell in tree.of("th"))
    boxes = [element for element in tree.of("div") if element.get("class") == "scroll"]
    assert len(boxes) == len(tree.of("table"))
    assert all(box["tabindex"] == "0" and box["aria-label"] for box in boxes)


def test_the_page_needs_nothing_else(tree: Any) -> None:
    """No script, no image, no style sheet or address from elsewhere; the only link of the foot leads to this machine."""
    assert tree.of("script", "img", "iframe", "object", "embed", "image", "use-href") == []
    links = [element.get("href", "") for element in tree.all if "href" in element]
    assert all(link.startswith(("#", "data:", "http://127.0.0.1:5000/")) for link in links)
    assert sum(link.startswith("http:") for link in links) == 1
    assert all("src" not in element for element in tree.all)
    assert not any(name.startswith("on") for element in tree.all for name in element)
    assert not any("@import" in element["text"] or "url(http" in element["text"] for element in tree.of("style"))


def test_ids_are_there_once(tree: Any) -> None:
    """No id stands twice, and what an SVG refers to is in the page."""
    ids = [element["id"] for element in tree.all if "id" in element]
    asked = [element["href"][1:] for element in tree.of("use", "a") if element["href"].startswith("#")]
    clipped = [element["clip-path"][5:-1] for element in tree.all if "clip-path" in element]

    assert len(ids) == len(set(ids))
    assert {*asked, *clipped} <= set(ids)


def test_whatever_came_from_data_is_text(runs: SimpleNamespace, page_of: Callable) -> None:
    """Names, answer, checks, plan and foot that hold markup are shown as they stand, in tables and in figures."""
    attack = "<script>window.broken=1</script>"
    page = page_of(
        runs.hostile(), plan_text=f"name: {attack}", repeat=f"whywin run '{attack}'", recorded={attack: f"javascript:{attack}"}
    )
    tree = runs.tree(page)
    shown = runs.words(tree.of("body")[0]["text"])

    assert "<script" not in page
    assert "<img" not in page
    assert tree.of("h1")[0]["text"] == f"{attack} & $x$ is the answer"
    assert f"name: {attack}" in shown
    assert f"whywin run '{attack}'" in shown
    assert f"javascript:{attack}" in shown
    cells = {runs.words(cell["text"]) for cell in tree.of("th", "td")}
    for label in runs.labels:
        assert runs.words(runs.clean(label)) in cells
    drawn = {runs.words(text["text"]) for text in tree.of("text")}
    assert {"$x$ and $\\frac{1}{2$", "two lines", "{{ 7 * 7 }}", "東京 営業", "right to left"} <= drawn
    assert "49" not in cells
    page.encode("utf-8")
    assert not re.search(r"[\x00-\x08\x0b-\x1f\u202e]", page)


def test_a_half_character_does_not_stop_the_page(runs: SimpleNamespace, page_of: Callable) -> None:
    """A lone surrogate, which no file can hold, is left out."""
    run = replace(runs.trial(), answer="half \ud800 a character")

    assert b"half  a character" in page_of(run).encode("utf-8")


def test_only_addresses_of_this_machine_become_links(runs: SimpleNamespace, page_of: Callable) -> None:
    """Addresses elsewhere, of other schemes, or that only look like ours are shown as text."""
    others = {
        "a": "https://example.org/", "b": "http://127.0.0.1.example.org/", "c": "http://user@example.org/@127.0.0.1", "d": "http://[broken",
        "e": "file:///etc/passwd", "f": "http://localhost:5000/#/runs/1", "g": 'http://127.0.0.1/"onmouseover="x',
    }  # fmt: skip
    tree = runs.tree(page_of(runs.trial(), recorded=others))

    links = [element["href"] for element in tree.of("a") if not element["href"].startswith("#")]
    assert links == [others["f"], others["g"]]
    assert all(runs.words(value) in runs.words(tree.of("footer")[0]["text"]) for value in others.values())
