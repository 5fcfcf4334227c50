"""Header of a video file, read with PyAV.

A header is a claim, not a fact: AVI headers count frames that do not decode, and a rate may be a
guess. Decoded content decides; the claims are stored beside it for comparison.
"""

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import av.error
from av.container import InputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from avme.errors import MediaError
from avme.media.container.audio_track import AudioInfo, list_audio
from avme.media.container.color import UNTAGGED, ColorTags
from avme.media.container.cropping import read_shown_size
from avme.media.container.first_frame import read_first_frame
from avme.media.container.formats import DEMUXERS, PROTOCOLS
from avme.media.container.rational import as_fraction, to_seconds
from avme.media.container.sniff import is_raw_stream
from avme.media.container.video_track import choose_video

MAX_PIXELS = 64 * 1024 * 1024
"""Larger frames are refused before anything is decoded: 8K has 33 million pixels."""
_FULL_RANGE = 2
"""Libav's AVCOL_RANGE_JPEG."""
_FASTEST_FPS = 1000
_PROMISE_NOTHING = frozenset({"mpeg", "mpegts", "asf"})
_MAY_JUMP = frozenset({"mpeg", "mpegts"})
_TAGGED_SECONDS = re.compile(r"(\d+):(\d+):(\d+(?:\.\d+)?)")
"""Metadata key of a track's end in Matroska."""


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """Selected video and audio tracks, as described by the header."""

    stream: int
    codec: str
    width: int
    """Columns of the upright frame: a rotation in the header is already applied."""
    height: int
    fps: Fraction | None
    time_base: Fraction
    num_frames_from_header: int | None
    start_seconds: float | None
    audio: AudioInfo | None
    seconds_from_header: float | None = None
    """Length of the video; None if not stated."""
    num_video_tracks: int = 1
    video_track: int = 1
    """Number of the selected video track, from 1."""
    video_track_reason: str = ""
    """Reason for not selecting the first; empty if it is selected."""
    other_audio: tuple[AudioInfo, ...] = ()
    """Audio tracks to try if `audio` is silent, in this order."""
    num_audio_tracks: int = 0
    delay_seconds: Fraction = Fraction(0)
    """Delay of ffmpeg's times for the frames of an AVI."""
    shown_size: tuple[int, int] | None = None
    """Width and height of the part of the upright frame to show; None without a crop."""
    pixel_aspect: Fraction | None = None
    """Width to height of a pixel, before any rotation; None if not stated."""
    color: ColorTags = UNTAGGED
    may_jump: bool = False
    """True if ffmpeg interprets long steps of this container's clock as jumps, and closes them."""
    is_steady: bool = False
    """True if the clock is known to have long steps without a jump."""


def probe(path: Path) -> MediaInfo:
    """Read the header of `path`; raises MediaError if it is not a readable video."""
    try:
        with open_media(path) as container:
            return _describe(container, path)
    except (av.error.FFmpegError, ValueError, OverflowError) as error:
        raise unreadable(path, error) from error


def open_media(path: Path, **options: str) -> InputContainer:
    """Open a local media file and nothing that it may refer to."""
    return av.open(
        f"file:{path.absolute()}",
        mode="r",
        options={
            "protocol_whitelist": PROTOCOLS,
            "format_whitelist": DEMUXERS,
            "max_pixels": str(MAX_PIXELS),  # some frames are decoded to detect their format
            **options,
        },
    )


def unreadable(path: Path, error: Exception) -> MediaError:
    """Return the error for a file that no demuxer of a real container reads."""
    if path.is_file() and path.stat().st_size == 0:
        return MediaError(f"{path.name} is empty", reason="empty")
    if isinstance(error, av.error.ArgumentError):
        if is_raw_stream(path):
            message = (
                f"{path.name} is a raw video stream, without a container, timestamps or audio: "
                "convert it, ffmpeg -i IN OUT.mp4"
            )
            return MediaError(message, reason="unreadable")
        message = f"{path.name} is in none of the containers that are read ({DEMUXERS})"
        return MediaError(message, reason="unreadable")
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return MediaError(f"{path.name} cannot be opened as a video: {said}", reason="unreadable")


