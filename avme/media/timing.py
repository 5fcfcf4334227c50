"""Clocks of video and audio: frame rate, length, and the audio of the frames.

Shape letters: t frames, n samples, s MFCC rows, f coefficients.
"""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from jaxtyping import Float32, Float64, Int16

from avme.audio import mfcc
from avme.audio.mfcc import SAMPLE_RATE_HZ
from avme.errors import MediaError
from avme.media.container.displayed_frame import DisplayedFrame
from avme.media.container.probe import MediaInfo
from avme.media.ffmpeg.demux import LONGEST_STEP_SECONDS, AudioTrack, DemuxedClip
from avme.media.ffmpeg.seek import Cut, find_last_shown
from avme.workers.sandbox import Sandbox

_FALLBACK_FPS = Fraction(25)
_FPS_TOLERANCE = 0.01
_TICK_SECONDS = 0.001
"""Clock of Matroska and FLV."""
_LONGER = 1.5
"""Excess over a frame's duration that is explained by rounding of a clock."""


def frame_rate(claimed: Fraction | None, demuxed: DemuxedClip) -> Fraction:
    """Return the header's exact rate, unless decoded times contradict it."""
    if demuxed.average_fps is None:
        return claimed or _FALLBACK_FPS
    if claimed and any(
        measured is not None and not differ(claimed, measured)
        for measured in (demuxed.average_fps, demuxed.median_fps)
    ):
        return claimed
    return demuxed.average_fps.limit_denominator(100_000)


def differ(rate: Fraction, other: Fraction) -> bool:
    """Return True if two frame rates differ by more than rounding of clocks."""
    return abs(float(rate / other) - 1) > _FPS_TOLERANCE


def last_seconds(
    pts: Float64[np.ndarray, " t"],
    fps: Fraction,
    shown: DisplayedFrame | None = None,
    end_seconds: float | None = None,
) -> float:
    """Return the duration of the last frame: one frame of `fps`, unless more is known.

    Args:
        pts: Times of the frames.
        fps: Frame rate.
        shown: Last frame by the packets; a longer duration is used only if it was decoded.
        end_seconds: End of a segment. Both are relative to the first frame.
    """
    last, seconds = float(pts[-1]), 1.0 / float(fps)
    if shown is not None and abs(max(shown.begins, 0.0) - last) <= _TICK_SECONDS:
        declared = shown.ends - last
        seconds = declared if declared > _LONGER * seconds else seconds
    if end_seconds is not None and end_seconds - last < seconds - _TICK_SECONDS:
        seconds = end_seconds - last
    return seconds


def find_last_seconds(
    other: Sandbox,
    source: Path,
    info: MediaInfo,
    cut: Cut | None,
    demuxed: DemuxedClip,
    timeout_seconds: float,
) -> float:
    """Return the duration of the last frame; the file is searched if its header is longer.

    Args:
        other: Sandbox that reads the packets of a full file.
        source: Media file.
        info: Its header.
        cut: Segment, if any.
        demuxed: Decoded clip.
        timeout_seconds: Time limit.
    """
    fps = frame_rate(info.fps, demuxed)
    if cut is not None:
        end = None if cut.end_seconds is None else cut.end_seconds - demuxed.zero_seconds
        shown = cut.last_shown.after(demuxed.zero_seconds) if cut.last_shown else None
        return last_seconds(demuxed.pts, fps, shown, end)
    usual = last_seconds(demuxed.pts, fps)
    if (info.seconds_from_header or 0.0) <= float(demuxed.pts[-1]) + 2 * usual:
        return usual
    try:
        shown = other.call(timeout_seconds, find_last_shown, source, info)
    except MediaError:  # its packets cannot be read to the end
        return usual
    return last_seconds(demuxed.pts, fps, shown)


def shown_seconds(
    pts: Float64[np.ndarray, " t"], fps: Fraction, last_seconds: float | None = None
) -> float:
    """Return the displayed time of all frames; jumps of the clock are not counted.

    Joined transport streams keep the clock of each part.

    Args:
        pts: Times of the frames.
        fps: Frame rate.
        last_seconds: Duration of the last frame.
    """
    steps = np.diff(pts)
    last = 1.0 / float(fps) if last_seconds is None else last_seconds
    return float(steps[steps <= LONGEST_STEP_SECONDS].sum()) + last


def clip_samples(track: AudioTrack | None, end_seconds: float) -> Int16[np.ndarray, " n"]:
    """Return the samples between the first frame and the end of the last one."""
    if track is None:
        return np.zeros(0, dtype=np.int16)
    first = max(0, round(-track.start_seconds * SAMPLE_RATE_HZ))
    last = max(0, round((end_seconds - track.start_seconds) * SAMPLE_RATE_HZ))
    return track.samples[first:last]


@dataclass(frozen=True, slots=True)
class ClipAudio:
    """Audio of the frames of a clip."""

    mfcc: Float32[np.ndarray, "s f"]
    rows: tuple[int, int]
    """Half-open range of the MFCC rows that start inside the audio track."""
    samples: Int16[np.ndarray, " n"]
    """Samples that the MFCC are computed from, memory-mapped."""
    start_seconds: float
    """Time of the first sample after the first frame."""

    @classmethod
    def empty(cls, num_cepstra: int) -> "ClipAudio":
        """Return no audio."""
        mfcc = np.zeros((0, num_cepstra), dtype=np.float32)
        return cls(mfcc, (0, 0), np.zeros(0, dtype=np.int16), 0.0)


def clip_audio(
    track: AudioTrack,
    pts: Float64[np.ndarray, " t"],
    fps: Fraction,
    num_cepstra: int,
    last_seconds: float | None = None,
) -> ClipAudio:
    """Return the MFCC of all frames, and the samples that they are computed from.

    The samples are those between the first frame and the end of the last; one before them, for
    pre-emphasis, and the rest of the last window after them.

    Args:
        track: Audio track.
        pts: Times of the frames.
        fps: Frame rate.
        num_cepstra: Coefficients per row.
        last_seconds: Duration of the last frame.
    """
    row_starts, window = mfcc.row_starts(pts, fps, last_seconds), mfcc.window_seconds(fps)
    starts = row_starts - track.start_seconds
    first, end = mfcc.sample_range(SAMPLE_RATE_HZ, starts, window)
    first = max(first, 0)
    samples = track.samples[first : max(first, end)]
    # As stored, so that stored samples give the same rows to the last bit.
    start_seconds = track.start_seconds + first / SAMPLE_RATE_HZ
    rows = mfcc.mfcc_rows(samples, SAMPLE_RATE_HZ, row_starts - start_seconds, window, num_cepstra)
    # Half a sample of tolerance: the clocks of audio and video are rounded differently.
    grace = 0.5 / SAMPLE_RATE_HZ
    seconds = len(track.samples) / SAMPLE_RATE_HZ
    begin = int(np.searchsorted(starts, -grace, side="left"))
    end = int(np.searchsorted(starts, seconds - grace, side="left"))
    return ClipAudio(rows, (begin, max(begin, end)), samples, start_seconds)
