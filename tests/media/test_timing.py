"""Times of pictures that run backwards, as those of small pictures in a program stream do."""

import io
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from avme.errors import MediaError
from avme.media.decode import DecodedClip, Recipe, decode
from avme.media.ffmpeg.process import find_ffmpeg
from avme.media.span import Span
from tests.video_writer import WRITER


def extracted(path: Path, work: Path, span: Span | None = None) -> DecodedClip:
    recipe = Recipe(find_ffmpeg(), 3, None, 13, -60.0, 60.0)
    return decode(path, io.BytesIO(), work=work, recipe=recipe, span=span)


def set_back(path: Path, seconds: float) -> Path:
    """Fifty pictures; the second half is set back by so much."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        stream.time_base = tick = Fraction(1, 1000)
        for number in range(50):
            frame = av.VideoFrame(64, 48, "yuvj420p")
            frame.pts, frame.time_base = 40 * number, tick
            for packet in stream.encode(frame):
                packet.time_base, packet.dts = tick, number
                packet.pts = 3000 + 40 * number - round(1000 * seconds) * (number >= 25)
                container.mux(packet)
    return path


@pytest.mark.parametrize("span", [None, Span(1.2, 3.0)])
def test_frames_without_timestamps_follow_at_the_frame_rate(
    tmp_path: Path, span: Span | None
) -> None:
    black, path = "color=black:size=320x240:rate=25:duration=6", tmp_path / "black.mpg"
    command = [WRITER, "-loglevel", "error", "-f", "lavfi", "-i", black]
    command += ["-f", "lavfi", "-i", "sine=d=6", "-c:v", "mpeg2video", "-bf", "2", "-c:a", "mp2"]
    subprocess.run([*command, str(path)], check=True, timeout=60)

    media = extracted(path, tmp_path, span)

    assert len(media.pts) == (150 if span is None else 45)
    assert np.allclose(media.pts, np.arange(len(media.pts)) / 25, rtol=0, atol=1e-9)
    assert media.audio_start_seconds == pytest.approx(0.0, abs=0.05)
    assert media.ffmpeg_log == ""
    assert media.warnings == (
        "timestamps-fixed: frame timestamps decreased; those follow at 25 fps",
    )


def test_timing_of_clock_set_back_slightly_recovers(tmp_path: Path) -> None:
    media = extracted(set_back(tmp_path / "clip.mkv", 0.12), tmp_path)

    assert len(media.pts) == 50
    assert (np.diff(media.pts) > 0).all()
    assert [warning.split(":")[0] for warning in media.warnings] == ["timestamps-fixed"]


def test_timing_of_clock_set_back_far_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"clip\.mkv: ffmpeg ended with") as caught:
        extracted(set_back(tmp_path / "clip.mkv", 1.0), tmp_path)

    assert caught.value.reason == "undecodable"
