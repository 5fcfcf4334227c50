"""One pass of ffmpeg: whichever binary, bounded in time, and never beyond the file."""

import io
import stat
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from avme.errors import MediaError, SystemRequirementError
from avme.media.container.probe import MediaInfo, probe
from avme.media.decode import Recipe, decode
from avme.media.ffmpeg.args import transcode_arguments
from avme.media.ffmpeg.process import find_ffmpeg, skipped_ffmpeg, target_size, transcode

MakeVideo = Callable[..., Path]


def run_pass(binary: str, clip: Path, target: Path, size: tuple[int, int] | None = None) -> str:
    info = probe(clip)
    arguments = transcode_arguments(
        binary, clip, target, info, size=size or (info.width, info.height), jpeg_quality=3
    )
    return transcode(arguments, timeout_seconds=60.0)


def test_transcode_gives_a_jpeg_per_frame_with_either_binary(
    tmp_path: Path, make_video: MakeVideo, ffmpeg: str
) -> None:
    clip = make_video(tmp_path / "clip.avi", frames=9)

    run_pass(ffmpeg, clip, tmp_path / "out.nut")

    with av.open(str(tmp_path / "out.nut")) as container:
        codecs = [stream.codec_context.name for stream in container.streams]
        frames = [frame for frame in container.decode(video=0)]
    assert codecs == ["mjpeg", "pcm_s16le"]
    assert len(frames) == 9
    assert (frames[0].width, frames[0].height) == (48, 32)


def yuv(rgb: tuple[int, int, int], kr: float, kb: float) -> list[int]:
    """Limited range Y, Cb and Cr of 8 bits, by the formulas of BT.601 and BT.709."""
    r, g, b = (value / 255 for value in rgb)
    y = kr * r + (1 - kr - kb) * g + kb * b
    return [
        round(16 + 219 * y),
        round(128 + 224 * (b - y) / (2 * (1 - kb))),
        round(128 + 224 * (r - y) / (2 * (1 - kr))),
    ]


@pytest.mark.parametrize(
    ("matrix", "kr", "kb"), [("smpte170m", 0.299, 0.114), ("bt709", 0.2126, 0.0722)]
)
@pytest.mark.parametrize(
    "rgb", [(255, 0, 0), (0, 255, 0), (0, 0, 255), (64, 128, 200), (16, 16, 16)]
)
@pytest.mark.slow
def test_transcode_keeps_colors_within_three_levels(
    tmp_path: Path, ffmpeg: str, rgb: tuple[int, int, int], matrix: str, kr: float, kb: float
) -> None:
    luma, *chroma = yuv(rgb, kr, kb)
    frame = bytes([luma] * 32 * 16 + [chroma[0]] * 16 * 8 + [chroma[1]] * 16 * 8)
    (tmp_path / "raw").write_bytes(frame * 2)
    clip = tmp_path / "clip.mkv"
    raw = ["-f", "rawvideo", "-pix_fmt", "yuv420p", "-s", "32x16", "-i", str(tmp_path / "raw")]
    tags = ["-vf", f"setparams=colorspace={matrix}:range=tv"]  # -colorspace converts in newer ones
    command = [ffmpeg, "-loglevel", "error", *raw, *tags, "-c:v", "ffv1", str(clip)]
    subprocess.run(command, check=True, timeout=60)

    run_pass(ffmpeg, clip, tmp_path / "out.nut")

    with av.open(str(tmp_path / "out.nut")) as container:
        jpeg = next(bytes(packet) for packet in container.demux(video=0))
    pixels = np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")).astype(int)
    assert np.abs(pixels - rgb).max() <= 3


def test_transcode_twice_gives_the_same_bytes(tmp_path: Path, make_video: MakeVideo) -> None:
    clip = make_video(tmp_path / "clip.avi")

    run_pass(find_ffmpeg(), clip, tmp_path / "one.nut")
    run_pass(find_ffmpeg(), clip, tmp_path / "two.nut")

    assert (tmp_path / "one.nut").read_bytes() == (tmp_path / "two.nut").read_bytes()


@pytest.mark.parametrize("name", ["-i.avi", 'it\'s a "clip" %03d.avi', "näme\n[2].avi"])
def test_odd_names_are_only_names(tmp_path: Path, make_video: MakeVideo, name: str) -> None:
    clip = make_video(tmp_path / "plain.avi").rename(tmp_path / name)

    run_pass(find_ffmpeg(), clip, tmp_path / "out.nut")

    assert (tmp_path / "out.nut").stat().st_size > 0


def test_target_size_shrinks_to_the_short_side_and_never_grows(
    tmp_path: Path, make_video: MakeVideo
) -> None:
    info = probe(make_video(tmp_path / "clip.avi", size="96x64"))

    assert target_size(info, None) == (96, 64)
    assert target_size(info, 32) == (48, 32)
    assert target_size(info, 640) == (96, 64)


