"""Pages as a real browser shows them: nothing fails, nothing runs, nothing spills over, in light and in dark."""

import base64
import json
import os
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import websocket

pytestmark = pytest.mark.browser

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--remote-debugging-port=0", "--disable-dev-shm-usage",
)  # fmt: skip
WIDTHS = (400, 1400)
SCHEMES = ("light", "dark")
KINDS = ("observed", "pooled", "effect", "trial", "unsound", "hostile")
MEASURE = """(() => {
  const shown = [...document.querySelectorAll('figure svg')].filter(s => s.getClientRects().length);
  const small = shown.map(s => Math.min(...[...s.querySelectorAll('text')].map(t => t.getBoundingClientRect().height)));
  const spills = shown.flatMap(s => { const box = s.getBoundingClientRect(); return [...s.querySelectorAll('text')]
    .filter(t => { const r = t.getBoundingClientRect(); return r.left < box.left - 1 || r.right > box.right + 1; })
    .map(t => t.textContent); });
  return {
    scroll: document.documentElement.scrollWidth, client: document.documentElement.clientWidth,
    figures: document.querySelectorAll('figure').length,
    sizes: shown.map(s => [s.getBoundingClientRect().width, s.getBoundingClientRect().height]),
    lowest: Math.min(...small), spills, background: getComputedStyle(document.body).backgroundColor,
    ink: [...new Set(shown.flatMap(s => [...s.querySelectorAll('text')].map(t => getComputedStyle(t).fill)))],
    broken: 'broken' in window, title: document.title, scripts: document.scripts.length,
    images: [...document.images].length, handlers: [...document.querySelectorAll('[onload],[onerror],[onclick]')].length,
    named: shown.every(s => s.getAttribute('aria-labelledby').split(' ').every(id => document.getElementById(id)?.textContent)),
    duplicates: (ids => ids.length - new Set(ids).size)([...document.querySelectorAll('[id]')].map(e => e.id)),
  };
})()"""


class Tab:
    """One tab of a browser, spoken to in the DevTools protocol; `events` holds what it reported."""

    def __init__(self, address: str) -> None:
        """Connect to a tab and listen to what it reports."""
        self.socket = websocket.create_connection(address, timeout=30, suppress_origin=True)
        self.events: list[dict[str, Any]] = []
        self.number = 0
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def ask(self, method: str, **params: Any) -> Any:
        """Send a command and return its result."""
        self.number += 1
        self.socket.send(json.dumps({"id": self.number, "method": method, "params": params}))
        while (message := self._next()).get("id") != self.number:
            self.events.append(message)
        assert "error" not in message, message
        return message["result"]

    def _next(self) -> dict[str, Any]:
        return json.loads(self.socket.recv())

    def open(self, path: Path, *, width: int, scheme: str) -> dict[str, Any]:
        """Show a file at a width in a colour scheme and return what was measured."""
        self.events.clear()
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
        self.ask("Page.navigate", url=path.as_uri())
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self._next())
        return self.run(MEASURE)

    def run(self, expression: str) -> Any:
        """Return the value of a JavaScript expression."""
        return self.ask("Runtime.evaluate", expression=expression, returnByValue=True)["result"]["value"]

    def complaints(self) -> list[dict[str, Any]]:
        """Errors, exceptions, console messages, dialogs and failed or foreign requests since the last page was opened."""
        bad = {
            "Runtime.exceptionThrown", "Runtime.consoleAPICalled", "Log.entryAdded", "Network.loadingFailed",
            "Page.javascriptDialogOpening",
        }  # fmt: skip
        asked = [event for event in self.events if event.get("method") == "Network.requestWillBeSent"]
        foreign = [event for event in asked if not event["params"]["request"]["url"].startswith(("file:", "data:"))]
        return [event for event in self.events if event.get("method") in bad] + foreign

    def picture(self, path: Path) -> None:
        """Write a screenshot of the whole page."""
        shot = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True)
        path.write_bytes(base64.b64decode(shot["data"]))

    def paper(self) -> bytes:
        """Return the page as it prints on A4."""
        printed = self.ask("Page.printToPDF", preferCSSPageSize=True, printBackground=False)
        return base64.b64decode(printed["data"])


