"""What several tests share."""

import os
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from shutil import copytree

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and known answers; its tests are skipped where it is not there."""
    folder = Path(os.environ.get("WHYWIN_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no shared data: {folder} is not a folder; set WHYWIN_SHARED to where it is")
    return folder


@pytest.fixture(scope="session")
def small_plan() -> Callable:
    """A plan of each kind over a small made-up world, with every method of the room at its defaults."""
    from whywin import catalogue
    from whywin.config import load_plan

    @cache
    def made(kind: str) -> object:
        room = {"winrates": "winrates", "effect": "effects", "trial": "trials"}[kind]
        shipped = load_plan(ROOT / "configs" / room / "demo.yaml", ["source.world.deals=1500"])
        others = {name: owner() for name, owner in catalogue.methods(kind).items() if name not in shipped.methods}
        return replace(shipped, methods={**shipped.methods, **others})

    return made


@pytest.fixture(scope="session")
def small_run(small_plan: Callable) -> Callable:
    """The run of each small plan, answered once a session."""
    from whywin.sources import read
    from whywin.studies import study

    @cache
    def made(kind: str) -> object:
        plan = small_plan(kind)
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
