"""Workers that are forked from one process, and none that outlives who asked for them."""

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from avme.media.decode import Recipe
from avme.prep.write_shard import LabeledClip, ShardTask, write_shard
from avme.sources.clip_table import SourceClip
from avme.workers.forkserver import FORKS, ForkServer, Worker

pytestmark = pytest.mark.slow

needs_forks = pytest.mark.skipif(not FORKS, reason="workers are forked on Linux only")


@pytest.fixture
def nursery() -> Iterator[ForkServer]:
    made = ForkServer()
    yield made
    made.close()


@pytest.fixture
def worker(nursery: ForkServer) -> Iterator[Worker]:
    made = Worker(nursery)
    yield made
    made.stop()


def asked(worker: Worker, function: Callable[..., Any], *arguments: Any) -> Any:
    return worker.call(pickle.dumps((function, arguments)))


@needs_forks
def test_workers_are_forked_from_one_preloaded_thread(nursery: ForkServer, worker: Worker) -> None:
    other = Worker(nursery)
    home = asked(worker, os.getppid)

    assert home not in (os.getpid(), os.getppid())
    assert asked(other, os.getppid) == home
    assert len(os.listdir(f"/proc/{home}/task")) == 1
    assert asked(worker, eval, "'avme.prep.write_shard' in __import__('sys').modules")
    other.stop()


@needs_forks
def test_worker_without_fork_server_starts_another(worker: Worker) -> None:
    home = asked(worker, os.getppid)
    os.kill(home, signal.SIGKILL)
    while asked(worker, os.getppid) == home:  # the worker lives on
        time.sleep(0.01)
    with pytest.raises(BrokenExecutor):
        asked(worker, os._exit, 9)

    assert asked(worker, os.getppid) not in (home, os.getpid())


def test_worker_where_forking_fails_is_its_own_process() -> None:
    nursery = ForkServer(forks=False)
    worker = Worker(nursery)

    assert asked(worker, os.getppid) == os.getpid()
    worker.stop()
    nursery.close()


def children_of(pid: int) -> dict[str, int]:
    """Process ids by what runs there."""
    told = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(pid)], stdout=subprocess.PIPE, text=True
    ).stdout
    return {args: int(number) for number, args in (row.split(None, 1) for row in told.splitlines())}


@pytest.fixture
def task(tmp_path: Path, make_video: Callable[..., Path]) -> ShardTask:
    """A shard of one clip, with an ffmpeg that does not end."""
    ffmpeg = tmp_path / "ffmpeg"
    ffmpeg.write_text("#!/bin/sh\nexec sleep 77\n")
    ffmpeg.chmod(0o700)
    video = make_video(tmp_path / "a.avi")
    facts = video.stat()
    clip = SourceClip("a.avi", video, "A", "g01", None, facts.st_size, facts.st_mtime_ns)
    recipe = Recipe(str(ffmpeg), 3, None, 13, -60.0, 60.0, memory_bytes=2**31)
    return ShardTask("a.h5", tmp_path / "out", tmp_path / "work", (LabeledClip(clip, 0),), recipe)


@needs_forks
def test_stopped_worker_does_not_quarantine_its_clip(worker: Worker, task: ShardTask) -> None:
    pid = asked(worker, os.getpid)
    with ThreadPoolExecutor(1) as threads:
        packed = threads.submit(asked, worker, write_shard, task)
        while not any("sleep 77" in args for args in children_of(pid)):
            assert not packed.done(), packed.result()
            time.sleep(0.01)
        for args, child in children_of(pid).items():
            if "sleep" not in args:
                os.kill(child, signal.SIGSTOP)  # the reader of headers: who waits for it waits
        worker.stop()

        with pytest.raises(BrokenExecutor):
            packed.result(60)
    while Path(f"/proc/{pid}").exists():
        time.sleep(0.01)
    assert not (task.folder / task.name).exists()


@needs_forks
def test_worker_replaces_dead_sandbox(worker: Worker, task: ShardTask) -> None:
    (child,) = children_of(asked(worker, os.getpid)).values()
    os.kill(child, signal.SIGKILL)
    Path(task.recipe.ffmpeg).write_text("#!/bin/sh\n[ $1 = -version ] && echo ffmpeg version 9\n")

    assert asked(worker, write_shard, task).name == "a.h5"


CREW = """
import os, signal, time
from avme.workers.pool import local_executor
signal.signal(signal.SIGINT, signal.default_int_handler)  # tests may run in the background
try:
    with local_executor(2) as crew:
        print(os.getpid(), flush=True)
        pids = crew.executor.submit(os.getpid).result()
        print("at work", flush=True)
        time.sleep(600)
except KeyboardInterrupt:
    print("stopped", flush=True)
"""


@pytest.fixture
def crew() -> Iterator["subprocess.Popen[str]"]:
    """A process with a crew, and all that it starts, in a group of their own."""
    process = subprocess.Popen(
        [sys.executable, "-c", CREW],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )
    with process:
        yield process
        process.kill()


def until(process: "subprocess.Popen[str]", said: str) -> None:
    assert process.stdout is not None
    while said not in process.stdout.readline():
        assert process.poll() is None


def left_of(group: int) -> list[str]:
    """What still runs of a process group, but for what has ended and was not waited for."""
    told = subprocess.check_output(["ps", "-eo", "pgid=,stat=,args="], text=True)
    rows = (line.split(None, 2) for line in told.splitlines())
    return [row[2] for row in rows if row[0] == str(group) and not row[1].startswith("Z")]


def test_killed_parent_leaves_no_process(crew: "subprocess.Popen[str]") -> None:
    until(crew, "at work")
    assert len(left_of(crew.pid)) > 2

    crew.kill()

    for _ in range(300):
        if not left_of(crew.pid):
            break
        time.sleep(0.1)
    assert left_of(crew.pid) == []


@pytest.mark.parametrize("when", ["", "at work"])
def test_ctrl_c_interrupts_the_parent_only(when: str, crew: "subprocess.Popen[str]") -> None:
    until(crew, when or str(crew.pid))

    os.killpg(crew.pid, signal.SIGINT)  # as a terminal does
    said, complaints = crew.communicate(timeout=120)

    assert said.endswith("stopped\n")
    assert complaints == ""
    assert left_of(crew.pid) == []
