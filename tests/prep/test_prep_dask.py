"""`prep --dask` that loses its last worker: it says so, and goes on when another one comes."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from distributed import LocalCluster

from avme.media.ffmpeg.process import find_ffmpeg
from avme.shards.dataset import PreparedDataset

pytestmark = pytest.mark.slow

HELD = "v_Bowling_g08_c01"


@pytest.fixture
def scheduler() -> Iterator[str]:
    """The address of a Dask cluster without a worker, on loopback."""
    with LocalCluster(n_workers=0, dashboard_address=None, host="127.0.0.1") as made:
        yield str(made.scheduler_address)


@pytest.fixture
def start_worker(tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    """Starts a worker that no nanny starts again."""
    with ExitStack() as started:

        def start(address: str) -> subprocess.Popen[bytes]:
            command = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--no-nanny"]
            options = ["--nthreads=2", "--no-dashboard", f"--local-directory={tmp_path / 'dask'}"]
            process = subprocess.Popen([*command, *options], stderr=subprocess.DEVNULL)
            started.callback(process.wait)
            started.callback(process.kill)
            return process

        yield start


@pytest.fixture
def hold(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file; as long as it is there, ffmpeg waits at one clip."""
    hold, program = tmp_path / "hold", tmp_path / "bin" / "ffmpeg"
    program.parent.mkdir()
    hold.touch()
    program.write_text(
        "#!/bin/sh\n"
        f'case "$*" in *{HELD}*) while [ -e "{hold}" ]; do sleep 0.1; done;; esac\n'
        f'exec "{find_ffmpeg()}" "$@"\n'
    )
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    return hold


@pytest.mark.filterwarnings("default")  # of Dask's own threads
def test_prep_with_dask_continues_after_the_last_worker_is_replaced(
    videos: Path,
    tmp_path: Path,
    finished: PreparedDataset,
    run_prep: Callable[..., PreparedDataset],
    scheduler: str,
    start_worker: Callable[[str], subprocess.Popen[bytes]],
    hold: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("avme.workers.dask_cluster.QUIET_SECONDS", 0.5)
    lines: list[str] = []
    worker = start_worker(scheduler)
    with ThreadPoolExecutor(1) as pool:
        made = pool.submit(run_prep, videos, tmp_path / "out", lines=lines, dask=scheduler)
        _wait(lambda: len(list((tmp_path / "out/set/shards").glob("*.h5"))) == 2)
        worker.kill()
        _wait(lambda: any("no Dask worker is left" in line for line in lines) or made.done())
        stopped_at = len(lines)
        time.sleep(1.5)  # polls, which would count on
        assert len(lines) == stopped_at
        hold.unlink()
        start_worker(scheduler)
        done = made.result(timeout=120)

    assert lines[stopped_at - 1].startswith(f"no Dask worker is left at {scheduler}: start one")
    assert lines[stopped_at].startswith("a Dask worker is back at")
    assert "prepare 12/12" in lines
    shards = [path.name for path in (done.folder / "shards").iterdir()]
    for name in shards:
        bytes_here = (done.folder / "shards" / name).read_bytes()
        assert bytes_here == (finished.folder / "shards" / name).read_bytes()


def _wait(is_so: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)
