"""Complaints of a cut: of what is read before its span they are no damage, of the span they are."""

import io
import subprocess
from pathlib import Path
from typing import Any

import av
import pytest

from avme.media import blame
from avme.media.blame import concerns_span
from avme.media.container.probe import probe
from avme.media.decode import Extracted, Recipe, extract
from avme.media.ffmpeg.process import find_ffmpeg
from avme.media.ffmpeg.seek import find_cut
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
    # At 3.3 and 4.7 s a picture is on screen that appeared 0.02 s before.
    for start, frames in ((3.3, 26), (4.7, 26), (6.0, 25)):
        media = extracted(streams / name, tmp_path, Span(start, start + 1.0))

        assert media.complaints == "", start
        assert len(media.pts) == frames


@pytest.mark.parametrize("name", KINDS)
def test_damage_inside_a_cut_is_told(streams: Path, tmp_path: Path, name: str) -> None:
    bad = damaged(streams / name, tmp_path / name, 6.4, 6.7)

    assert extracted(bad, tmp_path, SPAN).complaints


@pytest.mark.parametrize("name", KINDS)
def test_damage_before_a_cut_is_not(streams: Path, tmp_path: Path, name: str) -> None:
    bad = damaged(streams / name, tmp_path / name, 2.0, 2.6)

    assert extracted(bad, tmp_path, SPAN).complaints == ""
    assert extracted(bad, tmp_path, None).complaints


@pytest.fixture(scope="module")
def matroska(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve seconds, a key frame in each; nothing is there from 7.4 to 8.6."""
    path = tmp_path_factory.mktemp("matroska") / "hole.mkv"
    command = [find_ffmpeg(), "-loglevel", "error", "-f", "lavfi"]
    command += ["-i", "testsrc2=s=96x64:r=25:d=12", "-f", "lavfi", "-i", "sine=d=12:r=48000"]
    command += ["-c:v", "libx264", "-g", "25", "-c:a", "aac", str(path)]
    subprocess.run(command, check=True, timeout=60)
    with av.open(str(path)) as container:
        places = [
            packet.pos
            for packet in container.demux()
            if packet.pts is not None
            and packet.pos is not None
            and 7.4 <= float(packet.pts * packet.time_base) < 8.6
        ]
    content = bytearray(path.read_bytes())
    begin, end = min(places), max(places)
    content[begin:end] = bytes(end - begin)
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("span", "expected"),
    [
        (Span(5.0, 8.0), True),
        (Span(7.2, 8.5), True),
        (Span(6.0, 7.2), False),
        (Span(1.0, 3.0), False),
    ],
)
def test_a_hole_at_the_end_of_a_cut_is_told_and_nothing_is_printed(
    matroska: Path, capfd: pytest.CaptureFixture[str], span: Span, expected: bool
) -> None:
    info = probe(matroska)
    cut = find_cut(matroska, info, span)
    capfd.readouterr()

    assert concerns_span(matroska, info, cut) is expected
    assert capfd.readouterr() == ("", "")


def test_a_decoder_has_one_thread(matroska: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counts = []

    def note(container: Any, video: Any, *_: Any) -> bool:
        counts.append(video.codec_context.thread_count)
        return False

    monkeypatch.setattr(blame, "_meets_errors", note)
    info = probe(matroska)
    blame.concerns_span(matroska, info, find_cut(matroska, info, SPAN))

    assert counts == [1]


def test_a_program_stream_with_a_hole_keeps_its_complaints(streams: Path, tmp_path: Path) -> None:
    whole = streams / "mpeg2.mpg"
    content = bytearray(whole.read_bytes())
    begin, end = (len(content) * eighths // 80 for eighths in (54, 74))
    content[begin:end] = bytes(end - begin)
    (tmp_path / "hole.mpg").write_bytes(content)

    assert extracted(tmp_path / "hole.mpg", tmp_path, Span(4.7, 7.0)).complaints
    assert extracted(whole, tmp_path, Span(4.7, 30.0)).complaints == ""
