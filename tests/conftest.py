"""What several tests share."""

import os
from collections.abc import Callable
from dataclasses import fields, replace
from functools import cache
from pathlib import Path
from shutil import copytree
from typing import Final

import pytest

ROOT = Path(__file__).parents[1]
os.environ["COLUMNS"] = "200"  # Rich asks once, when it is first imported: what tests read must not depend on the terminal
os.environ.setdefault(
    "LOKY_MAX_CPU_COUNT", "1"
)  # tests run side by side already: further processes would only wait for one another
ROOMS: Final = {"winrates": "winrates", "effect": "effects", "trial": "trials"}
OWN_PLANS: Final = {
    "winrates": {},
    "effect": {
        "difference_in_differences": "adoption",
        "instrument": "instrument",
        "discontinuity": "alert_threshold",
        "risk_set_matching": "target_trial",
    },
    "trial": {"adjusted": "metrics", "complier": "metrics"},
}  # by kind: a method that the demonstration's question does not fit, and the shipped config whose question it fits


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and known answers; its tests are skipped where it is not there."""
    folder = Path(os.environ.get("WHYWIN_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no shared data: {folder} is not a folder; set WHYWIN_SHARED to where it is")
    return folder


def plans_of(kind: str) -> tuple[str, ...]:
    """Return the configs of a kind that the contract is held over: the demonstration, and those of the methods that do not fit it."""
    return tuple(dict.fromkeys(["demo", *OWN_PLANS[kind].values()]))


def plan_of(kind: str, method: str) -> str:
    """Return the config whose question a method fits."""
    return OWN_PLANS[kind].get(method, "demo")


def sparing(check: type) -> object:
    """Return a check that refits as few times as it may: over all methods of a room the usual number takes a minute."""
    return check(**{field.name: 6 for field in fields(check) if field.name in {"refits", "splits", "resamples"}})


@pytest.fixture(scope="session")
def small_plan() -> Callable:
    """A shipped plan over a small made-up world; the demonstration with every method of the room that fits it, at its defaults."""
    from whywin import catalogue
    from whywin.config import load_plan

    @cache
    def made(kind: str, config: str = "demo") -> object:
        shipped = load_plan(ROOT / "configs" / ROOMS[kind] / f"{config}.yaml", ["source.world.deals=1500"])
        if config != "demo":
            return shipped
        few = {name: sparing(owner) for name, owner in catalogue.checks(kind).items() if name not in shipped.checks}
        there = [name for name in catalogue.methods(kind) if plan_of(kind, name) == "demo" and name not in shipped.methods]
        return replace(
            shipped,
            methods={**shipped.methods, **{name: catalogue.methods(kind)[name]() for name in there}},
            checks={**shipped.checks, **few},
        )

    return made


@pytest.fixture(scope="session")
def small_run(small_plan: Callable) -> Callable:
    """The run of each small plan, answered once a session."""
    from whywin.sources import read
    from whywin.studies import study

    @cache
    def made(kind: str, config: str = "demo") -> object:
        plan = small_plan(kind, config)
        table = read(plan.source)
        return study(plan, table.frame, truth=table.truth)

    return made


@pytest.fixture(scope="session")
def template_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store, made once a session, since making one takes seconds; copy it rather than write to it."""
    from whywin.tracking import open_store

    return open_store(tmp_path_factory.mktemp("template") / "mlruns").root


@pytest.fixture
def store_root(template_store: Path, tmp_path: Path) -> Path:
    """The folder of an empty store of the test's own."""
    return Path(copytree(template_store, tmp_path / "mlruns"))
