"""Probing reads claims, and opens nothing but the file itself."""

import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from avme.errors import MediaError
from avme.media.container.probe import probe
from tests.video_writer import WRITER

MakeVideo = Callable[..., Path]


def test_probe_describes_the_header(tmp_path: Path, make_video: MakeVideo) -> None:
    info = probe(make_video(tmp_path / "clip.avi", frames=6, fps="30000/1001"))

    assert (info.width, info.height) == (48, 32)
    assert info.fps == Fraction(30_000, 1001)
    assert info.num_frames_from_header == 6
    assert info.codec == "mpeg4"
    assert info.audio is not None
    assert info.audio.sample_rate_hz == 16_000


def test_probe_of_video_without_audio_has_none(tmp_path: Path, make_video: MakeVideo) -> None:
    assert probe(make_video(tmp_path / "clip.avi", audio=None)).audio is None


@pytest.mark.parametrize(
    ("name", "size"), [("rotated_90.mp4", (240, 320)), ("rotated_180.mp4", (320, 240))]
)
def test_probe_size_is_that_of_the_upright_frame(
    shared: Path, name: str, size: tuple[int, int]
) -> None:
    info = probe(shared / "data" / "oddmedia" / name)

    assert (info.width, info.height) == size


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("zero_byte.avi", "empty"),
        ("text.avi", "unreadable"),
        ("html_404.mp4", "unreadable"),
        ("audio_only.avi", "no-video"),
        ("audio_with_cover.m4a", "no-video"),
    ],
)
def test_probe_of_other_file_gives_the_reason(shared: Path, name: str, reason: str) -> None:
    with pytest.raises(MediaError, match=name) as caught:
        probe(shared / "data" / "oddmedia" / name)

    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("name", "codec"), [("a.m2v", "mpeg2video"), ("a.h264", "libx264"), ("a.m4v", "mpeg4")]
)
def test_probe_of_stream_without_container_names_it(tmp_path: Path, name: str, codec: str) -> None:
    path = tmp_path / name
    command = [WRITER, "-loglevel", "error", "-f", "lavfi", "-i", "testsrc2=s=64x48:d=0.2"]
    raw = name.split(".")[1].replace("m2v", "mpeg2video")
    subprocess.run([*command, "-c:v", codec, "-f", raw, str(path)], check=True, timeout=60)

    with pytest.raises(MediaError, match="raw video stream, without a container") as raised:
        probe(path)

    assert raised.value.reason == "unreadable"


@pytest.mark.parametrize("kind", ["hls", "concat", "ffmetadata"])
def test_probe_of_playlist_named_as_video_does_not_follow_it(
    tmp_path: Path, make_video: MakeVideo, kind: str
) -> None:
    target = make_video(tmp_path / "secret.avi")
    texts = {
        "hls": f"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{target}\n#EXT-X-ENDLIST\n",
        "concat": f"ffconcat version 1.0\nfile '{target}'\n",
        "ffmetadata": ";FFMETADATA1\ntitle=x\n",
    }
    bait = tmp_path / "bait.avi"
    bait.write_text(texts[kind])

    with pytest.raises(MediaError, match=r"bait\.avi") as caught:
        probe(bait)

    assert caught.value.reason == "unreadable"
