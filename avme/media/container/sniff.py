"""Detection of video files by their first bytes, for unusual or missing suffixes.

Nothing is decoded or demuxed: a container that may be audio-only counts if its header names a video
track. A wrong result costs a quarantined clip, or a missed one.
"""

import os
import stat
from pathlib import Path
from typing import Final

HEAD_BYTES: Final = 65_536
"""Headers of Matroska, ASF and Ogg name their tracks within this length."""

_TS_PACKETS: Final = ((188, 0), (192, 4), (204, 0))
"""Length of a packet of MPEG-TS, and the position of its sync byte."""
_TS_SYNC: Final = 0x47
_TS_CHECKED: Final = 5
_OTHER_BRANDS: Final = (
    *(b"heic", b"heix", b"heim", b"heis", b"mif1", b"avif", b"crx ", b"jp2 ", b"jpx ", b"jxl "),
    *(b"M4A ", b"M4B ", b"M4P ", b"F4A ", b"F4B ", b"aax ", b"aaxc"),
)
"""Brands of images and of audio."""
_BOXES: Final = (b"ftyp", b"moov", b"mdat", b"wide", b"pnot", b"styp")
_ASF: Final = bytes.fromhex("3026b2758e66cf11a6d900aa0062ce6c")
_ASF_VIDEO: Final = bytes.fromhex("c0ef19bc4d5bcf11a8fd00805f5c442b")
_OGG_VIDEO: Final = (b"\x80theora", b"\x01video\0\0\0", b"OVP80", b"BBCD\0")
_RAW: Final = (
    *(b"\0\0\1\xb3", b"\0\0\1\xb0"),  # MPEG-1 and MPEG-2, MPEG-4 Part 2
    *(b"\0\0\0\1" + bytes([unit]) for unit in (0x09, 0x27, 0x47, 0x67)),  # H.264
    *(b"\0\0\0\1" + bytes([unit, 1]) for unit in (0x40, 0x42, 0x46)),  # HEVC
)
"""Streams without a container, which are refused by name."""
_MXF: Final = bytes.fromhex("060e2b34020501010d01020101")


def sniff(path: Path) -> bool:
    """Return True if `path` is a regular file with the header of a video.

    Pipes and devices are not read. An unreadable file counts as none.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            return False
        return holds_video(os.read(fd, HEAD_BYTES))
    except OSError:
        return False
    finally:
        os.close(fd)


def holds_video(head: bytes) -> bool:
    """Return True for the header of a container with video."""
    if head[4:8] in _BOXES:
        return head[8:12] not in _OTHER_BRANDS
    if head.startswith(b"\x1a\x45\xdf\xa3"):  # Matroska: the identifier of some codec
        return b"V_" in head
    if head.startswith(b"OggS"):
        return any(codec in head for codec in _OGG_VIDEO)
    if head.startswith(_ASF):
        return _ASF_VIDEO in head
    if head.startswith(b"FLV\x01"):
        return bool(head[4:5]) and bool(head[4] & 1)
    return (
        (head.startswith((b"RIFF", b"ON2 ")) and head[8:12] in (b"AVI ", b"AVIX", b"AMV ", b"ON2f"))
        or head.startswith((b"\0\0\1\xba", *_RAW))
        or (head.startswith(b".RMF") and b"video/x-pn-" in head)
        or head.startswith((_MXF, b"nut/multimedia container\0", b"\x1f\x07\0"))  # the last is DV
        or _is_transport_stream(head)
    )


def is_raw_stream(path: Path) -> bool:
    """Return True if a file begins with a start code of MPEG video, H.264 or HEVC.

    An unreadable file counts as none. Program streams begin in the same way and must be excluded
    before.
    """
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError:
        return False
    return head == b"\0\0\0\1" or (len(head) == 4 and head.startswith(b"\0\0\1"))


def _is_transport_stream(head: bytes) -> bool:
    return any(
        all(
            head[at : at + 1] == bytes([_TS_SYNC])
            for at in range(begin, begin + _TS_CHECKED * length, length)
        )
        for length, begin in _TS_PACKETS
    )
