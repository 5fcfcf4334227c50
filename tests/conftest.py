"""Fixtures for all floors: the shared real data, and Python programs that start at once."""

import gc
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import IO, NoReturn, cast

import jaxtyping
import pytest

from tests.shape_checks import checked, install

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny tensors: threads would only wait
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # in the background of a shell; inherited
    signal.signal(signal.SIGINT, signal.default_int_handler)
if jaxtyping.jaxtyped is not checked:  # before avme is imported
    install()

from avme.io.atomic import read_json, write_json
from avme.io.filenames import DATASET_MANIFEST, INDEX, QUARANTINE
from avme.io.hashing import list_sha256, sha256_of
from avme.io.json_checksum import with_checksum
from avme.shards.dataset import split_path
from avme.system.cpu_count import available_cores

pytest_plugins = (
    "tests.pipeline",
    "tests.fork_servers",
    "tests.feature_files",
    "tests.report_files",
    "tests.video_writer",
)

_ROOT = Path(__file__).resolve().parent.parent
_ALL_SLOW = re.compile(r"^pytestmark = pytest\.mark\.slow$", re.MULTILINE)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out files of slow tests alone, without importing them, where none is asked for."""
    if config.option.markexpr != "not slow" or collection_path.suffix != ".py":
        return None
    return True if _ALL_SLOW.search(collection_path.read_text(encoding="utf-8")) else None


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Keep the collector of garbage away from what imports leave: nothing of it is ever freed."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()
        gc.freeze()


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int | None:
    """Start half as many workers again as cores: slow tests wait for processes and disks."""
    return None if config.option.markexpr else available_cores() * 3 // 2


@pytest.fixture(scope="session")
def lacking() -> Callable[[str], NoReturn]:
    """Ends a test for which this machine lacks something; a CI machine must lack nothing."""

    def end(what: str) -> NoReturn:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{what} is missing on a CI machine")
        pytest.skip(f"{what} is not there")

    return end


class Warm:
    """A Python program in a fork of tests/warm.py."""

    def __init__(self, pid: int, folder: Path, number: int) -> None:
        self.pid, self._code = pid, folder / str(pid)
        self._out, self._err = outputs(folder, number)

    def poll(self) -> int | None:
        """The exit code, as `subprocess.Popen` gives it; None while it runs."""
        return int(self._code.read_text()) if self._code.exists() else None

    def wait(self, timeout: float = 300.0) -> int:
        deadline = time.monotonic() + timeout
        while (code := self.poll()) is None:
            assert time.monotonic() < deadline, f"still there after {timeout} s: {self.said}"
            time.sleep(0.01)
        return code

    @property
    def printed(self) -> str:
        return self._out.read_text()

    @property
    def said(self) -> str:
        """What it printed to stderr."""
        return self._err.read_text()


def outputs(folder: Path, number: int) -> tuple[Path, Path]:
    return folder / f"{number}.out", folder / f"{number}.err"


@pytest.fixture(scope="session")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Warm]]:
    """Starts `python argv` without the seconds that imports of torch take: see tests/warm.py.

    `env` comes on top of the environment; with `session` a process leads a session of its own.
    """
    folder, numbers = tmp_path_factory.mktemp("warm"), count()
    program = [sys.executable, str(_ROOT / "tests" / "warm.py"), str(folder)]
    with subprocess.Popen(
        program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as mother:
        asks, answers = cast(IO[str], mother.stdin), cast(IO[str], mother.stdout)
        assert answers.readline() == "ready\n"

        def begin(
            argv: Sequence[str],
            *,
            env: Mapping[str, str] | None = None,
            cwd: Path | None = None,
            session: bool = False,
        ) -> Warm:
            number = next(numbers)
            for path in outputs(folder, number):
                path.touch()  # who reads it may be faster than the fork
            out, err = (str(path) for path in outputs(folder, number))
            asked = {
                "argv": argv,
                "env": os.environ | (env or {}),
                "cwd": str(cwd or Path.cwd()),
            }
            asks.write(json.dumps({**asked, "out": out, "err": err, "session": session}) + "\n")
            asks.flush()
            return Warm(int(answers.readline()), folder, number)

        yield begin
        asks.close()


@pytest.fixture(scope="session")
def run_ranks(start: Callable[..., Warm]) -> Callable[..., None]:
    """Runs a Python program in several processes that know each other (gloo)."""

    def run(world: int, program: str, *arguments: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        shared = {"WORLD_SIZE": str(world), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        ranks = [
            start(["-c", program, *arguments], env=shared | {"RANK": str(rank)})
            for rank in range(world)
        ]
        codes = [rank.wait() for rank in ranks]
        assert codes == [0] * world, [rank.said for rank in ranks]

    return run


@pytest.fixture(scope="session")
def shared(lacking: Callable[[str], NoReturn]) -> Path:
    """The folder of real data beside the repository."""
    folder = _ROOT.parent / "shared"
    if not folder.is_dir():
        lacking(str(folder))
    return folder


@pytest.fixture(scope="session")
def reseal() -> Callable[..., None]:
    """Makes `dataset.json` fit lists and tables that a test wrote; keywords replace its values."""

    def write(folder: Path, **changes: object) -> None:
        manifest = read_json(folder / DATASET_MANIFEST) | changes
        for split, facts in manifest["splits"].items():
            for part in ("train", "test"):
                ids = split_path(folder, split, part).read_text().splitlines()
                facts |= {part: len(ids), f"{part}_sha256": list_sha256(ids)}
                facts.setdefault(f"{part}_quarantined", 0)
        tables = [name for name in (INDEX, QUARANTINE) if (folder / name).is_file()]
        manifest["tables"] = {name: sha256_of(folder / name) for name in tables}
        write_json(folder / DATASET_MANIFEST, with_checksum(manifest))

    return write
