"""A file to pictures and sound on one clock, judged by what decodes."""

import io
import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from avme.errors import MediaError
from avme.media.decode import DecodedClip, Recipe, decode
from avme.media.ffmpeg.process import find_ffmpeg

MakeVideo = Callable[..., Path]


def extracted(clip: Path, work: Path, short_side: int | None = None) -> tuple[DecodedClip, bytes]:
    work.mkdir(exist_ok=True)
    sink = io.BytesIO()
    recipe = Recipe(find_ffmpeg(), 3, short_side, 13, -60.0, 60.0)
    return decode(clip, sink, work=work, recipe=recipe), sink.getvalue()


def first_frame(jpegs: bytes, media: DecodedClip) -> NDArray[np.uint8]:
    return np.asarray(Image.open(io.BytesIO(jpegs[: int(media.jpeg_bytes[0])])).convert("RGB"))


def test_decode_gives_exact_frame_times(tmp_path: Path, make_video: MakeVideo) -> None:
    clip = make_video(tmp_path / "clip.avi", frames=7, fps="30000/1001")

    media, jpegs = extracted(clip, tmp_path / "work")

    assert media.fps == Fraction(30_000, 1001)
    assert np.allclose(media.pts, np.arange(7) * 1001 / 30_000, rtol=0, atol=1e-12)
    assert int(media.jpeg_bytes.sum()) == len(jpegs)
    assert jpegs.count(b"\xff\xd8\xff") == 7
    assert not list((tmp_path / "work").glob("*.nut"))


def decoded(clip: Path) -> NDArray[np.uint8]:
    """The first picture as ffmpeg shows it, without a JPEG in between."""
    png = clip.with_suffix(".png")
    command = [find_ffmpeg(), "-loglevel", "error", "-i", f"file:{clip}", "-frames:v", "1"]
    subprocess.run([*command, "-pix_fmt", "rgb24", f"file:{png}"], check=True)
    return np.asarray(Image.open(png).convert("RGB"))


def test_decode_keeps_the_sharpness_of_the_source(tmp_path: Path, make_video: MakeVideo) -> None:
    clip = make_video(tmp_path / "clip.mkv", size="64x64", options=("-c:v", "ffv1"))

    media, jpegs = extracted(clip, tmp_path / "work")

    difference = first_frame(jpegs, media).astype(float) - decoded(clip)
    brightness = difference @ [0.299, 0.587, 0.114]  # colour is halved by JPEG's 4:2:0
    assert 10 * np.log10(255**2 / np.mean(brightness**2)) > 35


@pytest.mark.parametrize("matrix", ["bt601", "bt709"])
def test_decode_keeps_colors_for_every_matrix(
    tmp_path: Path, make_video: MakeVideo, matrix: str
) -> None:
    tag = "smpte170m" if matrix == "bt601" else matrix
    red = f"drawbox=c=red:t=fill,scale=out_color_matrix={matrix},format=yuv420p"
    clip = make_video(
        tmp_path / "clip.mkv", options=("-vf", red, "-c:v", "libx264", "-colorspace", tag)
    )

    media, jpegs = extracted(clip, tmp_path / "work")

    assert np.abs(first_frame(jpegs, media).astype(int) - [254, 0, 0]).max() <= 6


def test_decode_with_short_side_shrinks_frames(tmp_path: Path, make_video: MakeVideo) -> None:
    clip = make_video(tmp_path / "clip.avi", size="96x64")

    media, jpegs = extracted(clip, tmp_path / "work", short_side=32)

    assert (media.width, media.height) == (48, 32)
    assert first_frame(jpegs, media).shape == (32, 48, 3)


def test_decode_of_clip_without_track_has_no_audio(tmp_path: Path, make_video: MakeVideo) -> None:
    media, _ = extracted(make_video(tmp_path / "clip.avi", audio=None), tmp_path / "work")

    assert media.audio == "none"
    assert media.mfcc.shape == (0, 13)
    assert media.audio_rows == (0, 0)


def test_decode_of_silent_track_differs_from_audible(tmp_path: Path, make_video: MakeVideo) -> None:
    clip = make_video(tmp_path / "clip.avi", audio="anullsrc=r=44100:cl=stereo")

    media, _ = extracted(clip, tmp_path / "work")

    assert media.audio == "silent"
    assert media.audio_rows == (0, 0)


def test_decode_of_one_frame_is_a_clip(tmp_path: Path, make_video: MakeVideo) -> None:
    media, _ = extracted(make_video(tmp_path / "clip.avi", frames=1), tmp_path / "work")

    assert media.pts.tolist() == [0.0]
    assert media.fps == 25
    assert media.mfcc.shape == (4, 13)


