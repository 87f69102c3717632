"""Runs made by hand, and stores to record them in."""

import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
import pytest

from whywin.deals.table import Deals, Quality
from whywin.evidence import Check, Estimate, Evidence
from whywin.plan import Plan
from whywin.studies import Run
from whywin.tracking import Store, open_store
from whywin.winrates.methods.observed import Observed
from whywin.winrates.question import WinRates

OPENING = """
import os, signal, sys, time
from pathlib import Path
from whywin import tracking
store = tracking.open_store(Path(sys.argv[1]))
arguments = dict(name=sys.argv[2], experiment="whywin", tags={"kind": "winrates"}, params={"seed": 1}, plan_text="name: x")
"""


@dataclass(frozen=True)
class Made:
    """How a run by hand is made."""

    segments: Sequence[str] = ("industry=FinTech", "industry=Health")
    shift: float = 0.0
    methods: Sequence[str] = ("observed",)
    fingerprint: str = "ab" * 32
    versions: tuple[tuple[str, str], ...] = (("whywin", "0.1.0"), ("numpy", "2.5.0"))
    failed: bool = False

    def run(self) -> Run:
        """Return the run."""
        dimensions = pd.DataFrame(
            {"dimension": ["completeness", "timeliness"], "score": [99.0, None], "says": ["full", "no dates"]}
        )
        quality = Quality(99.0, dimensions, (Check("duplicates", passed=True, severity="note", says="none", value=0.0),))
        quarantine = pd.DataFrame({"row": [3], "reasons": ["won: must be 0 or 1, got 2"], "won": [2]})
        deals = Deals(pd.DataFrame({"won": [1.0, 0.0] * 10}), quality, quarantine, self.fingerprint)
        plan = Plan(
            "hand", WinRates(("industry",)), {label: Observed() for label in self.methods}, seed=7, description="By hand."
        )
        checks = (Check("enough", passed=not self.failed, severity="serious", says="20 <b>deals</b>", value=20.0),)
        evidence = {label: self._evidence(10.0 * place).signed(label) for place, label in enumerate(self.methods)}
        grades = dict.fromkeys(self.methods, "E")
        return Run(plan, evidence, checks, grades, "The win rate is *50* % in <script>.", deals, dict(self.versions))

    def _evidence(self, further: float) -> Evidence:
        middle = 50 + self.shift + further
        estimates = tuple(
            Estimate("win rate", segment, middle + place, middle + place - 4, middle + place + 4, 0.95, 100, "percent")
            for place, segment in enumerate(("all", *self.segments))
        )
        checks = (
            Check("overlap", passed=True, severity="serious", says="fine", value=1.0),
            Check("overlap", passed=False, severity="note", says="thin", value=0.2),
        )
        return Evidence(estimates, checks, {"by rep": pd.DataFrame({"rep": ["<i>", None], "rate": [1.5, float("nan")]})})


@pytest.fixture
def store(store_root: Path) -> Store:
    """An empty store of the test's own, opened."""
    return open_store(store_root)


@pytest.fixture
def made() -> Callable[..., Run]:
    """Make a run by hand."""
    return lambda **how: replace(Made(), **how).run()


@pytest.fixture
def started() -> Callable[..., subprocess.Popen[str]]:
    """Start a Python process that opens a store and runs the given lines; what is left of it is killed after the test."""
    processes: list[subprocess.Popen[str]] = []

    def start(root: Path, name: str, lines: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", OPENING + lines, str(root), name],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        process.communicate()
