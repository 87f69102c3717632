"""What several tests share."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and known answers; its tests are skipped where it is not there."""
    folder = Path(os.environ.get("WHYWIN_SHARED", ROOT.parent / "shared"))
    if not folder.is_dir():
        pytest.skip(f"no shared data: {folder} is not a folder; set WHYWIN_SHARED to where it is")
    return folder
