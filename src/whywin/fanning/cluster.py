"""Tasks over the workers of a Dask cluster."""

import logging
import pickle
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from whywin.errors import ConfigError
from whywin.fanning.fan import Fan
from whywin.fanning.task import Arguments, LostError, Outcome, Work, listened, opened, shipped

WAIT: Final = 10  # seconds for a scheduler to answer, and for its first worker


def on_cluster(work: Work, given: Sequence[Arguments], fan: Fan) -> Generator[Outcome]:
    """Yield the outcomes of tasks done by the workers of a cluster; its scheduler gives those of a dead worker to another."""
    with _client(fan) as client:
        suspected = []
        with closing(_round(work, given, range(len(given)), fan, client)) as found:
            for outcome in found:
                if isinstance(outcome.error, LostError):
                    suspected.append(outcome.number)
                else:
                    yield outcome
        # Dask suspects whatever waited for the workers that died, too: each shows alone what it is.
        for number in suspected:
            yield from _round(work, given, [number], fan, client)


def _round(work: Work, given: Sequence[Arguments], now: Iterable[int], fan: Fan, client: Any) -> Generator[Outcome]:
    import cloudpickle
    from joblib import Parallel, delayed, parallel_config
    from joblib.parallel import get_active_backend

    with parallel_config("dask", client=client):
        _told_of_failures(get_active_backend()[0], client, fan)
        parallel = Parallel(-1, return_as="generator_unordered", batch_size=1)
    folder = str(Path.cwd())
    # As bytes: what joblib would spread over the workers by itself is lost with the worker that has it.
    jobs = (delayed(_shipped_from)(number, cloudpickle.dumps((work, given[number], 1, folder))) for number in now)
    with closing(listened(parallel, jobs)) as found:
        for number, packed in found:
            yield opened(number, packed) if isinstance(packed, bytes) else Outcome(number, error=packed)


@contextmanager
def _client(fan: Fan) -> Iterator[Any]:
    """Connect to a scheduler that has workers, each of one thread."""
    try:
        from distributed import Client
    except ImportError:
        raise ConfigError(
            "--engine dask: needs a package that is not here; install whywin[dask], here and on the workers"
        ) from None
    at = f"--scheduler {fan.scheduler}"
    try:
        client = Client(fan.scheduler, timeout=WAIT, set_as_default=False)
    except (OSError, ValueError) as error:
        said = " ".join(str(error).split())
        raise ConfigError(
            f"{at}: no scheduler answers there ({said}); start one by `dask scheduler`, whose address it prints"
        ) from None
    with client, _quiet():
        try:
            client.wait_for_workers(1, timeout=WAIT)
        except TimeoutError:
            start = f"`dask worker {fan.scheduler} --nthreads 1`"
            raise ConfigError(f"{at}: no worker came within {WAIT} seconds; start some by {start}") from None
        if any(count > 1 for count in client.nthreads().values()):
            most = max(client.nthreads().values())
            raise ConfigError(
                f"{at}: a worker has {most} threads, which get in one another's way and change last digits; "
                f"start its workers with --nthreads 1, and --nworkers {most} for as many at the same time"
            )
        yield client


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Dask's tracebacks off the terminal: what they mean is said in a sentence."""
    logger = logging.getLogger("distributed.client")
    level = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(level)


def _told_of_failures(backend: Any, client: Any, fan: Fan) -> None:
    """Let joblib hear of what went wrong outside a task; its own way of asking Dask would wait for ever."""
    from asyncio import CancelledError as AsyncCancelledError  # dear to import

    retrieve = backend.retrieve_result_callback

    def submitted(batch: Any, callback: Callable[[Any], None]) -> Any:
        ((_, (number, task), _),) = batch.items

        def ended(future: Any) -> None:
            try:
                callback([future.result()])
            except (CancelledError, AsyncCancelledError) as cancelled:  # nobody did that
                callback(cancelled)
            except Exception as error:  # noqa: BLE001 - a task reports its own errors as its result: this is Dask's
                callback([(number, _given_up(error))])

        future = client.submit(_shipped_from, number, task, pure=False)
        future.add_done_callback(ended)
        return future

    def retrieved(result: Any) -> Any:
        if isinstance(result, BaseException):
            raise ConfigError(f"--scheduler {fan.scheduler}: is gone, or lost its tasks; see its log, and start again") from None
        return retrieve(result)

    backend.submit, backend.retrieve_result_callback = submitted, retrieved
    # Two at least: joblib would do here what it has one worker for, and a task that kills its worker would kill us.
    backend.effective_n_jobs = lambda _: max(sum(client.nthreads().values()), 2)


def _given_up(error: Exception) -> BaseException:
    return LostError(f"the cluster gave it up: {type(error).__name__}: {' '.join(str(error).split())}")


def _shipped_from(number: int, task: bytes) -> tuple[int, bytes]:
    return shipped(number, *pickle.loads(task))  # noqa: S301 - packed by the one who asked
