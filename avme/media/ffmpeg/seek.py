"""Seeking: a span of a long video to ffmpeg options that decode little else.

A span is relative to the first shown frame, a container's clock has any origin, and `-ss` is
relative to the container's start. ffmpeg seeks by the container's index, which in a transport
stream has times but no key frames; so the key frame is looked up first. Reading starts early with
the original clock; filters then select exactly the span, which begins with the frame on screen at
its start.
"""

import re
from dataclasses import dataclass
from itertools import islice, pairwise
from math import inf
from pathlib import Path

import av
import av.error
from av.container import InputContainer
from av.video.stream import VideoStream

from avme.errors import MediaError
from avme.media.container.displayed_frame import (
    GRACE_SECONDS,
    DisplayedFrame,
    begin_of_shown,
    last_shown,
)
from avme.media.container.first_frame import is_dated_by_decoding, read_first_frame
from avme.media.container.probe import MAX_PIXELS, MediaInfo, open_media, unreadable
from avme.media.container.rational import as_fraction, to_seconds
from avme.media.span import Span

MAX_FIXED_DECREASE_SECONDS = 0.2
"""Five frames at 25 fps: times that decrease further are wrong beyond repair."""
_EARLY_SECONDS = 1.0
"""Audio codecs depend on earlier packets; this is more than any of them needs."""
_MAX_SEEK_PACKETS = 4096
_STEP_BACK = 4.0
_USUAL_FPS = 25
_MAX_APART_SECONDS = 16.0
"""Maximum distance in a file of audio and video of the same time: ffmpeg's muxers wait for 10 s."""
_MAX_REORDERED = 16
"""Frames that H.264 lets a decoder delay."""
_PACKED_MARK = re.compile(rb"DivX\d+(?:b|Build)\d+p")
"""Declaration of MPEG-4 Part 2 that a chunk may contain two frames; a decoder remembers it."""
_MAX_MARK_PACKETS = 8


@dataclass(frozen=True, slots=True)
class Cut:
    """Parts of a file that ffmpeg reads and selects."""

    seek_seconds: float | None
    """Input option `-ss`, after the container's start; None to read from there."""
    read_seconds: float | None
    """Input option `-t`; None to read to the end."""
    start_seconds: float
    """First selected time, on the container's clock."""
    end_seconds: float | None
    """First time after the selection."""
    shown_from_seconds: float
    """Start of the frame that is on screen at `start_seconds`; more frames may follow before that
    start, which only decoding shows."""
    last_shown: DisplayedFrame | None
    """Last frame before the end, by the packets."""

    @property
    def video_filter(self) -> str:
        """Select the frames that are on screen in the span."""
        conditions = [f"gte(t,{self.shown_from_seconds - GRACE_SECONDS:.6f})"]
        if self.end_seconds is not None:
            conditions.append(f"lt(t,{self.end_seconds - GRACE_SECONDS:.6f})")
        return f"select='{'*'.join(conditions)}'"

    @property
    def audio_filter(self) -> str:
        """Select the samples of the span."""
        end = "" if self.end_seconds is None else f":end={self.end_seconds:.6f}"
        return f"atrim=start={self.start_seconds:.6f}{end}"


@dataclass(frozen=True, slots=True)
class _KeyFrame:
    seconds: float
    is_next: bool
    """True if the container's seeking leads directly to it."""
    audio_seconds: float
    """Time of the first audio packet; minus infinity without a track."""


def find_cut(path: Path, info: MediaInfo, span: Span) -> Cut:
    """Find the start of reading; raises MediaError if the file cannot be opened."""
    try:
        with open_media(path) as container:
            stream = next(s for s in container.streams.video if s.index == info.stream)
            begins = (container.start_time or 0) / av.time_base
            first = _first_frame(container, stream, begins)
            _require_order(path, container, stream, first)
            start = first + span.start_seconds
            end = None if span.end_seconds is None else first + span.end_seconds
            delay = info.delay_seconds
            shown = begin_of_shown(container, stream, start, delay)
            shown = start if shown is None else min(start, max(first, shown))
            step = 1 / float(info.fps or _USUAL_FPS)
            last = last_shown(container, stream, inf if end is None else end, delay, step)
            if last is not None and last.ends <= start + GRACE_SECONDS:
                shown = start  # that frame is no longer on screen
            seek = _seek_point(container, stream, info, shown, start)
    except (av.error.FFmpegError, ValueError, OverflowError) as error:
        raise unreadable(path, error) from error
    late = _EARLY_SECONDS + float(delay)
    return Cut(
        seek_seconds=seek,
        read_seconds=None if end is None else end - begins - (seek or 0.0) + late,
        start_seconds=start,
        end_seconds=end,
        shown_from_seconds=shown,
        last_shown=last,
    )


