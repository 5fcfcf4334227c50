"""Workers outlive the signals that ask a run to stop, and nothing else."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
import torch
from torch.utils.data import Dataset, Subset

from avme.batch import AVBatch
from avme.config import AugmentConfig, ClipConfig
from avme.data.dataloader import build_loader, preloaded_modules
from avme.data.transforms import FinetuneTransform
from avme.train.distributed.stop_signals import interruptible

ENDS_WITH_A_BUSY_WORKER = """
import multiprocessing, os, signal, time
from avme.data import dataloader as loader

def hear(number, frame):
    print("heard", flush=True)

def send():
    for number in (signal.SIGTERM, signal.SIGUSR1):
        os.killpg(0, number)
        time.sleep(0.3)

signal.signal(signal.SIGTERM, hear)
signal.signal(signal.SIGUSR1, hear)
loader._start_server()
send()
work = dict(target=time.sleep, args=(60,), daemon=True)
worker = multiprocessing.get_context("forkserver").Process(**work)
worker.start()
send()
print("alive" if worker.is_alive() else "dead", flush=True)
"""


WAITS_WITH_A_WORKER = """
import multiprocessing, time, torch
from avme.batch import AVBatch
from avme.data.dataloader import build_loader

clip = AVBatch(
    video=torch.zeros(1, 3, 2, 2, 2, dtype=torch.uint8),
    mfcc=torch.zeros(1, 3, 2),
    audio_valid=torch.ones(1, 3, dtype=torch.bool),
    label=torch.zeros(1, dtype=torch.int64),
    clip=torch.zeros(1, dtype=torch.int64),
    seed=torch.zeros(1, dtype=torch.int64),
)
stream = iter(build_loader([clip] * 64, [[n] for n in range(64)], workers=1, pin=False))
next(stream)
print(multiprocessing.active_children()[0].pid, flush=True)
time.sleep(60)
"""


TAKES_A_BATCH = (
    WAITS_WITH_A_WORKER.split("stream = ")[0]
    + """
if __name__ == "__main__":
    batches = iter(build_loader([clip], [[0]], workers=1, pin=False))
    print(*next(batches).video.shape)
"""
)


@pytest.mark.slow
def test_loader_workers_import_nothing_from_the_current_folder(tmp_path: Path) -> None:
    (tmp_path / "parent" / "avme").mkdir(parents=True)  # as the folder that holds a clone
    (tmp_path / "parent" / "random.py").write_text("raise SystemExit('not the module')\n")
    (tmp_path / "program.py").write_text(TAKES_A_BATCH)

    ended = subprocess.run(
        [sys.executable, str(tmp_path / "program.py")],
        cwd=tmp_path / "parent",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (ended.stdout, ended.stderr) == ("1 3 2 2 2\n", "")


@pytest.mark.slow
def test_loader_worker_ends_with_its_killed_parent(start: Callable[..., Any]) -> None:
    parent = start(["-c", WAITS_WITH_A_WORKER])
    deadline = time.monotonic() + 60
    while not parent.printed.endswith("\n") and time.monotonic() < deadline:
        time.sleep(0.01)
    worker = Path(f"/proc/{int(parent.printed)}")
    assert worker.exists()
    os.kill(parent.pid, signal.SIGKILL)

    deadline = time.monotonic() + 20
    while worker.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not worker.exists()


@pytest.mark.slow
def test_stop_signals_are_for_the_process_alone_and_its_end_is_that_of_its_workers() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDS_WITH_A_BUSY_WORKER],
        capture_output=True,
        text=True,
        timeout=50,  # the worker alone would take sixty
        start_new_session=True,
    )

    assert done.stdout.split() == ["heard"] * 4 + ["alive"]
    assert (done.returncode, done.stderr) == (0, "")


BATCHES = """
import os, resource, signal, sys
from dataclasses import replace
import multiprocessing, torch
from avme.batch import AVBatch
from avme.data.dataloader import build_loader
from avme.errors import SystemRequirementError