@contextmanager
def chromium(profile: Path) -> Iterator[Tab]:
    """A browser of its own, gone afterwards."""
    with subprocess.Popen(
        [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", "about:blank"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as browser:
        try:
            yield Tab(_address(profile / "DevToolsActivePort"))
        finally:
            browser.terminate()
            try:
                browser.wait(timeout=10)
            except subprocess.TimeoutExpired:
                browser.kill()


def _address(file: Path) -> str:
    for _ in range(300):
        if file.exists() and "\n" in (text := file.read_text(encoding="utf-8")):
            port = text.splitlines()[0]
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=10) as answer:
                tabs = [tab for tab in json.load(answer) if tab["type"] == "page"]
            if tabs:
                return tabs[0]["webSocketDebuggerUrl"]
        time.sleep(0.1)
    pytest.fail("Chromium did not open its port within 30 seconds")


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    """A tab of a headless Chromium."""
    if CHROMIUM is None:
        pytest.skip("no Chromium on the PATH: install Debian's package chromium to look at pages in a browser")
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened
        opened.socket.close()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where pages and screenshots are kept: the folder that WHYWIN_SCREENSHOTS names, else pytest's own."""
    named = os.environ.get("WHYWIN_SCREENSHOTS")
    place = Path(named) if named else tmp_path_factory.mktemp("screenshots")
    place.mkdir(parents=True, exist_ok=True)
    return place.resolve()


@pytest.fixture(scope="module")
def file_of(runs: SimpleNamespace, page_of: Callable, folder: Path) -> Callable[[str], Path]:
    """The page of a kind of run as a file, made once."""

    def made(kind: str) -> Path:
        path = folder / f"{kind}.html"
        page = page_of(getattr(runs, kind)(), plan_text="name: <script>window.broken = 2</script>\n")
        path.write_text(page, encoding="utf-8")
        return path

    return made


@pytest.mark.parametrize("kind", KINDS)
def test_a_page_is_shown_without_a_fault(kind: str, tab: Tab, file_of: Callable, folder: Path) -> None:
    """At both widths and in both schemes: no error, no request, no sideways scrolling, every figure there and readable."""
    path = file_of(kind)
    backgrounds = set()
    for scheme in SCHEMES:
        for width in WIDTHS:
            found = tab.open(path, width=width, scheme=scheme)
            tab.picture(folder / f"{kind}-{width}-{scheme}.png")

            assert tab.complaints() == []
            assert found["scroll"] <= found["client"] == width
            assert len(found["sizes"]) == found["figures"] >= 1
            assert all(wide > 250 and high > 50 for wide, high in found["sizes"])
            assert found["lowest"] >= 10  # letters stay as tall on a telephone
            assert found["named"]
            assert found["duplicates"] == 0
            backgrounds.add((scheme, found["background"]))
    assert len(backgrounds) == len(SCHEMES)


def test_text_of_a_figure_stays_on_its_sheet(tab: Tab, file_of: Callable) -> None:
    """No label reaches beyond its figure, however long the segment's name."""
    for kind in ("pooled", "effect", "trial", "hostile"):
        for width in WIDTHS:
            found = tab.open(file_of(kind), width=width, scheme="light")

            assert found["spills"] == [], (kind, width)


def test_figures_follow_the_colour_scheme(tab: Tab, file_of: Callable) -> None:
    """Letters in figures have other colours in dark than in light."""
    path = file_of("pooled")

    light, dark = (set(tab.open(path, width=1400, scheme=scheme)["ink"]) for scheme in SCHEMES)

    assert light
    assert not light & dark


def test_a_hostile_run_executes_nothing(tab: Tab, file_of: Callable) -> None:
    """Scripts and images in names, in the answer, in a check and in the plan are text."""
    found = tab.open(file_of("hostile"), width=1400, scheme="light")

    assert not found["broken"]
    assert (found["scripts"], found["images"], found["handlers"]) == (0, 0, 0)
    assert "<script>" in found["title"]
    assert tab.complaints() == []
    assert "<script>window.broken = 2</script>" in tab.run("document.body.textContent")


def test_a_page_prints_on_white_paper(tab: Tab, file_of: Callable, folder: Path) -> None:
    """Printing from a dark screen gives several A4 pages in the light scheme."""
    tab.open(file_of("effect"), width=1400, scheme="dark")
    printed = tab.paper()
    (folder / "effect.pdf").write_bytes(printed)
    tab.ask("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    background = tab.run("getComputedStyle(document.documentElement).getPropertyValue('--paper').trim()")
    tab.ask("Emulation.setEmulatedMedia", media="")

    assert printed.startswith(b"%PDF-")
    assert 1 < printed.count(b"/Type /Page\n") + printed.count(b"/Type /Page ") < 12
    assert background == "#fff"
