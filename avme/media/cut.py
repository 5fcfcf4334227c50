"""A span of a long video to what ffmpeg must be told, so that it seeks and decodes little else.

A span counts from the first picture that is shown, a container's clock from anywhere, and `-ss`
from the container's own start. ffmpeg seeks by what the container knows, which in a transport
stream are times but no key frames; so the key frame to begin with is looked up before. It begins
early and keeps its clock; its filters then keep exactly the span.
"""

from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import av
import av.error
from av.codec.context import ThreadType
from av.container import InputContainer
from av.video.stream import VideoStream

from avme.media.probe import MAX_PIXELS, MediaInfo, open_media, unreadable
from avme.media.span import Span

_EARLY_SECONDS = 1.0
"""Sound codecs need what came before; this is more than any of them."""
_GRACE_SECONDS = 1e-6
"""A written time is rounded; the shortest tick of a usual clock is ten times this."""
_MAX_FIRST_PACKETS = 64
_MAX_SEEK_PACKETS = 4096
_STEP_BACK = 4.0


@dataclass(frozen=True, slots=True)
class Cut:
    """What ffmpeg reads and keeps of a file."""

    seek_seconds: float | None
    """Input option `-ss`, after the container's start; None to read from there."""
    read_seconds: float | None
    """Input option `-t`; None to read to the end."""
    start_seconds: float
    """The first time that is kept, on the container's clock."""
    end_seconds: float | None
    """The first time that is not."""

    @property
    def video_filter(self) -> str:
        """Keeps the pictures whose time lies in the span."""
        conditions = [f"gte(t,{self.start_seconds - _GRACE_SECONDS:.6f})"]
        if self.end_seconds is not None:
            conditions.append(f"lt(t,{self.end_seconds - _GRACE_SECONDS:.6f})")
        return f"select='{'*'.join(conditions)}'"

    @property
    def audio_filter(self) -> str:
        """Keeps the samples of the span."""
        end = "" if self.end_seconds is None else f":end={self.end_seconds:.6f}"
        return f"atrim=start={self.start_seconds:.6f}{end}"


@dataclass(frozen=True, slots=True)
class _KeyFrame:
    seconds: float
    is_next: bool
    """Whether the container's seeking leads right to it."""


def find_cut(path: Path, info: MediaInfo, span: Span) -> Cut:
    """Looks up where reading must begin; raises MediaError if the file cannot be opened."""
    try:
        with open_media(path) as container:
            stream = next(s for s in container.streams.video if s.index == info.stream)
            begins = (container.start_time or 0) / av.time_base
            first = _first_picture(container, stream, begins)
            start = first + span.start_seconds
            seek = _seek_point(container, stream, start, begins)
    except (av.error.FFmpegError, ValueError, OverflowError) as error:
        raise unreadable(path, error) from error
    end = None if span.end_seconds is None else first + span.end_seconds
    return Cut(
        seek_seconds=seek,
        read_seconds=None if end is None else end - begins - (seek or 0.0) + _EARLY_SECONDS,
        start_seconds=start,
        end_seconds=end,
    )


def _first_picture(container: InputContainer, stream: VideoStream, begins: float) -> float:
    """The time of the first picture that decodes, else of what the header calls the first."""
    stream.codec_context.thread_type = ThreadType.NONE
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    for packet in islice(container.demux(stream), _MAX_FIRST_PACKETS):
        try:
            times = [frame.time for frame in packet.decode() if frame.time is not None]
        except av.error.FFmpegError:
            break
        if times:
            return times[0]
    if stream.start_time is None or stream.time_base is None:
        return begins
    return float(stream.start_time * stream.time_base)


def _seek_point(
    container: InputContainer, stream: VideoStream, start: float, begins: float
) -> float | None:
    """Seconds after `begins` from where a key frame is met that is shown by `start`.

    None where reading from the container's start costs no more, or nothing else helps.
    """
    back = _EARLY_SECONDS
    while (target := start - back) > begins + _EARLY_SECONDS:
        try:
            container.seek(round(target * av.time_base))
        except av.error.FFmpegError:
            return None
        key = _next_key(container, stream, start)
        if key is not None:
            seek = (target if key.is_next else min(target, key.seconds - _EARLY_SECONDS)) - begins
            return seek if seek > _EARLY_SECONDS else None
        back *= _STEP_BACK
    return None


def _next_key(container: InputContainer, stream: VideoStream, until: float) -> _KeyFrame | None:
    """The key frame that is met first, unless it is shown after `until`."""
    for number, packet in enumerate(islice(container.demux(stream), _MAX_SEEK_PACKETS)):
        stamp = packet.pts if packet.pts is not None else packet.dts
        if stamp is None:
            continue
        seconds = float(stamp * packet.time_base)
        if packet.is_keyframe:
            return _KeyFrame(seconds, number == 0) if seconds <= until else None
    return None
