"""Reader of the temporary NUT file of a pass: JPEGs with times, and aligned audio.

Time zero is the first frame; in a segment it is the start, if that frame appeared before. The
offset of the audio track is preserved, and a gap in it is filled with zeros, so that sample n is at
`start_seconds + n / 16000`. Samples are written to a file: memory does not grow with the clip.
"""

import math
import os
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from statistics import median_low
from typing import BinaryIO, Final, NamedTuple

import av
import av.error
import numpy as np
from av.audio.stream import AudioStream
from jaxtyping import Float64, Int16, Int64

from avme.audio.mfcc import SAMPLE_RATE_HZ
from avme.errors import MediaError
from avme.media.container.rational import Ratio
from avme.media.ffmpeg.frame_writer import FrameWriter
from avme.media.ffmpeg.frame_writer import Sink as Sink  # re-exported

_TOLERANCE_SAMPLES = SAMPLE_RATE_HZ // 100
"""A difference of 10 ms between a time stamp and the end of the packet before is rounding."""
_LOOKAHEAD_SAMPLES = SAMPLE_RATE_HZ // 4
_LOOKAHEAD_PACKETS = 2
"""Audio after a gap or an overlap that must confirm it: single time stamps may be wrong."""
LONGEST_STEP_SECONDS: Final = 600
"""A time stamp further ahead is invalid, or of another clock: the audio ends before it."""
_LONGEST_HOLE_SAMPLES = LONGEST_STEP_SECONDS * SAMPLE_RATE_HZ


@dataclass(frozen=True, slots=True)
class AudioTrack:
    """Mono samples at 16 kHz, and the time of the first, relative to the first frame."""

    samples: Int16[np.ndarray, " n"]
    start_seconds: float
    channels: Int16[np.ndarray, "n c"] | None = None
    """Both channels of a stereo track, of which `samples` is the mean; None for other tracks."""


@dataclass(frozen=True, slots=True)
class DemuxedClip:
    """Result of a pass; the JPEGs are in the sink, one after the other."""

    jpeg_bytes: Int64[np.ndarray, " t"]
    """Size of each JPEG."""
    pts: Float64[np.ndarray, " t"]
    """Seconds since time zero at which the frame appears."""
    average_fps: Fraction | None
    """Rate by first and last time stamp; None for fewer than two frames."""
    median_fps: Fraction | None
    """Rate by the median step, which gaps do not change."""
    audio: AudioTrack | None
    """None without a track, or without a sample in it."""
    zero_seconds: float = 0.0
    """Time zero on the clock of the temporary file."""


def demux(
    intermediate: Path,
    sink: Sink,
    samples: Path,
    max_seconds: float = math.inf,
    start_seconds: float | None = None,
) -> DemuxedClip:
    """Append all JPEGs to a sink, and write the audio to a file.

    Of the frames that appear by `start_seconds` only the last is displayed then: time zero is
    there, and the earlier ones are skipped.

    Args:
        intermediate: NUT file of a pass.
        sink: Target of the JPEGs.
        samples: New file for the audio, from which the result is memory-mapped.
        max_seconds: Maximum length of the audio; the rest is skipped.
        start_seconds: Start of a segment on the clock of the NUT file; None for a full file.

    Returns:
        Sizes and times of the frames, and the audio.

    Raises:
        MediaError: The file has no frame, or ends early.
    """
    samples.unlink(missing_ok=True)  # not truncated: earlier audio may still be mapped from it
    pictures = FrameWriter(sink, start_seconds)
    try:
        with (
            av.open(f"file:{intermediate.absolute()}", format="nut") as container,
            samples.open("wb") as track,
        ):
            audio = _AudioTrackWriter(track, max_seconds)
            for packet in container.demux():
                if packet.pts is None or packet.size == 0:
                    continue
                if isinstance(packet.stream, AudioStream):
                    columns = _columns(bytes(packet), packet.stream.codec_context.channels)
                    audio.add(_sample_at(packet.pts, packet.time_base), columns)
                    continue
                pictures.add(packet.pts, packet.time_base, bytes(packet))
            pictures.finish()
            audio.flush()
    except av.error.FFmpegError as error:  # its text would contain a local path
        said = error.strerror
        if not pictures.ticks:
            raise MediaError(f"no frame decodes ({said})", reason="no-frames") from error
        raise MediaError(f"ffmpeg's output ends early ({said})", reason="undecodable") from error
    ticks, tick = pictures.ticks, pictures.tick
    if not ticks:
        raise MediaError("no frame decodes", reason="no-frames")
    zero = pictures.zero
    pts = np.array([float(count * tick - zero) for count in ticks])
    return DemuxedClip(
        jpeg_bytes=np.array(pictures.sizes, dtype=np.int64),
        pts=np.maximum(pts, 0.0),
        average_fps=_average_fps(ticks, tick),
        median_fps=_median_fps(ticks, tick),
        audio=audio.finish(samples, zero),
        zero_seconds=float(zero),
    )