def find_last_shown(path: Path, info: MediaInfo) -> DisplayedFrame | None:
    """Return the last frame of a file, in seconds after the first one.

    None if the file does not declare its duration; raises MediaError if it cannot be read.
    """
    try:
        with open_media(path) as container:
            stream = next(s for s in container.streams.video if s.index == info.stream)
            first = _first_frame(container, stream, (container.start_time or 0) / av.time_base)
            step = 1 / float(info.fps or _USUAL_FPS)
            shown = last_shown(container, stream, inf, info.delay_seconds, step)
    except (av.error.FFmpegError, ValueError, OverflowError) as error:
        raise unreadable(path, error) from error
    return shown.after(first) if shown else None


def _first_frame(container: InputContainer, stream: VideoStream, begins: float) -> float:
    """Return the time of the first decodable frame, else that of the header."""
    frame = read_first_frame(container, stream, MAX_PIXELS)
    if frame is not None and frame.seconds is not None:
        return frame.seconds
    tick = as_fraction(stream.time_base)
    return (
        begins if stream.start_time is None or tick is None else to_seconds(stream.start_time, tick)
    )


def _require_order(
    path: Path, container: InputContainer, stream: VideoStream, first: float
) -> None:
    """Raise MediaError if the first frames of an MP4 are decoded in another order than shown.

    Muxers write such times if fragments begin before the delay of the encoder is known. Packets
    with times before the first frame may also belong to frames that cannot be decoded.
    """
    tick = as_fraction(stream.time_base)
    if "mp4" not in container.format.name or tick is None:
        return
    container.seek(container.start_time or 0)
    stamps = [packet.pts for packet in islice(container.demux(stream), _MAX_REORDERED)]
    if all(
        stamp is None or first - to_seconds(stamp, tick) < MAX_FIXED_DECREASE_SECONDS
        for stamp in stamps
    ):
        return
    with open_media(path) as other:
        video = next(s for s in other.streams.video if s.index == stream.index)
        frames = (frame for packet in other.demux(video) for frame in packet.decode())
        times = [f.time for f in islice(frames, _MAX_REORDERED) if f.time is not None]
    back = max((before - time for before, time in pairwise(times)), default=0.0)
    if back >= MAX_FIXED_DECREASE_SECONDS:
        raise MediaError(
            f"{path.name} has frame timestamps that decrease by {back:.3g} s: convert it from its "
            "source, with -movflags +delay_moov where it is fragmented",
            reason="undecodable",
        )


def _seek_point(
    container: InputContainer, stream: VideoStream, info: MediaInfo, shown: float, start: float
) -> float | None:
    """Return the seconds after the container's start from which a segment must be read.

    That is a key frame shown by `shown`, and the audio at `start`. None if reading from the
    container's start is as cheap, or required.
    """
    begins = (container.start_time or 0) / av.time_base
    until = shown
    if info.delay_seconds:  # of a key frame the file's time is known, not its presentation time
        until -= _MAX_REORDERED / float(info.fps or _USUAL_FPS)
    back, needs_mark = _EARLY_SECONDS, False
    if stream.codec_context.name == "mpeg4":
        try:
            needs_mark = _has_packed_mark(container, stream)
        except av.error.FFmpegError:
            return None
    while (target := until - back) > begins + _EARLY_SECONDS:
        try:
            container.seek(round(target * av.time_base))
        except av.error.FFmpegError:
            return None
        key = _next_key(container, stream, info, until, needs_mark)
        if key is not None and (key.audio_seconds <= start or back >= _MAX_APART_SECONDS):
            seek = (target if key.is_next else min(target, key.seconds - _EARLY_SECONDS)) - begins
            return seek if seek > _EARLY_SECONDS else None
        back *= _STEP_BACK
    return None


def _next_key(
    container: InputContainer, stream: VideoStream, info: MediaInfo, until: float, needs_mark: bool
) -> _KeyFrame | None:
    """Return the next key frame, unless it is shown after `until`."""
    audio = [s for s in container.streams.audio if info.audio and s.index == info.audio.stream]
    key, is_next, audio_seconds = None, True, inf if audio else -inf
    for packet in islice(container.demux(stream, *audio), _MAX_SEEK_PACKETS):
        stamp = packet.dts if packet.pts is None or is_dated_by_decoding(container) else packet.pts
        if stamp is None:
            continue
        seconds = to_seconds(stamp, packet.time_base)
        if packet.stream_index != stream.index:
            audio_seconds = min(audio_seconds, seconds)
        elif key is None and packet.is_keyframe:
            if seconds > until or (needs_mark and not _is_marked(bytes(packet))):
                return None
            key = seconds
        elif key is None:
            is_next = False
        if key is not None and audio_seconds < inf:
            break
    return None if key is None else _KeyFrame(key, is_next, audio_seconds)


def _has_packed_mark(container: InputContainer, stream: VideoStream) -> bool:
    """Return True if the first packets of the file declare packed frames."""
    container.seek(container.start_time or 0)
    packets = islice(container.demux(stream), _MAX_MARK_PACKETS)
    return any(_is_marked(bytes(packet)) for packet in packets)


def _is_marked(data: bytes) -> bool:
    return _PACKED_MARK.search(data) is not None