clip = AVBatch(
    video=torch.zeros(1, 3, 2, 50, 50, dtype=torch.uint8),
    mfcc=torch.zeros(1, 3, 2),
    audio_valid=torch.ones(1, 3, dtype=torch.bool),
    label=torch.zeros(1, dtype=torch.int64),
    clip=torch.zeros(1, dtype=torch.int64),
    seed=torch.zeros(1, dtype=torch.int64),
)
how, workers = sys.argv[1], int(sys.argv[2])
if how == "limited":
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))
many = [[0] * 200] * 64  # 3 MB each, of a clip of 15 kB
stream = iter(build_loader([clip], many, workers=workers, pin=False))
try:
    print(sum(len(next(stream)) for _ in range(2)), "clips", flush=True)
    if how == "killed":
        for child in multiprocessing.active_children():
            os.kill(child.pid, signal.SIGKILL)
        print(sum(len(batch) for batch in stream), "clips")
except SystemRequirementError as error:
    print(error)
"""


@pytest.mark.slow
def test_loader_worker_that_is_killed_is_named_with_a_fix(start: Callable[..., Any]) -> None:
    done = start(["-c", BATCHES, "killed", "2"])

    assert done.wait() == 0, done.said
    said = done.printed.splitlines()
    assert said[0] == "400 clips"
    assert "was killed by signal 9 (out of memory?): give the job more memory" in said[1]
    assert all(word in said[1] for word in ("--workers", "--resume"))
    assert len(said) == 2


@pytest.mark.slow
def test_loader_batch_that_cannot_be_sent_is_an_error(
    start: Callable[..., Any],
) -> None:
    """The limit on the size of a file counts in /dev/shm too, and stands for one that is full."""
    done = start(["-c", BATCHES, "limited", "1"])

    assert done.wait(60) == 0, done.said
    assert done.printed.startswith("loader processes cannot hand over data (")
    assert all(way in done.printed for way in ("/dev/shm", "--workers 0", "--shm-size"))
    assert done.printed.count("\n") == 1
    assert "Traceback" not in done.said


def may_run(argv: list[str]) -> bool:
    return subprocess.run(argv, capture_output=True, check=False).returncode == 0


@pytest.mark.slow
def test_loader_with_full_shared_memory_is_an_error(tmp_path: Path) -> None:
    """With a /dev/shm of its own, which takes root or a user namespace."""
    ways = [["unshare", "-m", "true"], ["unshare", "-Urm", "true"]]
    allowed = [way[:-1] for way in ways if shutil.which(way[0]) and may_run(way)]
    if not allowed:
        pytest.skip("this user may not mount: the limit of files stands for it")
    script = 'mount -t tmpfs -o size=600k tmpfs /dev/shm && exec "$@"'
    argv = [*allowed[0], "sh", "-c", script, "sh", sys.executable, "-c", BATCHES, "full", "1"]

    done = subprocess.run(argv, capture_output=True, text=True, timeout=240)

    assert done.returncode == 0, done.stderr
    assert "/dev/shm" in done.stdout.splitlines()[-1]
    assert "--shm-size" in done.stdout


@pytest.mark.slow
def test_workers_do_without_a_short_tmpdir(start: Callable[..., Any], tmp_path: Path) -> None:
    """The path of a socket has at most 107 bytes."""
    long = tmp_path / ("x" * 120)
    long.mkdir()

    done = start(["-c", BATCHES, "long", "1"], env={"TMPDIR": str(long)})

    assert (done.wait(), done.printed) == (0, "400 clips\n"), done.said


def one_clip() -> Dataset[AVBatch]:
    """Return a dataset whose class workers can import, unlike one of this file."""
    clip = AVBatch(
        video=torch.zeros(1, 3, 2, 2, 2, dtype=torch.uint8),
        mfcc=torch.zeros(1, 3, 2),
        audio_valid=torch.ones(1, 3, dtype=torch.bool),
        label=torch.zeros(1, dtype=torch.int64),
        clip=torch.zeros(1, dtype=torch.int64),
        seed=torch.zeros(1, dtype=torch.int64),
    )
    return Subset(cast("Dataset[AVBatch]", [clip]), [0])


INTERRUPTED_WHILE_ITS_WORKERS_START = """
import multiprocessing, signal, time
from avme.data.dataloader import build_loader

