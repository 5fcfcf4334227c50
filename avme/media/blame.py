"""What ffmpeg complains about in a cut: its span, or what is read before it and thrown away.

Reading begins between key frames, in the middle of a packet of sound, or where a group of pictures
looks back at the one before. So a healthy file too makes a decoder complain, of nothing that is
kept. A span rests on its last key frame that is shown by its start, and on nothing before.
"""

from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import av.error
import av.logging
from av.codec.context import ThreadType
from av.container import InputContainer
from av.video.stream import VideoStream

from avme.media.cut import Cut
from avme.media.probe import MAX_PIXELS, MediaInfo, open_media

_BEHIND_SECONDS = 1.0
"""Pictures and sound of one time may lie so far apart."""
_MAX_PACKETS = 65_536
"""Of what precedes the span: more than a minute of any kind."""


def concerns_span(path: Path, info: MediaInfo, cut: Cut) -> bool:
    """Whether a decoder complains of anything that the span rests on, or cannot tell.

    Every packet is decoded by itself, so that a complaint has a time; ffmpeg's have none.
    """
    before = av.logging.get_level(), av.logging.get_skip_repeated()
    av.logging.set_level(av.logging.ERROR)
    av.logging.set_skip_repeated(False)
    try:
        with open_media(path) as container:
            return _complains(container, info, cut)
    except (av.error.FFmpegError, ValueError, OverflowError):
        return True
    finally:
        av.logging.set_level(before[0])
        av.logging.set_skip_repeated(before[1])


def _complains(container: InputContainer, info: MediaInfo, cut: Cut) -> bool:
    video = next(s for s in container.streams.video if s.index == info.stream)
    sound = [s for s in container.streams.audio if info.audio and s.index == info.audio.stream]
    _seek(container, cut)
    key = _last_key(container, video, cut.start_seconds)
    if key is None:
        return True
    for stream in (video, *sound):
        stream.codec_context.thread_type = ThreadType.NONE
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    _seek(container, cut)
    begun = False
    packets = container.demux(video, *sound)
    while True:
        failed = False
        with av.logging.Capture() as said:
            packet = next(packets, None)
            if packet is None:
                return False
            try:
                packet.decode()
            except av.error.FFmpegError:
                failed = True
        seconds = _seconds(packet.pts, packet.dts, packet.time_base)
        if packet.stream is video and packet.is_keyframe and seconds is not None:
            begun |= seconds >= key
        if cut.end_seconds is not None and seconds is not None:
            if seconds > cut.end_seconds + _BEHIND_SECONDS:
                return False
            if seconds >= cut.end_seconds:
                continue
        first = key if packet.stream is video else cut.start_seconds
        if begun and (failed or said) and (seconds is None or seconds >= first):
            return True


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
        if packet.dts is not None and float(packet.dts * packet.time_base) > until:
            break
    return last


def _seconds(pts: int | None, dts: int | None, tick: Fraction) -> float | None:
    stamp = dts if pts is None else pts
    return None if stamp is None else float(stamp * tick)
