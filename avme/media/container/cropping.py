"""Crop in the header of an MP4 or Matroska file: the part of a frame that players show.

Both containers may request a crop (`clap`, `PixelCrop*`). ffmpeg applies it from 7.1 on and ignored
it before, as decord, torchcodec and PyAV do; a crop in the codec is applied by all.
"""

from collections.abc import Iterator
from pathlib import Path
from struct import unpack
from typing import BinaryIO

_MAX_ELEMENTS = 4096
"""Maximum elements per box; a header has some dozens."""
_MAX_NUMBER_BYTES = 8
_ENTRY_HEADER_BYTES = 78
"""Size of a VisualSampleEntry (ISO/IEC 14496-12) without its boxes."""
_SEGMENT, _TRACKS, _TRACK, _TRACK_TYPE, _VIDEO = 0x18538067, 0x1654AE6B, 0xAE, 0x83, 0xE0
_WIDTH, _HEIGHT = 0xB0, 0xBA
_CROP_BOTTOM, _CROP_TOP, _CROP_LEFT, _CROP_RIGHT = 0x54AA, 0x54BB, 0x54CC, 0x54DD
_IS_VIDEO = 1


def read_shown_size(path: Path, container: str, position: int) -> tuple[int, int] | None:
    """Return width and height of the part of the frames to show; None without a valid crop.

    Args:
        path: Media file.
        container: Name of the container in libavformat.
        position: Number of the video track, from 1.
    """
    with path.open("rb") as file:
        end = path.stat().st_size
        if "mp4" in container:
            sizes = _mp4_sizes(file, end)
        elif "matroska" in container:
            sizes = _matroska_sizes(file, end)
        else:
            return None
        return next((size for number, size in enumerate(sizes, 1) if number == position), None)


def _mp4_sizes(file: BinaryIO, end: int) -> Iterator[tuple[int, int] | None]:
    for _, begin, stop in _boxes(file, 0, end, b"moov"):
        for _, track, track_end in _boxes(file, begin, stop, b"trak"):
            for _, media, media_end in _boxes(file, track, track_end, b"mdia"):
                handlers = _boxes(file, media, media_end, b"hdlr")
                if any(_read(file, at + 8, 4) == b"vide" for _, at, _ in handlers):
                    yield _clean_aperture(file, media, media_end)


def _clean_aperture(file: BinaryIO, begin: int, end: int) -> tuple[int, int] | None:
    for _, info, info_end in _boxes(file, begin, end, b"minf"):
        for _, table, table_end in _boxes(file, info, info_end, b"stbl"):
            for _, entries, entries_end in _boxes(file, table, table_end, b"stsd"):
                for _, entry, entry_end in _boxes(file, entries + 8, entries_end):
                    inside = entry + _ENTRY_HEADER_BYTES
                    for _, at, _ in _boxes(file, inside, entry_end, b"clap"):
                        numbers = unpack(">4I", _read(file, at, 16).ljust(16, b"\0"))
                        if all(numbers):
                            return numbers[0] // numbers[1], numbers[2] // numbers[3]
    return None


def _boxes(
    file: BinaryIO, begin: int, end: int, wanted: bytes | None = None
) -> Iterator[tuple[bytes, int, int]]:
    """Yield name, begin and end of the content of boxes, of one name if `wanted`."""
    for _ in range(_MAX_ELEMENTS):
        header = _read(file, begin, 16)
        if begin + 8 > end or len(header) < 8:
            return
        size, name, content = int.from_bytes(header[:4], "big"), header[4:8], begin + 8
        if size == 1:  # a size of 64 bits follows
            size, content = int.from_bytes(header[8:16], "big"), begin + 16
        stop = end if size == 0 else min(end, begin + size)
        if stop < content:
            return
        if wanted in (None, name):
            yield name, content, stop
        begin = stop


def _matroska_sizes(file: BinaryIO, end: int) -> Iterator[tuple[int, int] | None]:
    for _, segment, segment_end in _elements(file, 0, end, _SEGMENT):
        for _, tracks, tracks_end in _elements(file, segment, segment_end, _TRACKS):
            for _, track, track_end in _elements(file, tracks, tracks_end, _TRACK):
                fields = _numbers(file, track, track_end)
                if fields.get(_TRACK_TYPE) == _IS_VIDEO:
                    videos = _elements(file, track, track_end, _VIDEO)
                    yield next((_uncropped(_numbers(file, a, b)) for _, a, b in videos), None)
            return


def _uncropped(fields: dict[int, int]) -> tuple[int, int] | None:
    if not fields.keys() & {_CROP_BOTTOM, _CROP_TOP, _CROP_LEFT, _CROP_RIGHT}:
        return None
    width = fields.get(_WIDTH, 0) - fields.get(_CROP_LEFT, 0) - fields.get(_CROP_RIGHT, 0)
    height = fields.get(_HEIGHT, 0) - fields.get(_CROP_TOP, 0) - fields.get(_CROP_BOTTOM, 0)
    return (width, height) if width > 0 and height > 0 else None


def _numbers(file: BinaryIO, begin: int, end: int) -> dict[int, int]:
    """Return the short elements as unsigned integers."""
    return {
        key: int.from_bytes(_read(file, at, stop - at), "big")
        for key, at, stop in _elements(file, begin, end)
        if stop - at <= _MAX_NUMBER_BYTES
    }


def _elements(
    file: BinaryIO, begin: int, end: int, wanted: int | None = None
) -> Iterator[tuple[int, int, int]]:
    """Yield id, begin and end of the content of EBML elements, of one id if `wanted`."""
    for _ in range(_MAX_ELEMENTS):
        header = _read(file, begin, 12)
        id_bytes = _vint_bytes(header[:1])
        size_bytes = _vint_bytes(header[id_bytes : id_bytes + 1])
        if begin >= end or not id_bytes or not size_bytes or len(header) < id_bytes + size_bytes:
            return
        key = int.from_bytes(header[:id_bytes], "big")
        bits = (1 << 7 * size_bytes) - 1
        size = int.from_bytes(header[id_bytes : id_bytes + size_bytes], "big") & bits
        content = begin + id_bytes + size_bytes
        stop = end if size == bits else min(end, content + size)  # all ones: unknown size
        if wanted in (None, key):
            yield key, content, stop
        begin = stop


def _vint_bytes(first: bytes) -> int:
    """Return the length of a variable-length number in bytes; zero if invalid."""
    length = 9 - first[0].bit_length() if first else 0
    return length if length <= 8 else 0


def _read(file: BinaryIO, at: int, num_bytes: int) -> bytes:
    file.seek(at)
    return file.read(num_bytes)
