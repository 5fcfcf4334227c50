"""Fixtures for all floors: the shared real data, and tiny videos that ffmpeg makes on the spot."""

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import NoReturn

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # tiny tensors: threads would only wait

from avme.media.ffmpeg import find_ffmpeg

_ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def lacking() -> Callable[[str], NoReturn]:
    """Ends a test for which this machine lacks something; a CI machine must lack nothing."""

    def end(what: str) -> NoReturn:
        if os.environ.get("CI") == "true":
            pytest.fail(f"{what} is missing on a CI machine")
        pytest.skip(f"{what} is not there")

    return end


@pytest.fixture(scope="session")
def run_ranks() -> Callable[..., None]:
    """Runs a Python program in several processes that know each other (gloo)."""

    def run(world: int, program: str, *arguments: str) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = str(free.getsockname()[1])
        shared = {"WORLD_SIZE": str(world), "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        ranks = [
            subprocess.Popen(
                [sys.executable, "-c", program, *arguments],
                env=os.environ | shared | {"RANK": str(rank)},
            )
            for rank in range(world)
        ]
        assert [rank.wait(timeout=120) for rank in ranks] == [0] * world

    return run


@pytest.fixture(scope="session")
def shared(lacking: Callable[[str], NoReturn]) -> Path:
    """The folder of real data beside the repository."""
    folder = _ROOT.parent / "shared"
    if not folder.is_dir():
        lacking(str(folder))
    return folder


@pytest.fixture(scope="session")
def make_video() -> Callable[..., Path]:
    """A factory of moving test pictures with a tone; `sound` is a lavfi source or None."""

    def make(
        path: Path,
        *,
        frames: int = 8,
        fps: str = "25",
        size: str = "48x32",
        sound: str | None = "sine=frequency=440:sample_rate=16000",
        options: tuple[str, ...] = (),
    ) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        seconds = float(frames / Fraction(fps))
        pictures = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={fps},trim=end_frame={frames}"]
        track = ["-f", "lavfi", "-i", f"{sound},atrim=duration={seconds}"] if sound else []
        arguments = [find_ffmpeg(), "-nostdin", "-loglevel", "error", "-y", *pictures, *track]
        arguments += ["-c:v", "mpeg4", "-c:a", "pcm_s16le"]
        arguments += ["-bitexact", *options, f"file:{path}"]
        subprocess.run(arguments, check=True, timeout=60, capture_output=True)
        return path

    return make