def _average_fps(ticks: Sequence[int], tick: Fraction) -> Fraction | None:
    span = (ticks[-1] - ticks[0]) * tick
    return (len(ticks) - 1) / span if span > 0 else None


def _median_fps(ticks: Sequence[int], tick: Fraction) -> Fraction | None:
    if len(ticks) < 2:
        return None
    step = median_low(after - before for before, after in pairwise(ticks)) * tick
    return 1 / step if step > 0 else None


def _sample_at(ticks: int, tick: Ratio) -> int:
    """Return the sample nearest to a time, in integers: fractions are slow for 100 packets/s."""
    return (2 * ticks * tick.numerator * SAMPLE_RATE_HZ + tick.denominator) // (
        2 * tick.denominator
    )


def _columns(payload: bytes, num_channels: int) -> Int16[np.ndarray, "n k"]:
    """Return the mix, for stereo followed by both channels, rounded as ffmpeg does."""
    if num_channels == 1:
        return np.frombuffer(payload, dtype="<i2")[:, np.newaxis]
    pair = np.frombuffer(payload, dtype="<f4").reshape(-1, 2)
    columns = np.column_stack([pair[:, 0] * 0.5 + pair[:, 1] * 0.5, pair])
    scaled = np.rint(np.nan_to_num(columns).clip(-1.0, 1.0) * 32_768).clip(max=32_767)
    return np.asarray(scaled, dtype="<i2")


class _Packet(NamedTuple):
    at: int
    """Time stamp, in samples since that of the first packet."""
    samples: Int16[np.ndarray, "n k"]
    is_clipped: bool
    """True if the time stamp was raised to that of the packet before, as ffmpeg's muxers do."""


class _AudioTrackWriter:
    """Writer of the packets of a track at their times.

    A gap is filled with zeros, an overlap is cut from the later packet, each only as far as all
    packets of the lookahead confirm it. FFmpeg dates one packet of Vorbis late at each change from
    long to short blocks (10 ms at 44.1 kHz, 14 ms at 32 kHz); the next one is right again.
    """

    def __init__(self, file: BinaryIO, max_seconds: float) -> None:
        self._file = file
        self._max_samples = max_seconds * SAMPLE_RATE_HZ
        self._first: int | None = None
        self._num_samples = 0
        self._ended = False
        self._waiting: deque[_Packet] = deque()
        self._num_waiting = 0
        self._last = _Packet(0, np.zeros((0, 1), np.int16), False)

    def add(self, at: int, samples: Int16[np.ndarray, "n k"]) -> None:
        """Add a packet; `at` counts samples on the container's clock."""
        if self._first is None:
            self._first = at
        at -= self._first
        is_clipped = at - self._last.at <= 1 < len(self._last.samples)
        self._last = _Packet(at, samples, is_clipped)
        self._waiting.append(self._last)
        self._num_waiting += len(samples)
        while (
            len(self._waiting) > _LOOKAHEAD_PACKETS
            and self._num_waiting - len(self._waiting[0].samples) >= _LOOKAHEAD_SAMPLES
        ):
            self._write_next()

    def flush(self) -> None:
        """Write the packets that wait for their lookahead."""
        while self._waiting:
            self._write_next()

    def finish(self, written: Path, first_frame: Fraction) -> AudioTrack | None:
        """Return the track; its file must be closed."""
        if self._first is None or self._num_samples == 0:
            return None
        start = float(Fraction(self._first, SAMPLE_RATE_HZ) - first_frame)
        shape = (self._num_samples, self._last.samples.shape[1])
        columns = np.memmap(written, dtype="<i2", mode="r", shape=shape)
        return AudioTrack(columns[:, 0], start, columns[:, 1:] if shape[1] > 1 else None)

    def _write_next(self) -> None:
        shift = self._confirmed_shift()
        samples = self._waiting.popleft().samples
        self._num_waiting -= len(samples)
        gap = max(shift, 0)
        reach = self._num_samples + gap + len(samples)
        self._ended |= gap > _LONGEST_HOLE_SAMPLES or reach > self._max_samples
        if self._ended:
            return
        if gap:
            self._file.seek(gap * samples[:1].nbytes, os.SEEK_CUR)  # reads as zeros
        samples = samples[max(-shift, 0) :]
        self._num_samples += gap + len(samples)
        self._file.write(samples.tobytes())

    def _confirmed_shift(self) -> int:
        """Return the confirmed samples by which the next packet is late (negative: early)."""
        expected = self._num_samples
        shift = self._waiting[0].at - expected
        sign = 1 if shift > 0 else -1
        for packet in self._waiting:
            shift = sign * min(sign * shift, sign * (packet.at - expected))
            if sign * shift <= _TOLERANCE_SAMPLES or (shift > 0 and packet.is_clipped):
                return 0
            expected += len(packet.samples)
        return shift
