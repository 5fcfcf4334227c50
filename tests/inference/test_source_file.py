"""Files that cannot be videos: each kind gets its own line and exit code."""

from collections.abc import Callable
from pathlib import Path

import pytest

from avme.errors import AvmeError
from avme.inference.source_file import is_url, require_media_file

_HEADS = {
    "image.png": (b"\x89PNG\r\n\x1a\n", "is an image"),
    "photo.jpg": (b"\xff\xd8\xff\xe0", "is an image"),
    "anything.mp4": (b"RIFF\0\0\0\0WEBP", "is an image"),
    "photo.heic": (b"\0\0\0\x18ftypheic", "is an image"),
    "tone.wav": (b"RIFF\0\0\0\0WAVE", "audio but no frames"),
    "tone.mp3": (b"ID3\x04", "audio but no frames"),
    "tone.m4a": (b"\0\0\0\x18ftypM4A ", "audio but no frames"),
    "empty.mp4": (b"", "is empty"),
}


@pytest.mark.parametrize("name", _HEADS)
def test_require_media_file_names_what_the_first_bytes_are(tmp_path: Path, name: str) -> None:
    head, expected = _HEADS[name]
    (tmp_path / name).write_bytes(head)

    with pytest.raises(AvmeError, match=expected) as caught:
        require_media_file(tmp_path / name)

    assert caught.value.exit_code == 3
    assert name in str(caught.value)


@pytest.mark.parametrize("name", ["http://host/a.mp4", "https:/host/a.mp4", "missing.mp4", "."])
def test_require_media_file_of_no_file_is_a_usage_error(name: str) -> None:
    with pytest.raises(AvmeError) as caught:
        require_media_file(Path(name))

    assert caught.value.exit_code == 2
    assert ("addresses are not read" in str(caught.value)) == name.startswith("http")


def test_require_media_file_accepts_a_video(
    tmp_path: Path, make_video: Callable[..., Path]
) -> None:
    require_media_file(make_video(tmp_path / "a b.avi", frames=2))


@pytest.mark.parametrize("name", ["C:/a.mp4", "folder/a:b.mp4", "a.mp4", "/http/x.mp4"])
def test_is_url_is_false_for_paths(name: str) -> None:
    assert is_url(name) == name.startswith("C:")
