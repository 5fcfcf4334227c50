"""Which ffmpeg tests use: that of the wheel starts in a fifth of the time of Debian's.

It writes all videos. Quick tests read them with it too; all tests together, as in CI, read them
with the machine's. Tests with the fixture `ffmpeg` take both.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import NoReturn

import imageio_ffmpeg
import pytest

WRITER = str(imageio_ffmpeg.get_ffmpeg_exe())
MACHINE_PATH = os.environ.setdefault("TESTS_MACHINE_PATH", os.environ.get("PATH", os.defpath))
"""PATH as it was; the processes of pytest-xdist have it from the one that started them."""


def pytest_configure(config: pytest.Config) -> None:
    """Put the wheel's ffmpeg first on PATH for quick tests."""
    if config.option.markexpr == "not slow":
        folder = Path(tempfile.mkdtemp(prefix="ffmpeg-"))
        folder.chmod(0o755)  # some tests run as another user
        (folder / "ffmpeg").symlink_to(WRITER)
        os.environ["PATH"] = f"{folder}{os.pathsep}{MACHINE_PATH}"
        config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))


@pytest.fixture(scope="session", params=["machine", "wheel"])
def ffmpeg(request: pytest.FixtureRequest, lacking: Callable[[str], NoReturn]) -> str:
    """Path of each ffmpeg in turn: that on PATH (Debian's 5.1 in CI), then imageio-ffmpeg's."""
    if request.param == "wheel":
        return WRITER
    from avme.media.ffmpeg.process import _find_ffmpeg  # after the checks of shapes: see conftest

    own = _find_ffmpeg(MACHINE_PATH)
    return own if own != WRITER else lacking("a usable ffmpeg on PATH")


@pytest.fixture
def ffmpeg_on_path(ffmpeg: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Each ffmpeg in turn, put first on PATH so that commands and their workers find it."""
    program = tmp_path / "ffmpeg-on-path" / "ffmpeg"
    program.parent.mkdir()
    program.symlink_to(ffmpeg)
    monkeypatch.setenv("PATH", str(program.parent), prepend=os.pathsep)
    return str(program)


@pytest.fixture(scope="session")
def make_video() -> Callable[..., Path]:
    """A factory of moving test pictures with a tone; `audio` is a lavfi source or None."""

    def make(
        path: Path,
        *,
        frames: int = 8,
        fps: str = "25",
        size: str = "48x32",
        audio: str | None = "sine=frequency=440:sample_rate=16000",
        options: tuple[str, ...] = (),
    ) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        seconds = float(frames / Fraction(fps))
        pictures = ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={fps},trim=end_frame={frames}"]
        track = ["-f", "lavfi", "-i", f"{audio},atrim=duration={seconds}"] if audio else []
        arguments = [WRITER, "-nostdin", "-loglevel", "error", "-y", *pictures, *track]
        arguments += ["-c:v", "mpeg4", "-c:a", "pcm_s16le"]
        arguments += ["-bitexact", *options, f"file:{path}"]
        subprocess.run(arguments, check=True, timeout=60, capture_output=True)
        return path

    return make
