"""Videos whose pictures and audio can be compared: a box and a beep at the same times."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.video_writer import WRITER


@pytest.fixture(scope="session")
def make_film() -> Callable[..., Path]:
    """A factory of films: a white box and a beep for 0.2 s at every full second from 1 s on.

    `options` are ffmpeg's for the output; `inputs` are further inputs, which come before them.
    """

    def make(
        path: Path,
        *options: str,
        seconds: float = 4,
        rate: int = 48_000,
        inputs: tuple[str, ...] = (),
    ) -> Path:
        box = "drawbox=x=16:y=16:w=32:h=16:c=white:t=fill:enable='gte(n,25)*lt(mod(n,25),5)'"
        beep = "0.3*sin(2*PI*1000*t)*gte(t,1)*lt(mod(t,1),0.2)+0.004*(random(0)-0.5)"
        command = [WRITER, "-nostdin", "-loglevel", "error", "-y"]
        command += ["-f", "lavfi", "-i", f"color=black:s=64x48:r=25:d={seconds},{box}"]
        command += ["-f", "lavfi", "-i", f"aevalsrc='{beep}':s={rate}:d={seconds}"]
        command += [*inputs, *options, f"file:{path}"]
        subprocess.run(command, check=True, timeout=60, capture_output=True)
        return path

    return make
