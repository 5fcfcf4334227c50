"""Slides and screen recordings: a frame is on screen until the next one, however long that is."""

import io
import struct
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from avme.errors import MediaError
from avme.media.container.displayed_frame import DisplayedFrame, begin_of_shown, last_shown
from avme.media.decode import Recipe, decode
from avme.media.ffmpeg.process import find_ffmpeg
from avme.media.span import Span
from tests.media.numbered_frames import BITS, SIDE, extracted

pytestmark = pytest.mark.slow

MPEG4 = ("-c:v", "mpeg4", "-q:v", "2")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-bf", "2")
SLIDES = {  # slide n, from 1, appears at 5 * (n - 1) s
    "slides.mp4": (*H264, "-c:a", "aac"),
    "slides.mkv": (*H264, "-c:a", "aac"),
    "slides.webm": ("-c:v", "libvpx", "-b:v", "200k", "-c:a", "libopus"),
    "slides.avi": ("-c:v", "mpeg4", "-q:v", "2", "-c:a", "pcm_s16le"),
    # ffmpeg 7.1.5 sometimes fails to mux audio beside so few frames without the last option.
    "slides.flv": ("-c:v", "flv", "-q:v", "2", "-c:a", "aac", "-max_interleave_delta", "0"),
    "slides.ts": (*H264, "-c:a", "aac"),
    "slides.wmv": ("-c:v", "wmv2", "-q:v", "2", "-c:a", "wmav2"),
}
RECORDING = (0, 1, 2, 3, 70, 71, 200, 240)
"""Frames of 25 a second in which something changed; the sound goes on for 12 s."""
SECONDS = {"slides": 20, "screen": 12}


def numbered(fps: str, options: str) -> str:
    shown = rf"if(mod(floor((N+1)/pow(2\,floor(X/{SIDE})))\,2)\,220\,30)"
    size = f"{BITS * SIDE}x{SIDE}"
    return f"color=s={size}:r={fps},format=gray,geq=lum='{shown}',format=yuv420p,{options}"


