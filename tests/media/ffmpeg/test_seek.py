"""A span of a long video: the pictures on screen, its sound, and nothing decoded that is far away.

Every frame shows its own number: bits as bright or dark squares, which survive any codec.
"""

import io
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import imageio_ffmpeg
import numpy as np
import pytest

from avme.errors import MediaError
from avme.media.container.probe import probe
from avme.media.ffmpeg.args import transcode_arguments
from avme.media.ffmpeg.demux import AudioTrack, demux
from avme.media.ffmpeg.process import find_ffmpeg, transcode
from avme.media.ffmpeg.seek import find_cut
from avme.media.span import Span
from tests.media.numbered_frames import BITS, SIDE, extracted, number

pytestmark = pytest.mark.slow

NUM_FRAMES = 150
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "300", "-bf", "3", "-c:a", "aac")
MPEG4 = ("-c:v", "mpeg4", "-q:v", "2", "-g", "300", "-c:a", "pcm_s16le")
KINDS = {
    "25.mp4": ("25", H264),
    "2997.mp4": ("30000/1001", H264),
    "25.avi": ("25", MPEG4),
    "b_frames.avi": ("25", (*MPEG4, "-bf", "2")),
    "h264.avi": ("25", (*H264[:-2], "-c:a", "pcm_s16le")),
    "2997.mkv": ("30000/1001", H264),
    "25.ts": ("25", H264),
    "25.flv": ("25", H264),
}


