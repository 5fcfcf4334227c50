"""Slides keep the clock of a transport stream; joined recordings do not."""

import subprocess
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from avme.media.container.probe import probe
from avme.media.container.pts_continuity import is_steady
from tests.media.numbered_frames import extracted
from tests.video_writer import WRITER

CODECS = ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-c:a", "aac")


@pytest.fixture
def recording(tmp_path: Path) -> Callable[..., Path]:
    """A factory of transport streams of `rate` pictures a second, from `begins` on their clock."""

    def record(name: str, rate: str, seconds: int, begins: int = 0) -> Path:
        path = tmp_path / name
        command = [WRITER, "-nostdin", "-loglevel", "error"]
        command += ["-f", "lavfi", "-i", f"testsrc2=s=128x16:r={rate}:d={seconds}"]
        command += ["-f", "lavfi", "-i", f"sine=r=44100:d={seconds}", *CODECS]
        command += ["-output_ts_offset", str(begins), str(path)]
        subprocess.run(command, check=True, timeout=60)
        return path

    return record


@pytest.mark.slow
def test_slides_further_apart_than_a_jump_stay_with_their_audio(
    recording: Callable[..., Path], tmp_path: Path, ffmpeg_on_path: str
) -> None:
    path = recording("slides.ts", "1/12", 36)

    media, _ = extracted(path, tmp_path / "work", None)

    assert is_steady(path, probe(path))
    assert np.allclose(media.pts, [0.0, 12.0, 24.0], atol=1e-3)
    assert media.audio == "audible"
    assert media.audio_start_seconds == pytest.approx(0.0, abs=0.03)
    assert media.audio_seconds == pytest.approx(36.0, abs=0.06)


@pytest.mark.slow
def test_audio_after_a_hole_keeps_its_time(recording: Callable[..., Path], tmp_path: Path) -> None:
    path, holed = recording("whole.ts", "25", 20), tmp_path / "holed.ts"
    with av.open(str(path)) as source, av.open(str(holed), "w") as target:
        tracks = {track.index: target.add_stream_from_template(track) for track in source.streams}
        begin = source.streams.audio[0].start_time or 0
        for packet in source.demux():
            if packet.pts is None or (
                packet.stream.type == "audio" and 4 <= (packet.pts - begin) * packet.time_base < 16
            ):
                continue
            packet.stream = tracks[packet.stream_index]
            target.mux(packet)

    media, _ = extracted(holed, tmp_path / "work", None)

    assert media.audio_seconds == pytest.approx(20.0, abs=0.06)
    assert media.warnings == ()


@pytest.mark.parametrize(("first", "second"), [(0, 100), (100, 0)])
@pytest.mark.slow
def test_joined_recordings_are_closed_up(
    recording: Callable[..., Path], tmp_path: Path, first: int, second: int
) -> None:
    parts = recording("a.ts", "25", 2, first), recording("b.ts", "25", 2, second)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(b"".join(part.read_bytes() for part in parts))

    media, _ = extracted(joined, tmp_path / "work", None)

    assert is_steady(parts[0], probe(parts[0]))
    assert not is_steady(joined, probe(joined))
    assert len(media.pts) == 100
    assert media.seconds == pytest.approx(4.0, abs=0.1)
    assert media.audio_seconds == pytest.approx(4.0, abs=0.1)
