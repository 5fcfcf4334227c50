"""Messages of ffmpeg are the same wherever, whenever and in whatever order they were written."""

import os
import re
from itertools import permutations
from pathlib import Path

import pytest

from avme.media.ffmpeg.messages import Messages, summary, without_addresses, without_folders

LINES = (
    "[h264 @ 0x55d0c8b7e6c0] error while decoding MB 3 4, bytestream -7",
    "[h264 @ 0x7f3a10000b80] error while decoding MB 3 4, bytestream -7",
    "[aac @ 0x55d0c8b7f2c0] Number of bands (52) exceeds limit (47).",
    "[vist#0:0/h264 @ 0x5581] [dec:h264 @ 0x5599aa] Decoding error: Invalid data",
    "Error while decoding stream #0:1: Invalid data found when processing input",
    "    Last message repeated 3 times",
    "[vost#0:0/mjpeg @ 0x60aa] Task finished with error code: -22 (Invalid argument)",
)


def read(lines: list[str], always: str = "^$", size: int = 1 << 16) -> list[str]:
    messages, data = Messages(re.compile(always)), "\n".join(lines).encode()
    for begin in range(0, len(data), size):
        messages.feed(data[begin : begin + size])
    return messages.lines()


@pytest.mark.slow
def test_neither_order_nor_addresses_nor_pieces_matter() -> None:
    expected = [
        "Error while decoding stream #0:1: Invalid data found when processing input",
        "[aac] Number of bands (52) exceeds limit (47).",
        "[h264] error while decoding MB 3 4, bytestream -7",
        "[vist#0:0/h264] [dec:h264] Decoding error: Invalid data",
    ]

    for lines in permutations(LINES):
        assert read(list(lines)) == expected
    assert read(list(LINES), size=7) == expected
    assert summary(expected).count(" | ") == 2


def test_summary_keeps_the_first_line_of_a_part_and_marked_ones() -> None:
    lines = [f"[h264 @ 0x55d0c8b7e6c0] message {number}" for number in range(1000)]
    lines.insert(900, "[out#0/nut @ 0x1] Error muxing a packet")
    lines.insert(950, "[h264 @ 0x2] No space left on device")

    kept = read(lines, always="No space left")

    assert kept == [
        "[h264] message 0",
        "[out#0/nut] Error muxing a packet",
        "[h264] No space left on device",
    ]


def test_summary_keeps_the_first_and_last_line_of_the_program() -> None:
    lines = ["ffmpeg version 5.1", "built with gcc", "clip.avi: No such file or directory"]

    assert read([*lines, "Conversion failed!"]) == [lines[0], lines[2]]
    assert read(lines[:1] * 3) == lines[:1]


def test_parts_without_end_take_no_memory_without_end() -> None:
    lines = [f"[part{number:05d} @ 0x1] message" for number in range(500)]

    assert read(lines) == read(lines[::-1])
    assert len(read(lines)) == 64


def test_addresses_are_masked_and_tags_are_not() -> None:
    text = "codec tag 0x31637661 of <av.VideoFrame at 0x7f3a1c2d3e40>"

    assert without_addresses(text) == "codec tag 0x31637661 of <av.VideoFrame at 0x...>"


@pytest.mark.parametrize("name", ["set", "a b", "[x] {y}", "caf\u00e9", "tab\tand\x01", "\udcff"])
def test_without_folders_removes_nested_folders_in_any_order(tmp_path: Path, name: str) -> None:
    videos = tmp_path / name
    work = videos / "data" / "set" / ".work" / "shard-00000.h5.host.12.34"
    for path in (work / "clip.nut", videos / "clip.avi"):
        raw = os.fsencode(path).decode(errors="replace")
        written = re.sub("[\x00-\x07]", "?", raw)  # as ffmpeg's log writes it
        for said in (f"file:{path}: broken", f"{written}: broken"):
            assert without_folders(said, videos, work) == f"{path.name}: broken"


def test_without_folders_treats_a_link_as_its_folder(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to("real")

    said = f"{tmp_path}/real/a.avi and {tmp_path}/link/b.avi"

    assert without_folders(said, tmp_path / "link") == "a.avi and b.avi"
