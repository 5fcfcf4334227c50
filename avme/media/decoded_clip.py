"""Decoded clip: what a shard stores of it, and facts about its audio.

Shape letters: t frames, n samples, s MFCC rows, f coefficients.
"""

from dataclasses import dataclass, field, replace
from fractions import Fraction

import numpy as np
from jaxtyping import Float32, Float64, Int16, Int64

from avme.audio.loudness import AudioState, Loudness, audio_state, measure_loudness
from avme.audio.mfcc import SAMPLE_RATE_HZ
from avme.media.container.probe import MediaInfo
from avme.media.decode_config import Recipe
from avme.media.ffmpeg.demux import DemuxedClip
from avme.media.limits import require_max_duration
from avme.media.timing import (
    ClipAudio,
    clip_audio,
    clip_samples,
    frame_rate,
    last_seconds,
    shown_seconds,
)


@dataclass(frozen=True, slots=True)
class DecodedClip:
    """Decoded clip; its JPEGs are in the sink."""

    info: MediaInfo
    width: int
    height: int
    fps: Fraction
    jpeg_bytes: Int64[np.ndarray, " t"]
    pts: Float64[np.ndarray, " t"]
    audio: AudioState
    loudness: Loudness | None
    """Loudness of the audio between the first frame and the end of the last."""
    audio_start_seconds: float | None
    audio_seconds: float
    mfcc: Float32[np.ndarray, "s f"]
    """Four rows per frame; none if `audio` is not "audible"."""
    audio_rows: tuple[int, int]
    """Half-open range of the MFCC rows that start inside the audio track."""
    ffmpeg_log: str
    """Error messages of ffmpeg; of a segment, only if it lacks frames or audio."""
    warnings: tuple[str, ...] = ()
    """Warnings of avme."""
    last_seconds: float | None = None
    """Duration of the last frame; None for one frame of `fps`."""
    pcm: Int16[np.ndarray, " n"] = field(default_factory=lambda: np.zeros(0, dtype=np.int16))
    """Samples that the MFCC are computed from, memory-mapped; none without MFCC, or without
    `keep_audio`."""
    pcm_start_seconds: float = 0.0
    """Time of the first of these samples after the first frame."""

    @property
    def seconds(self) -> float:
        """Return the time from the first frame to the end of the last."""
        return float(self.pts[-1]) + self.last_frame_seconds

    @property
    def last_frame_seconds(self) -> float:
        """Return the duration of the last frame."""
        return 1.0 / float(self.fps) if self.last_seconds is None else self.last_seconds


def summarize(
    info: MediaInfo,
    size: tuple[int, int],
    demuxed: DemuxedClip,
    last: float | None,
    complaints: str,
    recipe: Recipe,
) -> DecodedClip:
    """Return the decoded clip of demuxed frames and audio.

    Args:
        info: Header of the source.
        size: Width and height of the frames.
        demuxed: Frames and audio.
        last: Duration of the last frame; None for what its times suggest.
        complaints: Error messages of ffmpeg.
        recipe: Settings of decoding, and limits.

    Raises:
        MediaError: The frames are displayed for longer than allowed.
    """
    fps = frame_rate(info.fps, demuxed)
    last = last_seconds(demuxed.pts, fps) if last is None else last
    end_seconds = float(demuxed.pts[-1]) + last
    require_max_duration(shown_seconds(demuxed.pts, fps, last), recipe.max_seconds)
    track = demuxed.audio
    loudness = measure_loudness(
        clip_samples(track, end_seconds), SAMPLE_RATE_HZ, recipe.silence_dbfs
    )
    state = audio_state(loudness, recipe.silence_dbfs)
    audio = ClipAudio.empty(recipe.num_cepstra)
    if state == "audible" and track is not None:
        audio = clip_audio(track, demuxed.pts, fps, recipe.num_cepstra, last)
    clip = DecodedClip(
        info=info,
        width=size[0],
        height=size[1],
        fps=fps,
        jpeg_bytes=demuxed.jpeg_bytes,
        pts=demuxed.pts,
        last_seconds=last,
        audio=state,
        loudness=loudness,
        audio_start_seconds=track.start_seconds if track else None,
        audio_seconds=len(track.samples) / SAMPLE_RATE_HZ if track else 0.0,
        mfcc=audio.mfcc,
        audio_rows=audio.rows,
        ffmpeg_log=complaints,
    )
    if not recipe.keep_audio:
        return clip
    return replace(clip, pcm=audio.samples, pcm_start_seconds=audio.start_seconds)
