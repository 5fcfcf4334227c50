"""Files that hold video are known by their first bytes, those that hold sound alone are not."""

import os
import subprocess
from pathlib import Path

import pytest

from avme.media.container.sniff import sniff
from tests.video_writer import WRITER

PICTURES = ["-f", "lavfi", "-i", "testsrc2=s=48x32:r=25:d=0.4"]
SOUND = ["-f", "lavfi", "-i", "sine=d=0.4"]


def made(path: Path, container: str, *options: str) -> Path:
    command = [WRITER, "-nostdin", "-loglevel", "error", "-y", *options]
    subprocess.run([*command, "-f", container, f"file:{path}"], check=True, timeout=60)
    return path


@pytest.mark.parametrize(
    ("container", "codec"),
    [
        ("mp4", "mpeg4"),
        ("mov", "mpeg4"),
        ("3gp", "h263"),
        ("avi", "mpeg4"),
        ("matroska", "mpeg4"),
        ("webm", "libvpx"),
        ("flv", "flv"),
        ("asf", "wmv2"),
        ("ogg", "libtheora"),
        ("mpeg", "mpeg1video"),
        ("mpeg2video", "mpeg2video"),
        ("m4v", "mpeg4"),
        ("h264", "libx264"),
        ("mpegts", "mpeg2video"),
        ("rm", "rv10"),
        ("mxf", "mpeg2video"),
        ("nut", "mpeg4"),
    ],
)
def test_video_is_known_in_every_container(tmp_path: Path, container: str, codec: str) -> None:
    size = ["-s", "176x144"] if container in ("3gp", "rm") else []

    assert sniff(made(tmp_path / "noending", container, *PICTURES, *size, "-c:v", codec))


@pytest.mark.parametrize(
    ("container", "codec"),
    [
        ("ipod", "aac"),
        ("matroska", "flac"),
        ("ogg", "flac"),
        ("asf", "wmav2"),
        ("flv", "aac"),
        ("mp3", "mp2"),
        ("wav", "pcm_s16le"),
        ("adts", "aac"),
    ],
)
def test_sniff_of_audio_alone_is_no_video(tmp_path: Path, container: str, codec: str) -> None:
    if container == "mp3":
        container = "mp2"

    assert not sniff(made(tmp_path / "noending", container, *SOUND, "-c:a", codec))


def test_sniff_of_other_files_and_pipes_is_no_video(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, content in {
        "empty": b"",
        "short": b"RIFF",
        "text": b"label,path\n" * 100,
        "heic": b"\0\0\0\x18ftypheic" + bytes(64),
        "G": b"G" * 100,
    }.items():
        (tmp_path / name).write_bytes(content)

    assert [path.name for path in sorted(tmp_path.iterdir()) if sniff(path)] == []
    assert not sniff(tmp_path / "gone")
    assert not sniff(tmp_path)
