"""Complaints of a cut: of what is read before its span they are no damage, of the span they are."""

import io
import subprocess
from pathlib import Path

import pytest

from avme.media.extract import Extracted, Recipe, extract
from avme.media.ffmpeg import find_ffmpeg
from avme.media.span import Span

KINDS = {
    "open_gop.ts": ("-c:v", "libx264", "-g", "40", "-x264-params", "open-gop=1", "-c:a", "aac"),
    "hevc.ts": ("-c:v", "libx265", "-x265-params", "keyint=40:log-level=none", "-c:a", "aac"),
    "mpeg2.mpg": ("-c:v", "mpeg2video", "-g", "15", "-bf", "2", "-q:v", "3", "-c:a", "mp2"),
}
SPAN = Span(6.0, 7.0)
_PACKET_BYTES = 188


@pytest.fixture(scope="module")
def streams(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of healthy videos of eight seconds."""
    folder = tmp_path_factory.mktemp("streams")
    inputs = ("testsrc2=s=96x64:r=25:d=8", "sine=d=8:r=48000")
    command = [find_ffmpeg(), "-nostdin", "-loglevel", "error"]
    command += [word for source in inputs for word in ("-f", "lavfi", "-i", source)]
    for name, options in KINDS.items():
        subprocess.run([*command, *options, str(folder / name)], check=True, timeout=60)
    return folder


def extracted(path: Path, work: Path, span: Span | None) -> Extracted:
    recipe = Recipe(find_ffmpeg(), 3, None, 13, -60.0, 60.0)
    return extract(path, io.BytesIO(), work=work, recipe=recipe, span=span)


def damaged(source: Path, target: Path, from_seconds: float, to_seconds: float) -> Path:
    """What is at about these seconds of the eight, zeroed; the rest of it is whole."""
    content = bytearray(source.read_bytes())
    begin, end = (round(len(content) * seconds / 8) for seconds in (from_seconds, to_seconds))
    for at in range(begin - begin % _PACKET_BYTES, end, 2 * _PACKET_BYTES):
        content[at : at + _PACKET_BYTES] = bytes(_PACKET_BYTES)
    target.write_bytes(content)
    return target


@pytest.mark.parametrize("name", KINDS)
def test_a_cut_of_a_healthy_file_is_not_damaged(streams: Path, tmp_path: Path, name: str) -> None:
    for start in (3.3, 4.7, 6.0):
        media = extracted(streams / name, tmp_path, Span(start, start + 1.0))

        assert media.complaints == "", start
        assert len(media.pts) == 25


@pytest.mark.parametrize("name", KINDS)
def test_damage_inside_a_cut_is_told(streams: Path, tmp_path: Path, name: str) -> None:
    bad = damaged(streams / name, tmp_path / name, 6.4, 6.7)

    assert extracted(bad, tmp_path, SPAN).complaints


@pytest.mark.parametrize("name", KINDS)
def test_damage_before_a_cut_is_not(streams: Path, tmp_path: Path, name: str) -> None:
    bad = damaged(streams / name, tmp_path / name, 2.0, 2.6)

    assert extracted(bad, tmp_path, SPAN).complaints == ""
    assert extracted(bad, tmp_path, None).complaints
