"""A video file to what its header claims, read with PyAV.

A header is a claim, not a fact: AVI headers count frames that do not decode, and a rate may be a
guess. What was decoded decides; the claims are kept beside it so that the two can be compared.
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
"""Larger pictures are refused before anything is decoded: 8K has 33 million."""
_FULL_RANGE = 2
"""Libav's AVCOL_RANGE_JPEG."""
_FASTEST_FPS = 1000
_PROMISE_NOTHING = frozenset({"mpeg", "mpegts", "asf"})
_MAY_JUMP = frozenset({"mpeg", "mpegts"})
_TAGGED_SECONDS = re.compile(r"(\d+):(\d+):(\d+(?:\.\d+)?)")
"""How Matroska writes when a track ends."""


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """The selected picture and audio tracks, as the header describes them."""

    stream: int
    codec: str
    width: int
    """Columns of the upright picture: a rotation in the header is already applied."""
    height: int
    fps: Fraction | None
    time_base: Fraction
    num_frames_from_header: int | None
    start_seconds: float | None
    audio: AudioInfo | None
    seconds_from_header: float | None = None
    """How long the pictures are said to go on; None where nothing is said."""
    num_picture_tracks: int = 1
    picture_track: int = 1
    """Which of them is selected, counted from 1."""
    picture_track_reason: str = ""
    """Why it is not the first; empty if it is."""
    other_audio: tuple[AudioInfo, ...] = ()
    """The audio tracks to try where `audio` is silent, in this order."""
    num_sound_tracks: int = 0
    delay_seconds: Fraction = Fraction(0)
    """How much later than they are shown ffmpeg dates the pictures of an AVI."""
    shown_size: tuple[int, int] | None = None
    """Width and height of the part of the upright picture that the container asks players to show;
    None where it asks for no crop."""
    pixel_aspect: Fraction | None = None
    """Width to height of a pixel, before any rotation; None where nothing is said."""
    color: ColorTags = UNTAGGED
    may_jump: bool = False
    """Whether ffmpeg takes long steps of this container's clock for jumps, and closes them."""
    is_steady: bool = False
    """Whether the clock is known to take long steps without a jump."""


def probe(path: Path) -> MediaInfo:
    """Reads the header of `path`; raises MediaError if it is no video that can be opened."""
    try:
        with open_media(path) as container:
            return _describe(container, path)
    except (av.error.FFmpegError, ValueError, OverflowError) as error:
        raise unreadable(path, error) from error


def open_media(path: Path, **options: str) -> InputContainer:
    """Opens a local media file and nothing that it may point at."""
    return av.open(
        f"file:{path.absolute()}",
        mode="r",
        options={
            "protocol_whitelist": PROTOCOLS,
            "format_whitelist": DEMUXERS,
            "max_pixels": str(MAX_PIXELS),  # some pictures are decoded to know their format
            **options,
        },
    )


def unreadable(path: Path, error: Exception) -> MediaError:
    """The error for a file that no demuxer of a real container understands."""
    if path.is_file() and path.stat().st_size == 0:
        return MediaError(f"{path.name} is empty", reason="empty")
    if isinstance(error, av.error.ArgumentError):
        if is_raw_stream(path):
            message = (
                f"{path.name} is a raw video stream, without a container, times or sound: convert "
                "it, ffmpeg -i IN OUT.mp4"
            )
            return MediaError(message, reason="unreadable")
        message = f"{path.name} is in none of the containers that are read ({DEMUXERS})"
        return MediaError(message, reason="unreadable")
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return MediaError(f"{path.name} cannot be opened as a video: {said}", reason="unreadable")


def _describe(container: InputContainer, path: Path) -> MediaInfo:
    if len(container.streams.video) > 1:
        with open_media(path) as other:  # from which packets are read
            track = choose_video(other)
    else:
        track = choose_video(container)
    if track is None:
        raise MediaError(f"{path.name} has no picture track", reason="no-video")
    video = next(s for s in container.streams.video if s.index == track.index)
    if not isinstance(video.codec_context, VideoCodecContext):
        raise MediaError(
            f"{path.name} has pictures in a codec that nobody here decodes", reason="undecodable"
        )
    width, height = video.codec_context.width, video.codec_context.height
    delay = Fraction(0)
    if width * height <= MAX_PIXELS and (first := read_first_frame(container, video, MAX_PIXELS)):
        width, height, delay = first.width, first.height, first.delay_seconds
    if width < 1 or height < 1:  # as also where the decoder finds them too large
        width, height = _declared_size(path, video.index)
    if width < 1 or height < 1:
        raise MediaError(f"{path.name} does not say how large its pictures are", reason="no-frames")
    if width * height > MAX_PIXELS:
        raise MediaError(
            f"{path.name} has pictures of {width}x{height}, more than {MAX_PIXELS} pixels",
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
        num_picture_tracks=track.num_tracks,
        picture_track=track.position,
        picture_track_reason=track.reason,
        num_sound_tracks=len(container.streams.audio),
        delay_seconds=delay,
        shown_size=_shown_size(container, path, track.position, video, (width, height)),
        pixel_aspect=as_fraction(video.sample_aspect_ratio),
        color=_color_tags(video.codec_context),
        may_jump=container.format.name in _MAY_JUMP,
    )


def _shown_size(
    container: InputContainer, path: Path, position: int, video: VideoStream, size: tuple[int, int]
) -> tuple[int, int] | None:
    """Return the size to which the header crops, turned as the upright picture of `size` is."""
    shown = read_shown_size(path, container.format.name, position)
    is_turned = size != (video.codec_context.width, video.codec_context.height)
    return (shown[1], shown[0]) if shown and is_turned else shown


def _color_tags(codec: VideoCodecContext) -> ColorTags:
    """What the header says, and the decoder where it was let at a picture."""
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
    """Return the frame rate; None where it is merely the tick of the clock, which is a guess."""
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
    """The length of the picture track.

    What the demuxer of an AVI calls its duration is mended from the size of the file, so that its
    frames count. Those of an MP4 do not: its edit list may show a part of them. MPEG streams
    promise nothing: their clocks may jump; and an ASF tells the length of its longest track.
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
    """What the container says, as no decoder is let at it."""
    with open_media(path, codec_whitelist="none") as container:
        codec = container.streams[index].codec_context
        return (codec.width, codec.height) if isinstance(codec, VideoCodecContext) else (0, 0)
