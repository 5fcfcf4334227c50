"""Checks of a file to read, before anything is loaded: one line for what is no video."""

import re
from pathlib import Path
from typing import Final

from avme.errors import MediaError, UsageError

_URL: Final = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]*:/{1,2}\S")
_HEAD_BYTES: Final = 16
_IMAGES: Final = (b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"BM", b"II*\0", b"MM\0*", b"\0\0\1\0")
_IMAGE_BRANDS: Final = (b"heic", b"heix", b"mif1", b"avif", b"jp2 ", b"jxl ")
_AUDIO: Final = (b"ID3", b"fLaC", b"#!AMR", b".snd", b"MThd", b"\xff\xfb", b"\xff\xf3", b"\xff\xf1")
_AUDIO_BRANDS: Final = (b"M4A ", b"M4B ", b"M4P ", b"F4A ")
NO_FRAMES: Final = (
    "it has audio but no frames, which every model needs, as audio is aligned with frames (got "
    "audio alone, expected a video)"
)


def is_url(text: str) -> bool:
    """Return True for an address such as `http://host/file`."""
    return _URL.match(text) is not None


def require_media_file(path: Path) -> None:
    """Raise an error for what cannot be a video, by its kind and its first bytes.

    Raises:
        UsageError: It is an address, does not exist, or is no regular file.
        MediaError: It is empty, unreadable, an image, or audio without frames.
    """
    if is_url(str(path)):
        raise UsageError(
            f"{path}: addresses are not read (got a URL, expected a file): download it first"
        )
    if not path.is_file():
        found = "is no regular file" if path.exists() else "does not exist"
        raise UsageError(f"{path} {found}, expected a video")
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except OSError as error:
        message = f"{path} cannot be read: {error.strerror}"
        raise MediaError(message, reason="unreadable") from error
    if not head:
        raise MediaError(f"{path} is empty (0 bytes), expected a video", reason="empty")
    if _is_image(head):
        raise MediaError(
            f"{path} is an image (got one frame, expected a video): a model reads several frames",
            reason="no-video",
        )
    if _is_audio(head):
        raise MediaError(f"{path}: {NO_FRAMES}", reason="no-video")


def _is_image(head: bytes) -> bool:
    if head[4:8] == b"ftyp":
        return head[8:12] in _IMAGE_BRANDS
    return head.startswith(_IMAGES) or (head.startswith(b"RIFF") and head[8:12] == b"WEBP")


def _is_audio(head: bytes) -> bool:
    if head[4:8] == b"ftyp":
        return head[8:12] in _AUDIO_BRANDS
    return (
        head.startswith(_AUDIO)
        or (head.startswith((b"RIFF", b"RF64")) and head[8:12] == b"WAVE")
        or (head.startswith(b"FORM") and head[8:12] in (b"AIFF", b"AIFC"))
    )
