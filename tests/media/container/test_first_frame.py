"""AVI files with reordered frames: chunk n is due at n / fps, whatever the decoder's delay.

Every frame shows its own number, and a tone sounds in the first 0.2 s of each second.
"""

import re
import struct
import subprocess
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from avme.media.container.first_frame import read_first_frame
from avme.media.container.probe import probe
from avme.media.decode import DecodedClip
from avme.media.ffmpeg.process import find_ffmpeg
from avme.media.span import Span
from tests.media.numbered_frames import BITS, SIDE, extracted

pytestmark = pytest.mark.slow

NUM_FRAMES = 150
MPEG4 = ("-c:v", "mpeg4", "-q:v", "2", "-g", "40", "-sc_threshold", "1000000000")
H264 = ("-c:v", "libx264", "-preset", "ultrafast", "-g", "40")
PYRAMID = ("-bf", "5", "-x264-params", "b-pyramid=normal:b-adapt=0:open-gop=1")
KINDS = {
    "mpeg4.avi": (MPEG4, 0),
    "mpeg4_1.avi": ((*MPEG4, "-bf", "1"), 1),
    "mpeg4_3.avi": ((*MPEG4, "-bf", "3"), 1),
    "h264.avi": (H264, 0),
    "h264_1.avi": ((*H264, "-bf", "1"), 1),
    "pyramid.avi": ((*H264, *PYRAMID), 2),
    "mpeg2.avi": (("-c:v", "mpeg2video", "-q:v", "2", "-g", "40", "-bf", "2"), 1),
}


def numbers() -> str:
    shown = rf"if(mod(floor(N/pow(2\,floor(X/{SIDE})))\,2)\,220\,30)"
    frames = f"color=s={BITS * SIDE}x{SIDE}:r=25,format=gray,geq=lum='{shown}'"
    return f"{frames},trim=end_frame={NUM_FRAMES},format=yuv420p"


def encode(path: Path, *options: str) -> Path:
    tone = "aevalsrc='0.5*sin(2000*PI*t)*lt(mod(t,1),0.2)':s=16000:d=6"
    command = [find_ffmpeg(), "-nostdin", "-loglevel", "error", "-f", "lavfi", "-i", numbers()]
    command += ["-f", "lavfi", "-i", tone, "-c:a", "pcm_s16le", *options, str(path)]
    subprocess.run(command, check=True, timeout=60)
    return path


@pytest.fixture(scope="session")
def reordered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reordered")
    for name, (options, _) in KINDS.items():
        encode(folder / name, *options)
    return folder


def loud_rows(media: DecodedClip) -> set[int]:
    """The seconds and hundredths of the tone, by the energy of its rows."""
    return set(np.flatnonzero(media.mfcc[:, 0] > media.mfcc[:, 0].max() - 1).tolist())


@pytest.mark.parametrize("name", KINDS)
def test_frames_and_audio_of_an_avi_start_together(
    reordered: Path, tmp_path: Path, ffmpeg_on_path: str, name: str
) -> None:
    whole, shown = extracted(reordered / name, tmp_path / "work", None)
    cut, shown_in_cut = extracted(reordered / name, tmp_path / "work", Span(4.0, 5.0))

    assert shown == list(range(NUM_FRAMES))
    assert whole.audio_start_seconds == pytest.approx(0.0, abs=1e-4)
    assert {100, 118} <= loud_rows(whole)
    assert not loud_rows(whole) & {97, 120}
    assert shown_in_cut == list(range(100, 125))
    assert cut.audio_start_seconds == pytest.approx(0.0, abs=1e-4)
    assert {0, 18} <= loud_rows(cut)
    assert not loud_rows(cut) & {20}


@pytest.mark.parametrize("name", KINDS)
def test_read_first_frame_delay_is_that_of_the_decoder(reordered: Path, name: str) -> None:
    assert probe(reordered / name).delay_seconds == Fraction(KINDS[name][1], 25)


def test_frames_are_not_moved_in_a_container_that_has_times(tmp_path: Path) -> None:
    path = encode(tmp_path / "clip.mkv", *H264, "-bf", "3")

    with av.open(str(path)) as container:
        frame = read_first_frame(container, container.streams.video[0], 1 << 20)

    assert frame is not None
    assert (frame.width, frame.height) == (BITS * SIDE, SIDE)
    assert (frame.seconds, frame.delay_seconds) == (0.0, Fraction(0))


def test_read_first_frame_of_too_large_frame_does_not_decode_it(reordered: Path) -> None:
    with av.open(str(reordered / "mpeg4.avi")) as container:
        assert read_first_frame(container, container.streams.video[0], 64) is None


VOP = b"\x00\x00\x01\xb6"
MARK = b"\x00\x00\x01\xb2DivX503b1393p\x00"


def box(name: bytes, content: bytes) -> bytes:
    return name + struct.pack("<I", len(content)) + content + b"\0" * (len(content) % 2)


def packed_avi(path: Path, *, mark_all: bool) -> Path:
    """Write P and B frames in one chunk and an empty one after it, as XviD for Windows does."""
    raw = encode(
        path.with_suffix(".m4v"), *MPEG4, "-bf", "1", "-b_strategy", "0", "-an"
    ).read_bytes()
    at = [match.start() for match in re.finditer(VOP, raw)]
    head = re.sub(b"\x00\x00\x01\xb2[^\x00]*", b"", raw[: at[0]])
    chunks: list[bytes] = []
    for begin, end in zip(at, [*at[1:], len(raw)], strict=True):
        frame = re.sub(b"\x00\x00\x01[\xb0\xb3\x20].*", b"", raw[begin + 4 : end], flags=re.DOTALL)
        kind = frame[0] >> 6  # I, P, B
        mark = MARK if mark_all or not chunks else b""
        if kind == 2:
            chunks[-1:] = [chunks[-1] + VOP + frame, VOP + b"\x51\x4f"]
        else:
            chunks.append((head + mark if kind == 0 else b"") + VOP + frame)
    movi, index = b"movi", b""
    for chunk in chunks:
        flags = 16 * (chunk[:4] != VOP)
        index += b"00dc" + struct.pack("<3I", flags, len(movi), len(chunk))
        movi += box(b"00dc", chunk)
    size = (BITS * SIDE, SIDE)
    header = struct.pack(
        "<4s4sIHHIIIIIIII4H",
        b"vids",
        b"XVID",
        0,
        0,
        0,
        0,
        1,
        25,
        0,
        len(chunks),
        0,
        0,
        0,
        0,
        0,
        *size,
    )
    form = struct.pack("<IiiHH4sIiiII", 40, *size, 1, 24, b"XVID", 0, 0, 0, 0, 0)
    top = struct.pack("<14I", 40_000, 0, 0, 0x10, len(chunks), 0, 1, 0, *size, 0, 0, 0, 0)
    stream = box(b"LIST", b"strl" + box(b"strh", header) + box(b"strf", form))
    lists = box(b"LIST", b"hdrl" + box(b"avih", top) + stream) + box(b"LIST", movi)
    path.write_bytes(box(b"RIFF", b"AVI " + lists + box(b"idx1", index)))
    return path


@pytest.mark.parametrize("mark_all", [True, False])
def test_segment_of_packed_frames_has_all_of_them(
    tmp_path: Path, ffmpeg_on_path: str, mark_all: bool
) -> None:
    path = packed_avi(tmp_path / "packed.avi", mark_all=mark_all)
    assert probe(path).delay_seconds == Fraction(1, 25)

    media, shown = extracted(path, tmp_path / "work", Span(4.0, 5.0))

    assert shown == list(range(100, 125))
    assert media.warnings == ()
