"""What the tests of configs share."""

from collections.abc import Callable
from pathlib import Path

import pytest

from whywin.config import load_plan
from whywin.errors import ConfigError


@pytest.fixture
def faults_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[str, ...]]:
    """Return the faults of a config's text, written as plan.yaml in the current folder, with overrides."""
    monkeypatch.chdir(tmp_path)

    def found(text: str | bytes, *overrides: str) -> tuple[str, ...]:
        Path("plan.yaml").write_bytes(text.encode() if isinstance(text, str) else text)
        with pytest.raises(ConfigError) as caught:
            load_plan("plan.yaml", overrides)
        return caught.value.faults

    return found
