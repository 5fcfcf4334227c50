"""A Dask cluster that has lost its workers, or its scheduler: said in a line, and not for ever."""

import logging
import subprocess
import sys
import time

import pytest

from avme.errors import SystemRequirementError
from avme.progress import NullReporter
from avme.workers import dask_cluster
from avme.workers.dask_cluster import DaskWorkers
from avme.workers.pool import dask_executor


class Lines(NullReporter):
    """A reporter that remembers what was said."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def log(self, line: str) -> None:
        self.said.append(line)


def test_workers_are_asked_for_only_where_nothing_gets_done(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[int] = []

    def count() -> int:
        asked.append(0)
        return 0

    workers = DaskWorkers("tcp://10.0.0.5:8786", count, 60.0)

    assert not workers.are_gone(is_moving=False)
    assert asked == []  # they have had no time yet
    monkeypatch.setattr(dask_cluster, "QUIET_SECONDS", 0.0)
    assert workers.are_gone(is_moving=False)
    assert asked == [0]


@pytest.mark.parametrize("count", [1, None])
def test_dask_workers_with_worker_or_silent_scheduler_are_not_lost(
    count: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dask_cluster, "QUIET_SECONDS", 0.0)

    assert not DaskWorkers("tcp://10.0.0.5:8786", lambda: count, 60.0).are_gone(is_moving=False)


def test_dask_workers_without_any_end_with_code_6() -> None:
    def wait_a_little() -> bool:
        time.sleep(0.01)
        return False

    report, workers = Lines(), DaskWorkers("tcp://10.0.0.5:8786", lambda: 0, 0.05)

    with pytest.raises(
        SystemRequirementError, match="none connected within 0 s: finished shards are kept"
    ):
        workers.wait(report, wait_a_little)

    (line,) = report.said
    assert line.startswith("no Dask worker is left at tcp://10.0.0.5:8786: start one with `dask w")


def test_dask_workers_wait_ends_when_one_joins() -> None:
    report, counts = Lines(), iter([0, 2])
    DaskWorkers("tcp://10.0.0.5:8786", lambda: next(counts), 60.0).wait(report, lambda: False)

    assert report.said[1:] == ["a Dask worker is back at tcp://10.0.0.5:8786: the work continues"]


@pytest.mark.parametrize("count", [0, None])
def test_dask_workers_wait_ends_without_pending_work(count: int | None) -> None:
    report = Lines()
    DaskWorkers("tcp://10.0.0.5:8786", lambda: count, 60.0).wait(report, lambda: True)

    assert len(report.said) == 1


_CLUSTER = """
import time
from distributed import LocalCluster
with LocalCluster(
    n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None,
    host="127.0.0.1", protocol="tcp",
) as made:
    print(made.scheduler_address, flush=True)
    time.sleep(600)
"""


@pytest.mark.filterwarnings("default")  # of Dask's own threads
@pytest.mark.slow
def test_dask_scheduler_that_dies_gives_no_traceback() -> None:
    records: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: records.append(record.getMessage())  # type: ignore[method-assign]
    logger = logging.getLogger("distributed.client")
    logger.addHandler(handler)
    command = [sys.executable, "-c", _CLUSTER]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        with dask_executor(address) as crew:
            assert crew.workers is not None
            assert crew.workers.count() == 1
            future = crew.executor.submit(time.sleep, 600)
            process.kill()
            process.wait()
            while not future.done():
                time.sleep(0.05)
            assert future.cancelled()
            assert crew.workers.count() is None
    finally:
        process.kill()
        process.communicate()
        logger.removeHandler(handler)

    assert records == []
    assert not logger.disabled
