"""Many plans at once: what fails, fails alone."""

from pathlib import Path

from whywin.errors import ConfigError
from whywin.fanning import Fan
from whywin.many_runs import Job, run_many


def test_a_plan_that_cannot_be_read_fails_alone(tmp_path: Path) -> None:
    """Its faults are told, one sentence each, and nothing is opened for it."""

    def unreadable() -> None:
        raise ConfigError(["seed: must be a number", "name: missing"])

    (ended,) = run_many([Job(unreadable, {})], fan=Fan(1), store_root=tmp_path / "mlruns", port=5000, register=True)

    assert (ended.number, ended.finished, ended.failure) == (0, None, ("seed: must be a number", "name: missing"))
    assert not (tmp_path / "mlruns").exists()
