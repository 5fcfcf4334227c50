"""Executors for shard tasks: processes of this machine, or the workers of a Dask cluster.

Both are `concurrent.futures` executors; a `ExecutorSpec` describes the differences.
"""

import pickle
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future
from contextlib import contextmanager
from dataclasses import dataclass
from queue import SimpleQueue
from typing import Any, TypeVar

from avme.errors import SystemRequirementError, UsageError
from avme.workers.dask_cluster import DaskWorkers, quiet_dask
from avme.workers.forkserver import ForkServer, Worker

_Result = TypeVar("_Result")
_Waiting = tuple[Future[Any], bytes]
_CONNECT_SECONDS = 30
_TASKS_PER_THREAD = 2


@dataclass(frozen=True, slots=True)
class ExecutorSpec:
    """Executor with its properties."""

    executor: Executor
    deaths: tuple[type[BaseException], ...]
    """Errors of a future whose worker died."""
    in_flight: int
    """Tasks submitted at a time: enough to keep all workers busy, bounded for memory."""
    poll_seconds: float
    """Interval between progress checks."""
    workers: DaskWorkers | None = None
    """Cluster whose workers may all be lost; None if the executor replaces them itself."""


@contextmanager
def local_executor(num_workers: int) -> Iterator[ExecutorSpec]:
    """Open an executor of local processes; unfinished work is stopped when the block ends."""
    executor = WorkerPool(num_workers)
    try:
        yield ExecutorSpec(
            executor, deaths=(BrokenExecutor,), in_flight=num_workers, poll_seconds=0.2
        )
    finally:
        executor.stop()


@contextmanager
def dask_executor(address: str, *, timeout_seconds: float = 300.0) -> Iterator[ExecutorSpec]:
    """Open an executor of the Dask cluster at `address`, whose workers share the file system.

    `timeout_seconds` is the time to wait for new workers if none is left. Raises
    SystemRequirementError if Dask is not installed, and UsageError if no scheduler responds.
    """
    try:
        from distributed import Client, KilledWorker
        from distributed.comm import get_address_host_port
    except ImportError as error:
        raise SystemRequirementError(
            f"--dask needs Dask ({error}): install it with `pip install 'avme[cluster]'`"
        ) from error
    try:
        get_address_host_port(address, strict=True)  # a client tries a wrong address for a minute
        client = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(
            f"no Dask scheduler answers at {address} ({error}): --dask takes an address such as "
            "tcp://10.0.0.5:8786"
        ) from error
    executor = client.get_executor(pure=False)
    with quiet_dask():
        try:
            yield _dask_executor(client, executor, KilledWorker, address, timeout_seconds)
        finally:
            executor.shutdown(wait=False)
            client.close()


def _dask_executor(
    client: Any, executor: Executor, death: type[Exception], address: str, timeout_seconds: float
) -> ExecutorSpec:
    try:
        client.wait_for_workers(1, timeout=_CONNECT_SECONDS)
    except TimeoutError as error:
        raise SystemRequirementError(
            f"the Dask scheduler at {address} has no worker: start one with `dask worker {address}`"
        ) from error
    threads = sum(client.nthreads().values())

    def count() -> int | None:
        if client.status != "running":
            return None
        try:
            return len(client.nthreads())
        except OSError:
            return None

    return ExecutorSpec(
        executor,
        deaths=(death,),
        in_flight=_TASKS_PER_THREAD * max(1, threads),
        poll_seconds=1.0,
        workers=DaskWorkers(address, count, timeout_seconds),
    )


class WorkerPool(Executor):
    """Pool of forked processes: one that dies fails its own task only and is replaced.

    Workers exit with their parent. Functions must be importable by name.
    """

    def __init__(self, num_workers: int) -> None:
        self._lock = threading.Lock()
        self._stopped = False
        self._waiting: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._nursery = ForkServer()
        self._workers = [Worker(self._nursery) for _ in range(num_workers)]
        self._threads = [
            threading.Thread(target=self._attend, args=(worker,), daemon=True)
            for worker in self._workers
        ]
        for thread in self._threads:
            thread.start()

    def submit(self, fn: Callable[..., _Result], /, *args: Any, **kwargs: Any) -> Future[_Result]:
        """Run `fn(*args)` in the next free process; keyword arguments are not supported."""
        if kwargs:
            raise TypeError("keywords cannot be handed over")
        future: Future[_Result] = Future()
        message = pickle.dumps((fn, args))
        with self._lock:
            if self._stopped:
                raise RuntimeError("the executor was stopped")
            self._waiting.put((future, message))
        return future

    def stop(self) -> None:
        """Terminate all processes immediately."""
        with self._lock:
            self._stopped = True
        for worker in self._workers:
            worker.stop()
        for _ in self._threads:
            self._waiting.put(None)
        for thread in self._threads:
            thread.join()
        self._nursery.close()

    def _attend(self, worker: Worker) -> None:
        """Send tasks to `worker`, one at a time."""
        while (waiting := self._waiting.get()) is not None:
            future, message = waiting
            if self._stopped:
                future.cancel()
            if not future.set_running_or_notify_cancel():
                continue
            try:
                result = worker.call(message)
            except Exception as error:
                future.set_exception(error)
            else:
                future.set_result(result)
