"""MLflow brought in without its noise, and without leaving anything changed for whoever else uses it in this process."""

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

ENVIRONMENT: Final = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GIT_PYTHON_REFRESH": "quiet",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_UV_AUTO_DETECT": "false",  # else a kept model takes the project files of whatever folder it is made in
}
_LOUD: Final = ("mlflow", "alembic")


@contextmanager
def hushed() -> Iterator[None]:
    """Keep MLflow's and Alembic's own messages and warnings from the terminal; what matters is raised."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        _bring_in()
        loggers = [logging.getLogger(name) for name in _LOUD]
        before = [logger.level for logger in loggers]
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        try:
            yield
        finally:
            for logger, level in zip(loggers, before, strict=True):
                logger.setLevel(level)


@contextmanager
def client(address: str) -> Iterator[Any]:
    """Give MLflow's client of a store's address, and close its connections afterwards.

    Neither the tracking address nor the active run of this process changes.
    """
    with hushed():
        from mlflow.tracking import MlflowClient

        made = MlflowClient(tracking_uri=address, registry_uri=address)
    try:
        yield made
    finally:
        made._tracking_client.store.engine.dispose()  # noqa: SLF001 - MLflow has no public way to close what it opened
        registry = getattr(made, "_registry_client_lazy", None)  # only there when models were registered
        if registry is not None:
            registry.store.engine.dispose()


def create(address: str, artifacts: str) -> None:
    """Make an empty MLflow database at an address, whose default experiment keeps its files below `artifacts`."""
    with hushed():
        from mlflow.store.tracking.sqlalchemy_store import SqlAlchemyStore

        made = SqlAlchemyStore(address, artifacts)
        made.engine.dispose()
        SqlAlchemyStore._engine_map.pop(address, None)  # noqa: SLF001 - the file is renamed, and its engine must not be found again


def _bring_in() -> None:
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    import mlflow  # noqa: F401 - its logging is set up by its first import, which has to come before ours