def test_transcode_beyond_the_time_limit_is_killed(tmp_path: Path) -> None:
    began = time.monotonic()

    with pytest.raises(MediaError, match=r"0\.2 s") as caught:
        transcode(["sleep", "30"], timeout_seconds=0.2)

    assert caught.value.reason == "timeout"
    assert time.monotonic() - began < 5


def test_transcode_beyond_the_memory_limit_names_the_setting(
    tmp_path: Path, make_video: MakeVideo
) -> None:
    clip = make_video(tmp_path / "clip.avi")
    info = probe(clip)
    few = 64 * 1024
    arguments = transcode_arguments(
        find_ffmpeg(),
        clip,
        tmp_path / "out.nut",
        info,
        size=(info.width, info.height),
        jpeg_quality=3,
        memory_bytes=few,
    )

    with pytest.raises(MediaError, match="raise memory_mb") as caught:
        transcode(arguments, timeout_seconds=60.0, memory_bytes=2**30)

    assert caught.value.reason == "memory"


def test_ffmpegs_last_words_are_in_the_error(tmp_path: Path) -> None:
    arguments = [find_ffmpeg(), "-nostdin", "-i", "file:" + str(tmp_path / "none.avi")]

    with pytest.raises(MediaError, match="No such file"):
        transcode(arguments, timeout_seconds=60.0)


def test_transcode_does_not_let_ffmpeg_follow_a_playlist(
    tmp_path: Path, make_video: MakeVideo
) -> None:
    clip = make_video(tmp_path / "secret.avi")
    info: MediaInfo = probe(clip)
    bait = tmp_path / "bait.avi"
    bait.write_text(f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{clip}\n#EXT-X-ENDLIST\n")
    arguments = transcode_arguments(
        find_ffmpeg(), bait, tmp_path / "out.nut", info, size=(48, 32), jpeg_quality=3
    )

    with pytest.raises(MediaError):
        transcode(arguments, timeout_seconds=60.0)

    assert not (tmp_path / "out.nut").exists()


@pytest.mark.parametrize(
    ("version", "defect"),
    [
        ("5.1.9-0+deb12u1", None),
        ("7.1.1", None),
        ("N-1234-gabc", None),
        ("4.4.2", "is older than 5.1"),
        ("7.0", "crashes on transport streams"),
        ("7.0.2-static", "crashes on transport streams"),
        ("n7.0.3", "crashes on transport streams"),
    ],
)
def test_find_ffmpeg_skips_an_unusable_binary(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: str, defect: str | None
) -> None:
    own = tmp_path / "ffmpeg"
    own.write_text(f"#!/bin/sh\necho ffmpeg version {version} Copyright\n")
    own.chmod(own.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    assert (find_ffmpeg() == str(own)) is (defect is None)
    assert skipped_ffmpeg() == (defect and f"ffmpeg {version} ({own}) {defect}")


def test_find_ffmpeg_without_any_gives_the_fix(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def none() -> str:
        raise RuntimeError("No ffmpeg exe could be found")

    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("avme.media.ffmpeg.process.imageio_ffmpeg.get_ffmpeg_exe", none)

    with pytest.raises(SystemRequirementError, match="install ffmpeg"):
        find_ffmpeg()


def test_find_ffmpeg_takes_the_first_on_path(ffmpeg_on_path: str) -> None:
    assert find_ffmpeg() == ffmpeg_on_path


def test_transcode_when_killed_leaves_no_process(tmp_path: Path) -> None:
    marker = "31.4159"

    with pytest.raises(MediaError):
        transcode(["sleep", marker], timeout_seconds=0.1)

    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True)
    assert f"sleep {marker}" not in listed.stdout


def test_transcode_by_a_wrapper_kills_its_children_too(tmp_path: Path) -> None:
    wrapper = tmp_path / "ffmpeg"
    wrapper.write_text("#!/bin/sh\nsleep 20\n:\n")
    wrapper.chmod(0o755)
    began = time.monotonic()

    with pytest.raises(MediaError) as caught:
        transcode([str(wrapper)], timeout_seconds=0.2)

    assert caught.value.reason == "timeout"
    assert time.monotonic() - began < 10


def test_transcode_killed_from_outside_does_not_blame_the_audio(
    tmp_path: Path, make_video: MakeVideo
) -> None:
    killed = tmp_path / "ffmpeg"
    killed.write_text("#!/bin/sh\nkill -9 $$\n")
    killed.chmod(0o755)
    clip = make_video(tmp_path / "clip.avi")
    recipe = Recipe(str(killed), 3, None, 13, -60.0, 60.0)

    with pytest.raises(MediaError) as caught:
        decode(clip, io.BytesIO(), work=tmp_path, recipe=recipe)

    assert caught.value.reason == "killed"
