"""Decoding of a video file to what a shard stores: frames, times, MFCC and facts.

Counts and sizes are those of the decoded data, not of the header.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from avme.audio.loudness import AUDIO_STATES, cancels
from avme.errors import MediaError
from avme.media.clip_warnings import (
    audio_warnings,
    color_warnings,
    cut_warnings,
    frame_warnings,
    lacks_content,
    require_min_decoded,
    shape_warnings,
)
from avme.media.container.audio_track import AudioInfo
from avme.media.container.probe import probe
from avme.media.container.pts_continuity import with_steadiness
from avme.media.decode_config import Recipe as Recipe  # re-exported
from avme.media.decoded_clip import DecodedClip as DecodedClip
from avme.media.decoded_clip import summarize
from avme.media.ffmpeg.demux import AudioTrack, DemuxedClip, Sink, demux
from avme.media.ffmpeg.messages import without_folders
from avme.media.ffmpeg.process import target_size
from avme.media.ffmpeg.seek import Cut, find_cut
from avme.media.ffmpeg.transcode import transcode_clip
from avme.media.limits import require_max_bytes, require_max_duration, require_max_frames
from avme.media.span import Span
from avme.media.timing import find_last_seconds
from avme.workers.sandbox import get_sandbox


def decode(
    source: Path, sink: Sink, *, work: Path, recipe: Recipe, span: Span | None = None
) -> DecodedClip:
    """Decode a file, or a span of it, and append its JPEGs to a sink.

    Args:
        source: Media file.
        sink: Target of the JPEGs.
        work: Folder for temporary files.
        recipe: Settings of decoding, and limits.
        span: Part of the file; None for all of it.

    Returns:
        The decoded clip. Its time zero is the first frame of the span, or the start of the span if
        that frame appeared before.

    Raises:
        MediaError: Decoding failed; the sink may contain a part of the clip.
    """
    intermediate, samples = work / "clip.nut", work / "clip.s16"
    other = get_sandbox(recipe.memory_bytes)
    try:
        info = other.call(recipe.timeout_seconds, probe, source)
        size = target_size(info, recipe.short_side)
        require_max_duration(info.seconds_from_header if span is None else None, recipe.max_seconds)
        cut = other.call(recipe.timeout_seconds, find_cut, source, info, span) if span else None
        if cut is None:
            info = with_steadiness(other, source, info, recipe.timeout_seconds)
        said, fixed_timestamps = transcode_clip(source, intermediate, info, size, recipe, cut)
        complaints = without_folders(said, source.parent, work)
        require_max_bytes(intermediate, recipe.max_bytes)
        start = cut.start_seconds if cut else None
        demuxed = demux(intermediate, sink, samples, recipe.max_seconds, start)
        require_max_frames(len(demuxed.pts))
        last = find_last_seconds(other, source, info, cut, demuxed, recipe.timeout_seconds)
        judged = summarize(info, size, demuxed, last, complaints, recipe)
        if judged.audio != "audible" and info.audio is not None:
            judged = _with_other_audio(_Job(source, work, recipe, cut), judged, demuxed)
        warnings = tuple(_warnings(judged, recipe, span, fixed_timestamps))
        missing = judged.seconds * float(judged.fps) - len(judged.pts)
        if span is not None and not lacks_content(info, span, warnings, missing):
            judged = replace(judged, ffmpeg_log="")
        if span is None:
            require_min_decoded(info, len(judged.pts), judged.seconds, recipe.min_decoded_fraction)
    except MediaError as error:
        if span and error.reason == "no-frames":
            message = f"{source.name}: no frame in its seconds {span}"
            raise MediaError(message, reason="empty-cut") from error
        named = without_folders(str(error), source.parent, work)
        if source.name not in named:
            named = f"{source.name}: {named}"
        raise MediaError(named, reason=error.reason) from error
    finally:
        intermediate.unlink(missing_ok=True)
        samples.unlink(missing_ok=True)
    return replace(judged, warnings=warnings)


@dataclass(frozen=True, slots=True)
class _Job:
    source: Path
    work: Path
    recipe: Recipe
    cut: Cut | None


def _with_other_audio(job: _Job, first: DecodedClip, demuxed: DemuxedClip) -> DecodedClip:
    """Return the clip with the first audible channel or track, else the first with samples."""
    best = _with_channel(job, first, demuxed)
    for audio in first.info.other_audio:
        if best.audio == "audible":
            break
        try:
            media = _decode_audio(job, audio, first, demuxed)
        except MediaError:  # the frames are decoded, with the earlier audio
            continue
        if AUDIO_STATES.index(media.audio) < AUDIO_STATES.index(best.audio):
            best = media
    return best


def _with_channel(job: _Job, mix: DecodedClip, demuxed: DemuxedClip) -> DecodedClip:
    """Return the clip with the louder channel of its stereo track, if both cancel out."""
    track, info = demuxed.audio, mix.info.audio
    if mix.audio != "silent" or info is None or track is None or track.channels is None:
        return mix
    # einsum converts in blocks, so that a long track stays on disk.
    energies = np.einsum("nc,nc->c", track.channels, track.channels, dtype=np.int64)
    channel = int(np.argmax(energies))
    one_info = replace(mix.info, audio=replace(info, channel=channel))
    one_channel = AudioTrack(track.channels[:, channel], track.start_seconds)
    demuxed, size = replace(demuxed, audio=one_channel), (mix.width, mix.height)
    one = summarize(one_info, size, demuxed, mix.last_seconds, mix.ffmpeg_log, job.recipe)
    is_cancelled = mix.loudness and one.loudness and cancels(mix.loudness, one.loudness)
    return one if is_cancelled and one.audio == "audible" else mix


def _decode_audio(
    job: _Job, audio: AudioInfo, first: DecodedClip, demuxed: DemuxedClip
) -> DecodedClip:
    """Decode another audio track for a clip; raise MediaError if that fails."""
    intermediate, samples = job.work / "clip.nut", job.work / "clip.s16"
    info, size = replace(first.info, audio=audio), (first.width, first.height)
    said, _ = transcode_clip(job.source, intermediate, info, size, job.recipe, job.cut)
    start = job.cut.start_seconds if job.cut else None
    with Path(os.devnull).open("wb") as nowhere:  # the frames are decoded already
        again = demux(intermediate, nowhere, samples, job.recipe.max_seconds, start)
    complaints = without_folders(said, job.source.parent, job.work)
    demuxed = replace(demuxed, audio=again.audio)
    media = summarize(info, size, demuxed, first.last_seconds, complaints, job.recipe)
    if media.audio == "none":
        return media
    media = _with_channel(job, media, demuxed)
    reason = "that is not silent" if media.audio == "audible" else "that can be decoded"
    taken = replace(media.info.audio or audio, reason=reason)
    return replace(media, info=replace(info, audio=taken))


def _warnings(
    media: DecodedClip, recipe: Recipe, span: Span | None, fixed_timestamps: bool
) -> Iterator[str]:
    if media.info.audio is not None and media.info.audio.channel is not None:
        number = media.info.audio.channel + 1
        yield f"audio-cancelled: the mean of the channels is silent, channel {number} alone is used"
    if fixed_timestamps:
        yield f"timestamps-fixed: frame timestamps decreased; those follow at {media.fps} fps"
    if span is None:
        yield from frame_warnings(media.info, len(media.pts))
    else:
        yield from cut_warnings(media.info, span, media.seconds, media.fps)
    yield from shape_warnings(media.info)
    yield from color_warnings(media.info, recipe)
    yield from audio_warnings(
        media.info, media.seconds, media.audio_start_seconds, media.audio_seconds
    )
