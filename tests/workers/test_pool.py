"""Processes that run tasks: one that dies fails its own task, and is replaced."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import BrokenExecutor, wait
from pathlib import Path

import pytest

from avme.errors import UsageError
from avme.workers.pool import WorkerPool, dask_executor, local_executor

pytestmark = pytest.mark.slow


def test_results_come_back_whatever_the_number_of_processes() -> None:
    with local_executor(2) as crew:
        futures = [crew.executor.submit(pow, 2, exponent) for exponent in range(5)]

        assert [future.result(timeout=60) for future in futures] == [1, 2, 4, 8, 16]


def test_worker_pool_passes_on_an_error() -> None:
    with local_executor(1) as crew, pytest.raises(ZeroDivisionError):
        crew.executor.submit(divmod, 1, 0).result(timeout=60)


def test_worker_pool_with_dying_worker_fails_its_task_only() -> None:
    with local_executor(2) as crew:
        slow = crew.executor.submit(time.sleep, 1.0)
        killed = crew.executor.submit(os._exit, 9)
        later = [crew.executor.submit(abs, -number) for number in range(3)]

        assert isinstance(killed.exception(timeout=60), crew.deaths)
        assert slow.result(timeout=60) is None
        assert [future.result(timeout=60) for future in later] == [0, 1, 2]


def test_worker_pool_replaces_a_worker_that_died_idle() -> None:
    executor = WorkerPool(1)
    try:
        pid = executor.submit(os.getpid).result(timeout=60)
        os.kill(pid, signal.SIGKILL)
        future = executor.submit(os.getpid)
        if isinstance(future.exception(timeout=60), BrokenExecutor):  # it was not yet noticed
            future = executor.submit(os.getpid)

        assert future.result(timeout=60) != pid
    finally:
        executor.stop()


def test_worker_pool_stop_ends_running_and_cancels_waiting_tasks() -> None:
    executor = WorkerPool(1)
    pid = executor.submit(os.getpid).result(timeout=60)
    running, waiting = executor.submit(time.sleep, 600.0), executor.submit(abs, -1)
    while not running.running():
        time.sleep(0.01)
    executor.stop()

    done, _ = wait([running, waiting], timeout=60)

    assert done == {running, waiting}
    assert waiting.cancelled()
    assert isinstance(running.exception(), BrokenExecutor)
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense://x", "127.0.0.1"])
def test_dask_executor_without_scheduler_is_a_usage_error(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("avme.workers.pool._CONNECT_SECONDS", 1)

    with pytest.raises(UsageError, match="no Dask scheduler answers at"), dask_executor(address):
        pass


@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="counts threads as Linux does")
def test_worker_pool_workers_use_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    count = "import numpy, os; numpy.ones((9, 9)); print(len(os.listdir('/proc/self/task')))"
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    with local_executor(1) as crew:
        said = crew.executor.submit(subprocess.check_output, [sys.executable, "-c", count])

        assert int(said.result(timeout=60)) == 1
