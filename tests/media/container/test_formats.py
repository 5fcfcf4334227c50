"""Accepted suffixes, and the limits of every reader."""

import re
import subprocess

from avme.media.container.formats import (
    DEMUXERS,
    OTHER_SUFFIXES,
    PROTOCOLS,
    UNFINISHED_SUFFIXES,
    VIDEO_SUFFIXES,
)

OPENS_OTHERS = {"concat", "hls", "dash", "image2", "lavfi", "imf", "applehttp", "avisynth", "rtsp"}
"""Demuxers that open further files or addresses."""


def demuxers_of(ffmpeg: str) -> set[str]:
    listed = subprocess.run([ffmpeg, "-demuxers"], capture_output=True, text=True, check=True)
    rows = re.findall(r"^ D\S*\s+(?:d\s+)?(\S+)", listed.stdout, re.MULTILINE)
    return {name for row in rows for name in row.split(",")}


def test_demuxers_are_known_to_ffmpeg_and_open_no_other_file(ffmpeg: str) -> None:
    known = demuxers_of(ffmpeg)

    assert {"concat", "hls", "image2"} <= known
    assert set(DEMUXERS.split(",")) <= known
    assert not set(DEMUXERS.split(",")) & OPENS_OTHERS


def test_protocols_are_local_files_and_pipes() -> None:
    assert set(PROTOCOLS.split(",")) == {"file", "pipe"}


def test_suffixes_are_lower_case_and_in_one_set_only() -> None:
    sets = (VIDEO_SUFFIXES, UNFINISHED_SUFFIXES, OTHER_SUFFIXES)

    for suffix in (suffix for each in sets for suffix in each):
        assert re.fullmatch(r"\.[a-z0-9]+", suffix), suffix
    assert sum(map(len, sets)) == len(frozenset().union(*sets))
    assert {".avi", ".mp4", ".webm", ".mkv"} <= VIDEO_SUFFIXES
