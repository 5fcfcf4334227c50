"""Who runs the shard tasks: processes of this machine, or the workers of a Dask cluster.

Both are `concurrent.futures` executors, so the tasks do not know which; what differs is said in a
`Crew`.
"""

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import wait as wait_for
from types import FrameType
from typing import Any, TypeVar

from avme.errors import MachineError, UsageError
from avme.media.child import kill_running

_Result = TypeVar("_Result")
_Waiting = tuple[Future[Any], Callable[..., Any], tuple[Any, ...]]
_CONNECT_SECONDS = 30
_TASKS_PER_THREAD = 2
_ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Read when numpy is first imported."""


@dataclass(frozen=True, slots=True)
class Crew:
    """An executor with what must be known of it."""

    executor: Executor
    deaths: tuple[type[BaseException], ...]
    """What a future raises when its worker died."""
    in_flight: int
    """Tasks to hand over at a time: enough that nobody waits, and no more in memory."""
    poll_seconds: float
    """How often to look how far the tasks are."""


@contextmanager
def local_crew(num_workers: int) -> Iterator[Crew]:
    """Processes of this machine; whatever they still do when the block ends is stopped."""
    executor = LocalExecutor(num_workers)
    try:
        yield Crew(executor, deaths=(BrokenExecutor,), in_flight=num_workers, poll_seconds=0.2)
    finally:
        executor.stop()


@contextmanager
def dask_crew(address: str) -> Iterator[Crew]:
    """The workers of the Dask cluster at `address`, which see the same files as this machine.

    Raises MachineError if Dask is not installed, and UsageError if nobody answers there.
    """
    try:
        from distributed import Client, KilledWorker
        from distributed.comm import get_address_host_port
    except ImportError as error:
        raise MachineError(
            f"--dask needs Dask ({error}): install it with `pip install 'avme[cluster]'`"
        ) from error
    try:
        get_address_host_port(address, strict=True)  # a client looks for a wrong one for a minute
        client = Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
    except (OSError, ValueError, TypeError) as error:
        raise UsageError(
            f"no Dask scheduler answers at {address} ({error}): --dask takes an address such as "
            "tcp://10.0.0.5:8786"
        ) from error
    executor = client.get_executor(pure=False)
    try:
        try:
            client.wait_for_workers(1, timeout=_CONNECT_SECONDS)
        except TimeoutError as error:
            raise MachineError(
                f"the Dask scheduler at {address} has no worker: start one with `dask worker`"
            ) from error
        threads = sum(client.nthreads().values())
        yield Crew(
            executor,
            deaths=(KilledWorker,),
            in_flight=_TASKS_PER_THREAD * max(1, threads),
            poll_seconds=1.0,
        )
    finally:
        executor.shutdown(wait=False)
        client.close()


class LocalExecutor(Executor):
    """Spawned processes, one pool for each: one that dies fails its own task and is replaced.

    (The workers of one ProcessPoolExecutor all end with the first that dies.) They end when their
    parent does, however it ends.
    """

    def __init__(self, num_workers: int) -> None:
        self._lock = threading.RLock()
        self._idle = [_new_process() for _ in range(num_workers)]
        self._busy: set[ProcessPoolExecutor] = set()
        # To be shut down at the end only: a dying pool calls back with its own lock in hand.
        self._broken: list[ProcessPoolExecutor] = []
        self._waiting: deque[_Waiting] = deque()
        self._stopped = False

    def submit(self, fn: Callable[..., _Result], /, *args: Any, **kwargs: Any) -> Future[_Result]:
        """Runs `fn(*args)` in the next process that is free; there are no keywords."""
        if kwargs:
            raise TypeError("keywords cannot be handed over")
        future: Future[_Result] = Future()
        with self._lock:
            self._waiting.append((future, fn, args))
            self._feed()
        return future

    def stop(self) -> None:
        """Ends all processes now, in the middle of their tasks."""
        with self._lock:
            self._stopped = True
            for future, _, _ in self._waiting:
                future.cancel()
                future.set_running_or_notify_cancel()
            self._waiting.clear()
            pools = [*self._idle, *self._busy, *self._broken]
        for pool in pools:
            for process in list((pool._processes or {}).values()):
                process.terminate()
            pool.shutdown(wait=True, cancel_futures=True)

    def _feed(self) -> None:
        while self._idle and self._waiting:
            pool = self._idle.pop()
            future, fn, args = self._waiting.popleft()
            if not future.set_running_or_notify_cancel():
                self._idle.append(pool)
                continue
            try:
                inner = pool.submit(fn, *args)
            except BrokenExecutor:  # it died while it had nothing to do
                self._broken.append(pool)
                pool = _new_process()
                inner = pool.submit(fn, *args)
            self._busy.add(pool)
            inner.add_done_callback(partial(self._hand_over, pool, future))

    def _hand_over(self, pool: ProcessPoolExecutor, future: Future[Any], done: Future[Any]) -> None:
        error = BrokenExecutor("stopped") if done.cancelled() else done.exception()
        with self._lock:
            self._busy.discard(pool)
            if not self._stopped:
                if isinstance(error, BrokenExecutor):
                    self._broken.append(pool)
                    pool = _new_process()
                self._idle.append(pool)
                self._feed()
        if error is None:
            future.set_result(done.result())
        else:
            future.set_exception(error)


def _new_process() -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(max_workers=1, mp_context=context, initializer=_start_worker)


def _start_worker() -> None:
    # One process a core: threads of linear algebra would wait for each other, which costs a fifth
    # of all time, and the last bits of an MFCC would depend on how many cores there are.
    os.environ |= dict.fromkeys(_ONE_THREAD, "1")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    signal.signal(signal.SIGTERM, _stop_at_once)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """Ends this process when its parent ends, however that ends."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait_for([parent.sentinel])
        kill_running()
        os._exit(1)


def _stop_at_once(number: int, _: FrameType | None) -> None:
    kill_running()
    os._exit(128 + number)