def _describe(container: InputContainer, path: Path) -> MediaInfo:
    if len(container.streams.video) > 1:
        with open_media(path) as other:  # packets are read from this one
            track = choose_video(other)
    else:
        track = choose_video(container)
    if track is None:
        raise MediaError(f"{path.name} has no video track", reason="no-video")
    video = next(s for s in container.streams.video if s.index == track.index)
    if not isinstance(video.codec_context, VideoCodecContext):
        raise MediaError(
            f"{path.name} has a video codec that ffmpeg cannot decode", reason="undecodable"
        )
    width, height = video.codec_context.width, video.codec_context.height
    delay = Fraction(0)
    if width * height <= MAX_PIXELS and (first := read_first_frame(container, video, MAX_PIXELS)):
        width, height, delay = first.width, first.height, first.delay_seconds
    if width < 1 or height < 1:  # also if the decoder refuses their size
        width, height = _declared_size(path, video.index)
    if width < 1 or height < 1:
        raise MediaError(f"{path.name} does not record its frame size", reason="no-frames")
    if width * height > MAX_PIXELS:
        raise MediaError(
            f"{path.name} has frames of {width}x{height}, more than {MAX_PIXELS} pixels",
            reason="too-large",
        )
    audio = list_audio(container)
    return MediaInfo(
        stream=video.index,
        codec=video.codec_context.name,
        width=width,
        height=height,
        fps=_claimed_rate(video),
        time_base=as_fraction(video.time_base) or Fraction(1, 90_000),
        num_frames_from_header=video.frames or None,
        start_seconds=_start_seconds(video),
        audio=audio[0] if audio else None,
        other_audio=audio[1:],
        seconds_from_header=_claimed_seconds(container, video),
        num_video_tracks=track.num_tracks,
        video_track=track.position,
        video_track_reason=track.reason,
        num_audio_tracks=len(container.streams.audio),
        delay_seconds=delay,
        shown_size=_shown_size(container, path, track.position, video, (width, height)),
        pixel_aspect=as_fraction(video.sample_aspect_ratio),
        color=_color_tags(video.codec_context),
        may_jump=container.format.name in _MAY_JUMP,
    )


def _shown_size(
    container: InputContainer, path: Path, position: int, video: VideoStream, size: tuple[int, int]
) -> tuple[int, int] | None:
    """Return the size of the header's crop, rotated as the upright frame of `size`."""
    shown = read_shown_size(path, container.format.name, position)
    is_turned = size != (video.codec_context.width, video.codec_context.height)
    return (shown[1], shown[0]) if shown and is_turned else shown


def _color_tags(codec: VideoCodecContext) -> ColorTags:
    """Return the tags of the header, and of the decoder if it has seen a frame."""
    pixels = codec.format
    return ColorTags(
        primaries=int(codec.color_primaries),
        transfer=int(codec.color_trc),
        matrix=int(codec.colorspace),
        is_yuv=pixels is not None
        and len(pixels.components) > 2
        and not (pixels.is_rgb or pixels.has_palette),
        is_full_range=int(codec.color_range) == _FULL_RANGE,
    )


def _claimed_rate(video: VideoStream) -> Fraction | None:
    """Return the frame rate; None if it is only the tick of the clock, which is a guess."""
    rate = as_fraction(video.average_rate) or as_fraction(video.guessed_rate)
    tick = as_fraction(video.time_base)
    ticks = 1 / tick if tick else None
    return None if rate == ticks and rate is not None and rate >= _FASTEST_FPS else rate


def _start_seconds(stream: VideoStream) -> float | None:
    tick = as_fraction(stream.time_base)
    return (
        None if stream.start_time is None or tick is None else to_seconds(stream.start_time, tick)
    )


def _claimed_seconds(container: InputContainer, video: VideoStream) -> float | None:
    """Return the length of the video track.

    The duration by an AVI demuxer is corrected by the size of the file, so that the frame count is
    used. For an MP4 it is not: its edit list may show a part of them. MPEG streams state nothing:
    their clocks may jump; and an ASF states the length of its longest track.
    """
    if container.format.name in _PROMISE_NOTHING:
        return None
    rate, tick = as_fraction(video.average_rate), as_fraction(video.time_base)
    if video.frames and rate and "mp4" not in container.format.name:
        return float(video.frames / rate)
    if video.duration and tick:
        return to_seconds(video.duration, tick)
    tagged = _TAGGED_SECONDS.fullmatch(video.metadata.get("DURATION", ""))
    if tagged is None:
        return None
    hours, minutes, seconds = (float(part) for part in tagged.groups())
    return 3600 * hours + 60 * minutes + seconds - (_start_seconds(video) or 0.0)


def _declared_size(path: Path, index: int) -> tuple[int, int]:
    """Return the size in the container, without using a decoder."""
    with open_media(path, codec_whitelist="none") as container:
        codec = container.streams[index].codec_context
        return (codec.width, codec.height) if isinstance(codec, VideoCodecContext) else (0, 0)
