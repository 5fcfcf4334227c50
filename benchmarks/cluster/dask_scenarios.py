"""`avme prep --dask` with workers on other machines that die, are cut off, or are not there."""

import re
import sys
import time
from collections.abc import Iterator
from typing import Final

from benchmarks.cluster.site import AVME, Check, Running, Site, last_line, preparing

_PORT: Final = 9000
_LEFT: Final = "no Dask worker is left at"


def dask_killed_and_cut(site: Site) -> Iterator[Check]:
    """One of two workers loses its power; the other's cable is out for 20 s."""
    made = _begin(site, "dask")
    site.cluster.kill_node(site.second)
    site.wait("another shard", lambda: site.shards("dask") >= 3)
    site.cluster.network.plug(site.first, there=False)
    time.sleep(20)
    site.cluster.network.plug(site.first, there=True)
    code = made.wait()
    yield Check("went on to the end", code == 0, last_line(made.said()))
    yield site.same_set("dask")


def dask_no_worker_left(site: Site) -> Iterator[Check]:
    """Both workers die; a while later somebody starts one."""
    made = _begin(site, "orphan")
    for node in (site.first, site.second):
        site.cluster.kill_node(node)
    seconds = site.wait("the word", lambda: _LEFT in made.said(), 60)
    yield Check("said at once", True, f"{seconds:.0f} s: {_line(made, _LEFT)}")
    at = len(made.said())
    time.sleep(25)
    etas = re.findall(r"prepare .*eta", made.said()[at:])
    yield Check("no stale estimate", not etas, f"{len(etas)} in 25 s")
    site.cluster.start_node(site.first)
    _worker(site, site.first)
    code = made.wait()
    yield Check("a worker that is started does the rest", code == 0, last_line(made.said()))
    yield site.same_set("orphan")


def dask_no_worker_for_long(site: Site) -> Iterator[Check]:
    """Both workers die, and nobody comes."""
    made = _begin(site, "alone", "--set", "dask_timeout_seconds=30")
    for node in (site.first, site.second):
        site.cluster.kill_node(node)
    began = time.monotonic()
    code = made.wait(180)
    seconds = time.monotonic() - began
    yield Check("ends with 6", code == 6, f"{seconds:.0f} s: {last_line(made.said())}")
    kept = site.shards("alone")
    yield Check("finished shards are kept", kept > 0, f"{kept} of 14")


def dask_scheduler_dies(site: Site) -> Iterator[Check]:
    """The scheduler is killed in the middle."""
    made = _begin(site, "headless")
    before = len(made.said().splitlines())
    site.started[0].end()
    code = made.wait(180)
    after = made.said().splitlines()[before:]
    lines = [line for line in after if not line.startswith("prepare ")]
    yield Check("ends with 6", code == 6, last_line(made.said()))
    yield Check("in one line", len(lines) == 1, f"{len(lines)} lines")


def _begin(site: Site, name: str, *more: str) -> Running:
    """A scheduler, two workers and the preparation, which has finished its first shard."""
    port = _PORT + site.pair
    host = site.cluster.network.address(0)
    scheduler = [sys.executable, "-m", "distributed.cli.dask_scheduler", "--dashboard-address=:0"]
    site.start("scheduler", *scheduler, "--host", host, "--port", str(port))
    for node in (site.first, site.second):
        _worker(site, node)
    address = f"tcp://{host}:{port}"
    made = site.start("prep", *AVME, *preparing(name, "--dask", address, *more))
    site.wait("a shard", lambda: site.shards(name) >= 1 or made.process.poll() is not None)
    if made.process.poll() is not None:
        raise OSError(f"it ended before the first shard: {last_line(made.said())}")
    return made


def _worker(site: Site, node: int) -> None:
    address = f"tcp://{site.cluster.network.address(0)}:{_PORT + site.pair}"
    worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nthreads", "1"]
    folder = str(site.cluster.folder / f"dask{node}")
    site.start(f"worker{node}", *worker, "--no-dashboard", "--local-directory", folder, node=node)


def _line(running: Running, words: str) -> str:
    return next(line for line in running.said().splitlines() if words in line)[:160]


SCENARIOS: Final = (
    dask_killed_and_cut,
    dask_no_worker_left,
    dask_no_worker_for_long,
    dask_scheduler_dies,
)
