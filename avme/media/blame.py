"""What ffmpeg complains about in a cut: its span, or what is read before it and thrown away.

Reading begins between key frames, in the middle of a packet of sound, or where a group of pictures
looks back at the one before. So a healthy file too makes a decoder complain, of nothing that is
kept. A span rests on its last key frame that is shown by its start, and on nothing before.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import av
import av.error
import av.logging
from av.audio.stream import AudioStream
from av.codec.context import ThreadType
from av.container import InputContainer
from av.video.stream import VideoStream

from avme.media.container.probe import MAX_PIXELS, MediaInfo, open_media
from avme.media.container.rational import Ratio, to_seconds
from avme.media.ffmpeg.seek import Cut

_BEHIND_SECONDS = 1.0
"""Pictures and sound of one time may lie so far apart."""
_MAX_PACKETS = 65_536
"""Of what precedes the span: more than a minute of any kind."""


def concerns_span(path: Path, info: MediaInfo, cut: Cut, short: bool = False) -> bool:
    """Whether a decoder complains of anything that the span rests on, or cannot tell.

    A cut that came out `short` though its file goes on rests on whatever was complained of.

    Every packet is decoded by itself, so that a complaint has a time; ffmpeg's have none.
    """
    try:
        with open_media(path) as container:
            return _complains(container, info, cut, short)
    except (av.error.FFmpegError, ValueError, OverflowError):
        return True


def _complains(container: InputContainer, info: MediaInfo, cut: Cut, short: bool) -> bool:
    video = next(s for s in container.streams.video if s.index == info.stream)
    sound = [s for s in container.streams.audio if info.audio and s.index == info.audio.stream]
    _seek(container, cut)
    key = _last_key(container, video, cut.start_seconds)
    if key is None:
        return True
    for stream in (video, *sound):
        stream.codec_context.thread_type = ThreadType.NONE
        stream.codec_context.thread_count = 1  # libdav1d has threads of its own
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    _seek(container, cut)
    with _errors():
        return _meets_errors(container, video, sound, key, cut, short)


def _meets_errors(
    container: InputContainer,
    video: VideoStream,
    sound: list[AudioStream],
    key: float,
    cut: Cut,
    short: bool,
) -> bool:
    packets = container.demux(video, *sound)
    end = math.inf if cut.end_seconds is None else cut.end_seconds
    begun, reached = False, -math.inf
    while True:
        with av.logging.Capture() as misread:
            packet = next(packets, None)
        # A demuxer complains of a hole when it is past it, wherever that is.
        if misread and begun and cut.start_seconds <= reached < end:
            return True
        if packet is None:
            return short and reached >= end
        failed = False
        with av.logging.Capture() as said:
            try:
                packet.decode()
            except av.error.FFmpegError:
                failed = True
        seconds = _seconds(packet.pts, packet.dts, packet.time_base)
        if misread and begun and reached < end and seconds is not None and seconds >= end:
            return True  # the hole is wider than the span
        if seconds is not None:
            reached = max(reached, seconds)
            begun |= packet.stream is video and packet.is_keyframe and seconds >= key
            if seconds > end + _BEHIND_SECONDS:
                return short
            if seconds >= end:
                continue
        first = key if packet.stream is video else cut.start_seconds
        if begun and (failed or misread or said) and (seconds is None or seconds >= first):
            return True


@contextmanager
def _errors() -> Iterator[None]:
    """Libav tells its errors, each of them; what nobody captures would be printed."""
    before = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)
    try:
        yield
    finally:
        av.logging.set_level(before[0])
        av.logging.set_skip_repeated(before[1])


def _seek(container: InputContainer, cut: Cut) -> None:
    begins = container.start_time or 0
    container.seek(begins + round((cut.seek_seconds or 0.0) * av.time_base))


def _last_key(container: InputContainer, video: VideoStream, until: float) -> float | None:
    """The time of the last key frame that is shown by `until`."""
    last = None
    for packet in islice(container.demux(video), _MAX_PACKETS):
        seconds = _seconds(packet.pts, packet.dts, packet.time_base)
        if seconds is None:
            continue
        if packet.is_keyframe and seconds <= until:
            last = seconds
        if packet.dts is not None and to_seconds(packet.dts, packet.time_base) > until:
            break
    return last


def _seconds(pts: int | None, dts: int | None, tick: Ratio) -> float | None:
    stamp = dts if pts is None else pts
    return None if stamp is None else to_seconds(stamp, tick)
