"""Whole files are distinguished from cut, damaged and replaced ones."""

from collections.abc import Callable
from pathlib import Path

import pytest

from avme.media.container.integrity import DAMAGED, UNREADABLE, WHOLE, integrity

H264 = ("-c:v", "libx264", "-threads", "1", "-g", "12")


@pytest.mark.parametrize(
    ("name", "options", "cut"),
    [
        ("clip.avi", (), DAMAGED),
        ("clip.mkv", H264, DAMAGED),
        ("clip.mp4", (*H264, "-c:a", "aac"), UNREADABLE),
        ("clip.mp4", (*H264, "-c:a", "aac", "-movflags", "+faststart"), DAMAGED),
    ],
)
def test_files_that_end_early_are_no_whole_ones(
    tmp_path: Path,
    make_video: Callable[..., Path],
    name: str,
    options: tuple[str, ...],
    cut: int,
) -> None:
    path = make_video(tmp_path / name, frames=50, options=options)
    content = path.read_bytes()

    assert integrity(path, 8).level == WHOLE
    assert integrity(path, 8).seconds == pytest.approx(2.0, abs=0.1)
    path.write_bytes(content[: len(content) * 6 // 10])
    assert integrity(path, 8).level == cut


def test_turned_bits_show_where_they_are_decoded(
    tmp_path: Path, make_video: Callable[..., Path]
) -> None:
    path = make_video(tmp_path / "clip.avi", frames=50, size="160x120", audio=None)
    content = bytearray(path.read_bytes())
    for index in range(len(content) // 2, len(content) * 3 // 4, 37):
        content[index] ^= 0x5A
    path.write_bytes(content)

    assert integrity(path, 1_000).level == DAMAGED


def test_integrity_of_other_file_is_unreadable(tmp_path: Path) -> None:
    for name, content in {"empty.mp4": b"", "page.mp4": b"<html>not here</html>" * 50}.items():
        (tmp_path / name).write_bytes(content)

        assert integrity(tmp_path / name, 8).level == UNREADABLE
    assert integrity(tmp_path / "gone.mp4", 8).level == UNREADABLE