class Slow:
    def __len__(self):
        return 4

    def __getitem__(self, index):
        raise NotImplementedError

    def __setstate__(self, state):  # in a worker: it starts for a minute
        time.sleep(60)

    def __getstate__(self):
        return {"x": 1}

def interrupt(number, frame):
    raise KeyboardInterrupt

if __name__ == "__main__":
    signal.signal(signal.SIGALRM, interrupt)
    stream = iter(build_loader(Slow(), [[0], [1]], workers=2, pin=False))
    workers = multiprocessing.active_children()
    signal.setitimer(signal.ITIMER_REAL, 0.2)
    try:
        next(stream)
    except KeyboardInterrupt:
        for worker in workers:
            worker.join(20)
    print(len(workers), sorted({worker.exitcode for worker in workers}, key=str), flush=True)
"""


@pytest.mark.slow
def test_ctrl_c_ends_workers_that_still_start(tmp_path: Path) -> None:
    program = tmp_path / "interrupted.py"  # which workers can import
    program.write_text(INTERRUPTED_WHILE_ITS_WORKERS_START)

    ended = subprocess.run(
        [sys.executable, str(program)], capture_output=True, text=True, timeout=120, check=False
    )

    assert (ended.stdout, ended.stderr) == ("2 [-9]\n", "")


INTERRUPTED_WHILE_ITS_SERVER_STARTS = """
import os, signal, sys, time
from multiprocessing import forkserver
from avme.data.dataloader import build_loader

if __name__ == "__main__":
    signal.signal(signal.SIGALRM, signal.default_int_handler)
    loader = build_loader([0, 1], [[0], [1]], workers=2, pin=False)
    server = forkserver._forkserver._forkserver_pid
    os.kill(server, signal.SIGSTOP)  # as while it imports torch
    signal.setitimer(signal.ITIMER_REAL, 0.5)
    try:
        iter(loader)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    os.kill(server, signal.SIGCONT)
    time.sleep(float(sys.argv[1]))
"""


@pytest.mark.slow
def test_ctrl_c_ends_the_start_of_a_worker(tmp_path: Path) -> None:
    program = tmp_path / "interrupted.py"
    program.write_text(INTERRUPTED_WHILE_ITS_SERVER_STARTS)

    ended = subprocess.run(
        [sys.executable, str(program), "3"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert (ended.stdout, ended.stderr) == ("interrupted\n", "")


def test_build_loader_draws_random_numbers_at_its_start() -> None:
    """torch's loaders draw their seed then; a step after a resumption must not notice."""
    loader = build_loader(one_clip(), [[0]], workers=0, pin=False)
    stream = interruptible(loader, world=1)
    torch.manual_seed(7)
    before = torch.get_rng_state()

    assert len(next(stream)) == 1

    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.slow
def test_build_loader_with_more_workers_than_cores_does_not_warn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})

    loader = build_loader(one_clip(), [[0], [0]], workers=2, pin=False)

    assert sum(len(batch) for batch in loader) == 2


def test_preloaded_modules_have_torchvision_where_fine_tuning_loaded_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    used = "torchvision.transforms.v2"
    assert type(FinetuneTransform(ClipConfig(), AugmentConfig()).crop).__module__.startswith(used)

    with_it = preloaded_modules()
    monkeypatch.delitem(sys.modules, used)

    assert with_it == ["avme.data.dataloader", used]
    assert preloaded_modules() == ["avme.data.dataloader"]
