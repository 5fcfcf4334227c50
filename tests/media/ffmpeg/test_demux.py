"""Audio stays at its presentation time, whatever single time stamps say."""

import io
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from avme.media.container.probe import probe
from avme.media.ffmpeg.args import transcode_arguments
from avme.media.ffmpeg.demux import AudioTrack, demux
from avme.media.ffmpeg.process import transcode

RATE = 16_000
PACKET = 320
THEORA = ("-c:v", "libtheora", "-q:v", "9", "-g", "1")
"""Key frames alone: libtheora 1.2.0 alpha (Debian 13) dates one that follows repeats too early."""


def offsets(
    audio: AudioTrack, jpegs: bytes, sizes: NDArray[np.int64], pts: NDArray[np.float64]
) -> list[float]:
    """Seconds from the first picture of each box to the start of its beep."""
    ends = np.cumsum(sizes)
    bright = []
    for begin, end in zip(ends - sizes, ends, strict=True):
        bright.append(
            np.asarray(Image.open(io.BytesIO(jpegs[begin:end])).convert("L"))[24, 32] > 200
        )
    boxes = pts[1:][np.diff(np.array(bright).astype(int)) == 1]
    loud = np.flatnonzero(np.abs(np.asarray(audio.samples, np.float64)) > 3_000)
    beeps = loud[np.append(True, np.diff(loud) > RATE // 2)] / RATE + audio.start_seconds
    assert len(beeps) == len(boxes)
    return [float(value) for value in beeps - boxes]


def offsets_of(film: Path, ffmpeg: str, work: Path) -> list[float]:
    info = probe(film)
    target, sink = work / "out.nut", io.BytesIO()
    transcode(
        transcode_arguments(ffmpeg, film, target, info, size=(64, 48), jpeg_quality=3),
        timeout_seconds=60.0,
    )
    demuxed = demux(target, sink, work / "out.s16")
    assert demuxed.audio is not None
    return offsets(demuxed.audio, sink.getvalue(), demuxed.jpeg_bytes, demuxed.pts)


@pytest.mark.parametrize("rate", [48_000, 44_100, 32_000, 22_050])
@pytest.mark.slow
def test_block_switches_of_vorbis_in_ogg_shift_no_audio(
    tmp_path: Path, make_film: Callable[..., Path], ffmpeg: str, rate: int
) -> None:
    codecs = (*THEORA, "-c:a", "libvorbis")
    film = make_film(tmp_path / "film.ogv", *codecs, rate=rate, seconds=8)

    found = offsets_of(film, ffmpeg, tmp_path)

    assert len(found) == 7
    assert np.abs(found).max() < 0.002


def test_demux_of_late_packet_in_matroska_does_not_shift_audio(
    tmp_path: Path, make_film: Callable[..., Path], ffmpeg: str
) -> None:
    codecs = (*THEORA, "-c:a", "libvorbis")
    ogg = make_film(tmp_path / "film.ogv", *codecs, rate=44_100)
    film = tmp_path / "film.mkv"
    transcode(
        [ffmpeg, "-loglevel", "error", "-i", f"file:{ogg}", "-c", "copy", f"file:{film}"],
        timeout_seconds=60.0,
    )

    assert np.abs(offsets_of(film, ffmpeg, tmp_path)).max() < 0.002


def test_demux_fills_a_gap_with_the_following_samples_in_time(
    tmp_path: Path, make_film: Callable[..., Path], ffmpeg: str
) -> None:
    cut = "aselect='not(between(t,1.4,1.75))'"
    film = make_film(tmp_path / "film.mkv", "-c:v", "mpeg4", "-c:a", "pcm_s16le", "-af", cut)

    assert np.abs(offsets_of(film, ffmpeg, tmp_path)).max() < 0.002


@pytest.mark.slow
def test_joined_streams_whose_audio_overlaps_stay_in_time(
    tmp_path: Path, make_film: Callable[..., Path], ffmpeg: str
) -> None:
    codecs = ("-c:v", "mpeg2video", "-c:a", "aac", "-f", "mpegts")
    first = make_film(tmp_path / "first.ts", *codecs, "-output_ts_offset", "10", seconds=3)
    second = make_film(tmp_path / "second.ts", *codecs, "-output_ts_offset", "13", seconds=3)
    film = tmp_path / "film.ts"
    film.write_bytes(first.read_bytes() + second.read_bytes())

    found = offsets_of(film, ffmpeg, tmp_path)

    assert len(found) == 4
    assert np.abs(found).max() < 0.012


def track(work: Path, stamps: Iterable[int], click: int) -> AudioTrack:
    """The audio of packets of 320 samples at `stamps`, of which one begins with a click."""
    picture = io.BytesIO()
    Image.new("RGB", (16, 16)).save(picture, "JPEG")
    path = work / "packets.nut"
    with av.open(str(path), "w", format="nut") as container:
        video = container.add_stream("mjpeg", rate=25)
        video.width, video.height, video.pix_fmt = 16, 16, "yuvj420p"
        audio = container.add_stream("pcm_s16le", rate=RATE, layout="mono")
        samples = np.zeros(PACKET, "<i2")
        packet = av.Packet(picture.getvalue())
        packet.stream, packet.time_base, packet.pts, packet.dts = video, Fraction(1, 25), 0, 0
        packet.is_keyframe = True
        container.mux(packet)
        latest = -1
        for number, stamp in enumerate(stamps):
            samples[:] = 1
            samples[0] = 10_000 if number == click else 1
            packet = av.Packet(samples.tobytes())
            latest = max(latest + 1, stamp)  # as ffmpeg's muxers do
            packet.stream, packet.time_base = audio, Fraction(1, RATE)
            packet.pts = packet.dts = latest
            container.mux(packet)
    track_audio = demux(path, io.BytesIO(), work / "packets.s16").audio
    assert track_audio is not None
    return track_audio


def at(track_audio: AudioTrack) -> int:
    return int(np.argmax(track_audio.samples))


EVEN = [number * PACKET for number in range(200)]


@pytest.mark.parametrize("error", [-1_000_000, -3_000, -300, 300, 3_000, 1_000_000])
def test_demux_of_one_wrong_timestamp_moves_no_audio(tmp_path: Path, error: int) -> None:
    stamps = [stamp + error * (number == 50) for number, stamp in enumerate(EVEN)]

    audio = track(tmp_path, stamps, click=100)

    assert len(audio.samples) == 200 * PACKET
    assert at(audio) == EVEN[100]
    assert np.count_nonzero(audio.samples) == len(audio.samples)


@pytest.mark.parametrize("gap", [200, 1_600, 160_000])
def test_demux_of_permanent_gap_inserts_zeros(tmp_path: Path, gap: int) -> None:
    audio = track(tmp_path, [s + gap * (s >= EVEN[50]) for s in EVEN], click=50)

    assert at(audio) == EVEN[50] + gap
    assert np.count_nonzero(audio.samples[EVEN[50] : EVEN[50] + gap]) == 0
    assert np.count_nonzero(audio.samples) == 200 * PACKET


@pytest.mark.parametrize("overlap", [200, 1_000, 1_600, 16_000])
def test_demux_of_permanent_overlap_cuts_it(tmp_path: Path, overlap: int) -> None:
    audio = track(tmp_path, [s - overlap * (s >= EVEN[50]) for s in EVEN], click=150)

    assert at(audio) == pytest.approx(EVEN[150] - overlap, abs=RATE // 100)
    assert len(audio.samples) == pytest.approx(200 * PACKET - overlap, abs=RATE // 100)


@pytest.mark.parametrize("speed", [0.99, 1.01])
def test_audio_follows_a_clock_of_another_speed(tmp_path: Path, speed: float) -> None:
    stamps = [round(stamp * speed) for stamp in EVEN]

    assert abs(at(track(tmp_path, stamps, click=190)) - stamps[190]) <= RATE // 100


def test_time_stamps_that_jitter_leave_audio_as_it_is(tmp_path: Path) -> None:
    jitter = np.random.default_rng(0).integers(-240, 240, 200)
    jitter[0] = 0

    audio = track(tmp_path, [s + int(j) for s, j in zip(EVEN, jitter, strict=True)], click=100)

    assert len(audio.samples) == 200 * PACKET