@pytest.fixture(scope="module")
def numbered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of videos whose frame n shows the number n, with few key frames."""
    folder = tmp_path_factory.mktemp("numbered")
    for name, (fps, options) in KINDS.items():
        write(folder / name, fps, options)
    command = [find_ffmpeg(), "-loglevel", "error", "-ss", "2", "-i", str(folder / "25.mp4")]
    subprocess.run([*command, "-c", "copy", str(folder / "edit_list.mp4")], check=True)
    return folder


def write(path: Path, fps: str, options: tuple[str, ...]) -> Path:
    shown = rf"if(mod(floor(N/pow(2\,floor(X/{SIDE})))\,2)\,220\,30)"
    pictures = f"color=s={BITS * SIDE}x{SIDE}:r={fps},format=gray,geq=lum='{shown}',"
    pictures += f"trim=end_frame={NUM_FRAMES},format=yuv420p"
    seconds = float(NUM_FRAMES / Fraction(fps))
    audio = f"anoisesrc=r=16000:seed=1:amplitude=0.3,atrim=duration={seconds}"
    command = [find_ffmpeg(), "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", pictures]
    command += ["-f", "lavfi", "-i", audio, *options, str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path


def all_frames(path: Path) -> list[tuple[float, int]]:
    """Seconds after the first picture and number of every frame, decoded from the start."""
    with av.open(str(path)) as container:
        frames = [
            (frame.time, number(frame.to_ndarray(format="gray")))
            for frame in container.decode()
            if isinstance(frame, av.VideoFrame) and frame.time is not None
        ]
    if path.suffix == ".avi":  # which has no times: chunk n is due at n / fps
        return [(index / 25, shown) for index, (_, shown) in enumerate(frames)]
    return [(time - frames[0][0], shown) for time, shown in frames]


def on_screen(path: Path, start: float, end: float) -> list[tuple[float, int]]:
    """From when on a frame is on screen in a span, and its number."""
    frames = all_frames(path)
    ends = [time for time, _ in frames[1:]] + [float("inf")]
    return [
        (max(time, start), shown)
        for (time, shown), until in zip(frames, ends, strict=True)
        if time < end - 1e-6 and until > start + 1e-3
    ]


def sound_of(path: Path, work: Path, span: Span | None) -> AudioTrack:
    info = probe(path)
    cut = find_cut(path, info, span) if span else None
    size = (info.width, info.height)
    arguments = transcode_arguments(
        find_ffmpeg(), path, work / "clip.nut", info, size=size, jpeg_quality=3, cut=cut
    )
    transcode(arguments, timeout_seconds=60.0)
    start = cut.start_seconds if cut else None
    audio = demux(work / "clip.nut", io.BytesIO(), work / "clip.s16", start_seconds=start).audio
    assert audio is not None
    return audio


@pytest.mark.parametrize("name", [*KINDS, "edit_list.mp4"])
@pytest.mark.parametrize(
    ("start", "end"), [(0.0, 0.4), (0.5, 1.21), (1.001, 2.002), (2.6, 3.37), (3.01, None)]
)
def test_find_cut_gives_the_frames_on_screen_in_the_span(
    numbered: Path, tmp_path: Path, name: str, start: float, end: float | None
) -> None:
    media, shown = extracted(numbered / name, tmp_path / "work", Span(start, end))

    inside = on_screen(numbered / name, start, 1e9 if end is None else end)
    assert shown == [index for _, index in inside]
    times = np.array([time for time, _ in inside])
    assert np.allclose(media.pts, times - times[0], rtol=0, atol=1e-9)
    assert media.audio_start_seconds == pytest.approx(start - times[0], abs=2e-3)
    if end is not None:
        assert media.seconds == pytest.approx(end - times[0], abs=2e-3)


@pytest.mark.parametrize("name", ["25.avi", "25.mp4"])
def test_find_cut_gives_the_audio_of_the_span(numbered: Path, tmp_path: Path, name: str) -> None:
    whole = sound_of(numbered / name, tmp_path, None)
    cut = sound_of(numbered / name, tmp_path, Span(2.62, 3.4))

    first = round((2.62 - whole.start_seconds) * 16_000)
    expected = whole.samples[first : first + round(0.78 * 16_000)].astype(float)
    assert len(cut.samples) == len(expected)
    assert cut.start_seconds == pytest.approx(0.0, abs=1e-4)  # as picture 65 is on screen by then
    assert np.abs(cut.samples - expected).max() <= 2


def test_find_cut_decodes_nothing_far_before_the_span(tmp_path: Path) -> None:
    options = ("-c:v", "libx264", "-g", "10", "-bf", "2", "-c:a", "aac")
    path = write(tmp_path / "clip.mp4", "25", options)
    _, expected = extracted(path, tmp_path / "work", Span(5.0, 6.0))
    content = bytearray(path.read_bytes())
    begin, end = len(content) // 4, len(content) // 2
    content[begin:end] = bytes(end - begin)
    path.write_bytes(content)

    media, shown = extracted(path, tmp_path / "work", Span(5.0, 6.0))

    assert shown == expected == list(range(125, 150))
    assert media.ffmpeg_log == ""
    assert extracted(path, tmp_path / "work", None)[0].ffmpeg_log


@pytest.mark.parametrize("name", ["open_gop.ts", "mpeg2.mpg"])
def test_extract_errors_before_an_intact_cut_are_not_kept(tmp_path: Path, name: str) -> None:
    codecs = {
        "open_gop.ts": ("libx264", "-g", "40", "-x264-params", "open-gop=1"),
        "mpeg2.mpg": ("mpeg2video", "-g", "15", "-bf", "2", "-q:v", "3"),
    }
    path = write(tmp_path / name, "25", ("-c:v", *codecs[name]))

    media, _ = extracted(path, tmp_path / "work", Span(3.3, 4.3))

    assert (len(media.pts), media.ffmpeg_log) == (26, "")


@pytest.mark.parametrize(("name", "frames"), [("25.mp4", 24), ("25.ts", 19)])
def test_extract_errors_of_a_cut_with_a_hole_are_kept(
    tmp_path: Path, name: str, frames: int
) -> None:
    options = ("-c:v", "libx264", "-g", "40") if name == "25.ts" else H264
    path = write(tmp_path / name, "25", options)
    content = bytearray(path.read_bytes())
    begin, end = len(content) * 60 // 100, len(content) * 75 // 100
    content[begin:end] = bytes(end - begin)
    path.write_bytes(content)

    media, _ = extracted(path, tmp_path / "work", Span(3.0, 5.0))

    assert media.ffmpeg_log
    assert len(media.pts) == pytest.approx(frames, abs=6)


def test_find_cut_reads_from_near_the_span_to_its_end(numbered: Path) -> None:
    cut = find_cut(numbered / "25.avi", probe(numbered / "25.avi"), Span(4.0, 5.0))

    assert cut.seek_seconds == pytest.approx(3.0)
    assert cut.read_seconds == pytest.approx(3.0)


def test_find_cut_of_span_beyond_the_file_is_named(
    numbered: Path, tmp_path: Path, ffmpeg_on_path: str
) -> None:
    with pytest.raises(MediaError, match=r"25\.mp4: no frame in its seconds 50-60") as caught:
        extracted(numbered / "25.mp4", tmp_path / "work", Span(50.0, 60.0))

    assert caught.value.reason == "empty-cut"


def test_find_cut_of_partly_covered_span_gives_a_warning(numbered: Path, tmp_path: Path) -> None:
    media, shown = extracted(numbered / "25.mp4", tmp_path / "work", Span(5.0, 15.0))

    assert shown == list(range(125, 150))
    assert media.warnings[0] == "short-cut: 1.000 s decode, expected 10 s"


def test_find_cut_of_video_without_audio_has_none(numbered: Path, tmp_path: Path) -> None:
    silent = tmp_path / "silent.mp4"
    source = str(numbered / "25.mp4")
    command = [find_ffmpeg(), "-loglevel", "error", "-i", source, "-an", "-c", "copy", str(silent)]
    subprocess.run(command, check=True)

    media, shown = extracted(silent, tmp_path / "work", Span(1.0, 2.0))

    assert shown == list(range(25, 50))
    assert media.audio == "none"


def test_find_cut_is_equal_for_other_ffmpegs(numbered: Path, tmp_path: Path) -> None:
    info = probe(numbered / "2997.mp4")
    cut = find_cut(numbered / "2997.mp4", info, Span(2.0, 3.0))
    counts = set()
    for executable in (find_ffmpeg(), imageio_ffmpeg.get_ffmpeg_exe()):
        arguments = transcode_arguments(
            executable,
            numbered / "2997.mp4",
            tmp_path / "clip.nut",
            info,
            size=(info.width, info.height),
            jpeg_quality=3,
            cut=cut,
        )
        transcode(arguments, timeout_seconds=60.0)
        done = demux(
            tmp_path / "clip.nut",
            io.BytesIO(),
            tmp_path / "clip.s16",
            start_seconds=cut.start_seconds,
        )
        counts.add((len(done.pts), len(done.audio.samples) if done.audio else 0))

    assert counts == {(31, 16_000)}  # the first appeared at 1.969 s and stays to 2.002 s


def test_find_cut_with_another_frame_rate_gives_a_warning(tmp_path: Path) -> None:
    slower = ("-vf", "select='lt(n,100)+not(mod(n,5))'", "-fps_mode", "vfr")
    path = write(tmp_path / "clip.mkv", "25", (*H264, *slower))

    fast, _ = extracted(path, tmp_path / "work", Span(1.0, 2.0))
    slow, shown = extracted(path, tmp_path / "work", Span(4.4, 5.4))

    assert fast.warnings == ()
    assert shown == [110, 115, 120, 125, 130]
    assert slow.warnings == (
        "rate-differs: the cut has 5 frames per second, the header records 25",
    )
