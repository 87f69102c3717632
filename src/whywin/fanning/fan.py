"""Over what tasks go, and what does not go together."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal, get_args

from whywin.errors import ConfigError

Engine = Literal["processes", "dask"]
ENGINES: Final = get_args(Engine)


@dataclass(frozen=True)
class Fan:
    """Over what tasks go.

    Attributes:
        workers: tasks at the same time on this machine; as many as are usual for the tasks when not given.
        engine: "processes" of this machine, or a "dask" cluster.
        scheduler: the address of the cluster's scheduler, such as tcp://10.0.0.1:8786.

    Raises:
        ConfigError: they do not go together; every fault at once.
    """

    workers: int | None = None
    engine: Engine = "processes"
    scheduler: str = ""

    def __post_init__(self) -> None:
        """Refuse what does not go together."""
        if faults := list(self._faults()):
            raise ConfigError(faults)

    def _faults(self) -> Iterator[str]:
        if self.engine not in ENGINES:
            yield f"--engine {self.engine}: must be {' or '.join(ENGINES)}; leave it out for processes of this machine"
        if self.workers is not None and self.workers < 1:
            yield f"--workers {self.workers}: must be 1 or more; leave it out for as many as there are processors"
        if self.engine == "dask" and not self.scheduler:
            yield "--engine dask: needs the address of a scheduler; add --scheduler tcp://HOST:8786, as `dask scheduler` prints it"
        if self.engine == "dask" and self.workers is not None:
            yield f"--workers {self.workers}: a cluster has the workers that were started for it; leave --workers out"
        if self.engine == "processes" and self.scheduler:
            yield f"--scheduler {self.scheduler}: belongs to --engine dask; add that, or leave --scheduler out"