@pytest.mark.parametrize(
    ("name", "start_seconds", "rows"),
    [("audio_late.mkv", 0.7, (68, 200)), ("video_late.mkv", -0.7, (0, 133))],
)
def test_start_offsets_of_the_container_are_honoured(
    shared: Path, tmp_path: Path, name: str, start_seconds: float, rows: tuple[int, int]
) -> None:
    media, _ = extracted(shared / "data" / "oddmedia" / name, tmp_path / "work")

    assert media.audio_start_seconds == pytest.approx(start_seconds, abs=0.03)
    assert media.audio_rows == rows
    assert media.mfcc.shape == (200, 13)


def test_decode_of_audio_that_ends_early_ends_its_rows(shared: Path, tmp_path: Path) -> None:
    media, _ = extracted(shared / "data" / "oddmedia" / "audio_half.mp4", tmp_path / "work")

    assert media.audio_rows[0] == 0
    assert media.audio_rows[1] == pytest.approx(102, abs=2)


def test_decode_of_truncated_file_counts_decoded_frames(shared: Path, tmp_path: Path) -> None:
    media, _ = extracted(shared / "data" / "oddmedia" / "trunc_50.avi", tmp_path / "work")

    assert media.info.num_frames_from_header == 50
    assert len(media.pts) == 25


@pytest.mark.parametrize("name", ["vfr.mp4", "interlaced.mpg", "two_joined.avi", "fps_120.mp4"])
def test_frame_counts_and_times_are_ffprobes(
    shared: Path, lacking: Callable[[str], NoReturn], tmp_path: Path, name: str
) -> None:
    ffprobe = shutil.which("ffprobe")
    if ffprobe is None:
        lacking("ffprobe")
    clip = shared / "data" / "oddmedia" / name

    media, _ = extracted(clip, tmp_path / "work")

    options = ["-select_streams", "v:0", "-show_entries", "frame=best_effort_timestamp_time"]
    listed = subprocess.run(
        [ffprobe, "-v", "error", *options, "-of", "csv=p=0", str(clip)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    times = np.array([float(line.strip(",")) for line in listed.split()])
    assert len(media.pts) == len(times)
    assert np.allclose(media.pts, times - times[0], atol=0.002)


def test_decode_of_changing_frame_size_scales_to_one_size(shared: Path, tmp_path: Path) -> None:
    media, jpegs = extracted(shared / "data" / "oddmedia" / "size_change.ts", tmp_path / "work")

    sizes = set()
    offset = 0
    for length in media.jpeg_bytes:
        sizes.add(Image.open(io.BytesIO(jpegs[offset : offset + int(length)])).size)
        offset += int(length)
    assert sizes == {(media.width, media.height)}


def test_decode_of_rotated_video_is_upright(shared: Path, tmp_path: Path) -> None:
    folder = shared / "data" / "oddmedia"

    upright, first = extracted(folder / "good.mp4", tmp_path / "work")
    turned, second = extracted(folder / "rotated_90.mp4", tmp_path / "work")

    expected = np.rot90(first_frame(first, upright))
    difference = first_frame(second, turned).astype(float) - expected
    assert (turned.width, turned.height) == (240, 320)
    assert np.abs(difference).mean() < 4


def test_decode_of_undecodable_audio_keeps_the_frames(
    tmp_path: Path, make_video: MakeVideo
) -> None:
    clip = make_video(tmp_path / "clip.avi", frames=5)
    header = clip.read_bytes()
    at = header.index(b"strf", header.index(b"auds")) + 8
    clip.write_bytes(header[:at] + b"\x34\x12" + header[at + 2 :])

    media, _ = extracted(clip, tmp_path / "work")

    assert len(media.pts) == 5
    assert media.audio == "none"
    assert media.ffmpeg_log


def test_decode_of_track_without_frames_is_refused_by_name(shared: Path, tmp_path: Path) -> None:
    with pytest.raises(MediaError, match=r"zero_frames\.avi"):
        extracted(shared / "data" / "oddmedia" / "zero_frames.avi", tmp_path / "work")


def test_decode_keeps_a_gap_in_the_audio(tmp_path: Path, make_video: MakeVideo) -> None:
    clip = make_video(
        tmp_path / "clip.mkv",
        frames=50,
        options=("-af", "aselect='not(between(t,0.5,1))'", "-c:a", "pcm_s16le"),
    )

    media, _ = extracted(clip, tmp_path / "work")

    assert media.audio_seconds == pytest.approx(2.0, abs=0.1)
    energy = media.mfcc[:, 0]
    assert energy[10:40].min() > energy[60:90].max() + 5
    assert energy[110:150].min() > energy[60:90].max() + 5


@pytest.mark.parametrize("codec", ["mpeg1video", "mpeg2video"])
def test_decode_of_program_stream_with_b_frames_is_ordinary(
    codec: str, tmp_path: Path, make_video: MakeVideo
) -> None:
    options = ("-c:v", codec, "-bf", "2", "-g", "12", "-c:a", "mp2", "-f", "mpeg")
    clip = make_video(tmp_path / "clip.mpg", frames=50, size="64x48", options=options)

    media, _ = extracted(clip, tmp_path)

    np.testing.assert_allclose(media.pts, np.arange(50) / 25, atol=1e-4)