def encode(path: Path, frames: str, *options: str) -> Path:
    audio = f"anoisesrc=r=44100:seed=1:amplitude=0.3,atrim=duration={SECONDS[path.stem]}"
    command = [find_ffmpeg(), "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", frames]
    command += ["-f", "lavfi", "-i", audio, "-fps_mode", "vfr", *options, str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path


@pytest.fixture(scope="session")
def slides(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("videos")
    for name, options in SLIDES.items():
        encode(folder / name, numbered("1/5", "trim=end_frame=4"), *options)
    kept = "+".join(f"eq(n,{frame})" for frame in RECORDING)
    frames = numbered("25", f"trim=end_frame=250,select='{kept}'")
    for name in ("screen.mp4", "screen.mkv"):
        encode(folder / name, frames, *H264, "-c:a", "aac")
    return folder


@pytest.mark.parametrize("name", SLIDES)
@pytest.mark.parametrize(
    ("span", "shown", "pts"),
    [
        (Span(7.0, 9.0), [2], [0.0]),
        (Span(7.0, 12.5), [2, 3], [0.0, 3.0]),
        (Span(10.0, 15.0), [3], [0.0]),
        (Span(17.0, 19.0), [4], [0.0]),
    ],
)
def test_begin_of_shown_at_start_of_a_span_is_the_slide_on_screen(
    slides: Path, tmp_path: Path, name: str, span: Span, shown: list[int], pts: list[float]
) -> None:
    media, numbers = extracted(slides / name, tmp_path / "work", span)

    assert numbers == shown
    assert np.allclose(media.pts, pts, rtol=0, atol=2e-3)
    assert span.end_seconds is not None
    assert media.seconds == pytest.approx(span.end_seconds - span.start_seconds, abs=2e-3)
    assert media.audio == "audible"
    assert media.audio_start_seconds == pytest.approx(0.0, abs=2e-3)
    assert media.audio_seconds == pytest.approx(media.seconds, abs=2e-3)
    assert media.audio_rows == (0, 4 * len(shown))
    assert media.warnings == ()


@pytest.mark.parametrize("name", ["slides.mp4", "slides.avi", "slides.ts"])
def test_versions_of_ffmpeg_agree_on_slides(
    slides: Path, tmp_path: Path, ffmpeg_on_path: str, name: str
) -> None:
    whole, numbers = extracted(slides / name, tmp_path / "work", None)
    _, shown = extracted(slides / name, tmp_path / "work", Span(7.0, 12.5))

    assert (numbers, shown) == ([1, 2, 3, 4], [2, 3])
    assert whole.seconds == pytest.approx(20.0)
    assert whole.audio_start_seconds == pytest.approx(0.0, abs=0.03)
    assert whole.warnings == ()


@pytest.mark.parametrize("name", ["screen.mp4", "screen.mkv"])
def test_begin_of_shown_in_screen_recording_needs_no_new_frame(
    slides: Path, tmp_path: Path, ffmpeg_on_path: str, name: str
) -> None:
    still, shown_still = extracted(slides / name, tmp_path / "work", Span(4.0, 6.0))
    later, shown_later = extracted(slides / name, tmp_path / "work", Span(2.0, 9.0))

    assert shown_still == [72]
    assert still.seconds == pytest.approx(2.0, abs=2e-3)
    assert shown_later == [4, 71, 72, 201]
    assert np.allclose(later.pts, [0.0, 0.8, 0.84, 6.0], rtol=0, atol=2e-3)
    assert later.seconds == pytest.approx(7.0, abs=2e-3)
    assert still.audio == later.audio == "audible"
    assert still.audio_seconds == pytest.approx(2.0, abs=2e-3)
    assert later.audio_seconds == pytest.approx(7.0, abs=2e-3)


def test_begin_of_shown_finds_a_frame_decoded_long_before(tmp_path: Path) -> None:
    """A muxer dates the first packet of such a stream 24 s before its frame is presented."""
    path = tmp_path / "slides.ts"
    command = [find_ffmpeg(), "-nostdin", "-loglevel", "error", "-f", "lavfi"]
    command += ["-i", numbered("1/12", "trim=end_frame=4"), *H264, str(path)]
    subprocess.run(command, check=True, timeout=60)

    media, numbers = extracted(path, tmp_path / "work", Span(7.0, 9.0))

    assert numbers == [1]
    assert media.pts.tolist() == [0.0]
    assert media.seconds == pytest.approx(2.0, abs=2e-3)


def test_begin_of_shown_with_decreasing_times_is_refused(tmp_path: Path) -> None:
    """Fragments that begin before the delay of the encoder is known: no reader has other times."""
    frames, flags = numbered("1/5", "trim=end_frame=6"), "frag_keyframe+empty_moov"
    options = ("-c:v", "libx264", "-bf", "3", "-c:a", "aac", "-movflags")
    folders = tmp_path / "early", tmp_path / "delayed"
    for folder in folders:
        folder.mkdir()
    early = encode(folders[0] / "slides.mp4", frames, *options, flags)
    delayed = encode(folders[1] / "slides.mp4", frames, *options, f"{flags}+delay_moov")
    with av.open(str(early)) as container:
        times = [frame.time for frame in container.decode(video=0)]
    assert times != sorted(times)

    with pytest.raises(
        MediaError, match=r"slides\.mp4 has frame timestamps that decrease"
    ) as raised:
        extracted(early, tmp_path / "work", Span(7.0, 9.0))
    assert raised.value.reason == "undecodable"
    assert extracted(delayed, tmp_path / "work", Span(7.0, 9.0))[1] == [2]


def test_begin_of_shown_after_the_last_frame_is_refused(slides: Path) -> None:
    with av.open(str(slides / "slides.mp4")) as container:
        video = container.streams.video[0]

        assert begin_of_shown(container, video, 9.9) == 5.0
        assert begin_of_shown(container, video, 99.0) == 15.0
        assert last_shown(container, video, 12.0) == DisplayedFrame(10.0, float("inf"))
        assert last_shown(container, video, float("inf")) == DisplayedFrame(15.0, 20.0)


def test_last_shown_frame_lasts_as_long_as_the_file_declares(tmp_path: Path) -> None:
    path, tick = tmp_path / "two.mkv", Fraction(1, 1000)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = BITS * SIDE, SIDE, "yuv420p"
        for packet_pts, duration in ((0, 500), (500, 9500)):
            frame = av.VideoFrame.from_ndarray(
                np.full((SIDE, BITS * SIDE), packet_pts // 10, np.uint8), format="gray"
            ).reformat(format="yuv420p")
            for packet in stream.encode(frame):
                packet.pts = packet.dts = packet_pts
                packet.duration, packet.time_base = duration, tick
                container.mux(packet)

    media, _ = extracted(path, tmp_path / "work", None)

    assert media.pts.tolist() == [0.0, 0.5]
    assert media.seconds == pytest.approx(10.0, abs=2e-3)


def with_empty_chunks(avi: bytes, num_chunks: int) -> bytes:
    """Return an AVI of pictures alone with empty chunks at its end, as capture drops frames."""
    (old,) = struct.unpack_from("<I", avi, avi.index(b"avih") + 24)
    empty = (b"00dc" + bytes(4)) * (num_chunks - old)
    at = avi.index(b"movi")
    (size,) = struct.unpack_from("<I", avi, at - 4)
    content = bytearray(avi[: at - 4 + 4 + size] + empty)
    struct.pack_into("<I", content, at - 4, size + len(empty))
    struct.pack_into("<I", content, 4, len(content) - 8)
    struct.pack_into("<I", content, avi.index(b"avih") + 24, num_chunks)
    struct.pack_into("<I", content, avi.index(b"strh") + 40, num_chunks)
    return bytes(content)


def test_last_shown_frame_repeated_by_avi_is_no_damage(tmp_path: Path) -> None:
    path = encode(tmp_path / "screen.avi", numbered("25", "trim=end_frame=25"), "-an", *MPEG4)
    path.write_bytes(with_empty_chunks(path.read_bytes(), 250))
    recipe = Recipe(find_ffmpeg(), 3, None, 13, -60.0, 60.0, min_decoded_fraction=0.5)

    media = decode(path, io.BytesIO(), work=tmp_path, recipe=recipe)
    still, shown = extracted(path, tmp_path / "work", Span(6.0, 8.0))

    assert len(media.pts) == 25
    assert media.seconds == pytest.approx(10.0)
    assert shown == [25]
    assert still.seconds == pytest.approx(2.0)
    path.write_bytes(path.read_bytes()[: -8 * 225 - 20])
    with pytest.raises(MediaError, match="is truncated or damaged"):
        decode(path, io.BytesIO(), work=tmp_path, recipe=recipe)
