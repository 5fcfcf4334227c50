"""Warnings about a clip: decoded content against its header, and audio against video.

A warning is a code, a colon and a sentence; the clip is valid all the same. Only a clip that lost
more than it has left is refused.
"""

import math
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Final

from avme.errors import MediaError
from avme.media.container.probe import MediaInfo
from avme.media.decode_config import Recipe
from avme.media.span import Span
from avme.media.timing import differ

LATE_SECONDS: Final = 0.1
"""Audio that starts or ends further than this from the video is late or early."""
_LOOSE_FRAMES = 2
"""AVI headers commonly count one or two frames too many."""
_LOOSE_ASPECT = 0.02
"""Scaling to whole pixels changes the aspect ratio slightly."""
_LOOSE_CUT_SECONDS = 0.5
"""A segment that lacks two frames and less than this is complete."""
_LOOSE_AUDIO_SECONDS = 0.5
"""Recorders write the last audio block in full."""
_SHORT = ("short-cut:", "audio-short:")


def frame_warnings(info: MediaInfo, num_frames: int) -> Iterator[str]:
    """Return warnings about the frames of a full file."""
    claimed = info.num_frames_from_header
    if claimed is not None and abs(num_frames - claimed) > _LOOSE_FRAMES:
        yield f"frames-differ: {num_frames} frames decode, the header records {claimed}"
    if info.num_video_tracks > 1:
        which = f"track {info.video_track} of {info.num_video_tracks} video tracks is used"
        if info.video_track == 1:
            which = f"the first of {info.num_video_tracks} video tracks is used"
        why = f", the first {info.video_track_reason}" if info.video_track_reason else ""
        yield f"more-video: {which}{why}"


def cut_warnings(info: MediaInfo, span: Span, seconds: float, fps: Fraction) -> Iterator[str]:
    """Return warnings about the length of a segment, and its frame rate against the file's.

    Args:
        info: Header of the file.
        span: Requested span.
        seconds: Decoded length.
        fps: Decoded frame rate.
    """
    if span.end_seconds is not None:
        wanted = span.end_seconds - span.start_seconds
        if seconds <= wanted - min(2.0 / float(fps), _LOOSE_CUT_SECONDS):
            yield f"short-cut: {seconds:.3f} s decode, expected {wanted:g} s"
    if info.fps is not None and differ(info.fps, fps):
        yield (
            f"rate-differs: the cut has {float(fps):.5g} frames per second, the header records "
            f"{float(info.fps):.5g}"
        )


def lacks_content(
    info: MediaInfo, span: Span, warnings: Iterable[str], missing_frames: float
) -> bool:
    """Return True if a segment lacks frames or audio although its file is long enough for `span`.

    Only then are ffmpeg's errors related to the segment: decoding begins between key frames, so
    that an intact file too causes errors, in frames that are discarded.

    Args:
        info: Header of the full file.
        span: Requested span in seconds.
        warnings: Warnings about the segment.
        missing_frames: Frames expected from length and frame rate beyond the decoded ones.
    """
    end, longest = span.end_seconds, info.seconds_from_header
    if end is None or (longest is not None and end > longest):
        return False
    is_short = any(warning.startswith(_SHORT) for warning in warnings)
    return is_short or missing_frames > _LOOSE_FRAMES


def shape_warnings(info: MediaInfo) -> Iterator[str]:
    """Return warnings about the shape of pixels and frames."""
    if info.shown_size is not None and info.shown_size != (info.width, info.height):
        yield (
            f"crop-ignored: the container crops {info.width}x{info.height} to "
            f"{info.shown_size[0]}x{info.shown_size[1]} pixels, frames are stored whole"
        )
    aspect = info.pixel_aspect
    if aspect is not None and abs(math.log(aspect)) > _LOOSE_ASPECT:
        yield (
            f"not-square: the pixel aspect ratio is {aspect.numerator}:{aspect.denominator}, "
            "frames are stored as if it were 1:1"
        )


def color_warnings(info: MediaInfo, recipe: Recipe) -> Iterator[str]:
    """Return warnings about colors other than those of SDR video with a tagged matrix."""
    color = info.color
    if color.hdr is not None:
        done = "pixels keep its curve and primaries, hdr=tonemap converts them to BT.709"
        if recipe.tonemap:
            done = "tone-mapped to BT.709"
        yield f"hdr: {color.hdr}, {done}"
    if color.is_untagged_hd(info.width, info.height):
        matrix, other = "BT.601", ", untagged_hd=bt709 reads it as players do"
        if recipe.untagged_hd_is_bt709:
            matrix, other = "BT.709", ""
        yield (
            f"untagged-hd: {info.width}x{info.height} without a color matrix is read as "
            f"{matrix}{other}"
        )


def audio_warnings(
    info: MediaInfo, seconds: float, audio_start_seconds: float | None, audio_seconds: float
) -> Iterator[str]:
    """Return warnings about the audio of a video.

    Args:
        info: Header of the file.
        seconds: Length of the video.
        audio_start_seconds: Start of the audio after the first frame.
        audio_seconds: Length of the audio.
    """
    if info.num_audio_tracks > 1 and info.audio is not None:
        which = f"track {info.audio.position} of {info.num_audio_tracks} audio tracks is used"
        if info.audio.position == 1:
            which = f"the first of {info.num_audio_tracks} audio tracks is used"
        why = f", the first {info.audio.reason}" if info.audio.reason else ""
        yield f"more-audio: {which}{why}"
    if audio_start_seconds is None:
        if info.num_audio_tracks > 1:
            yield "audio-lost: no sample of the audio tracks decodes"
        elif info.num_audio_tracks:
            yield "audio-lost: no sample of the audio track decodes"
        return
    if audio_start_seconds > LATE_SECONDS:
        yield f"audio-late: audio starts {audio_start_seconds:.2f} s after the video"
    if audio_start_seconds < -LATE_SECONDS:
        yield f"audio-early: {-audio_start_seconds:.2f} s of audio before the video are left out"
    beyond = audio_start_seconds + audio_seconds - seconds
    if beyond < -LATE_SECONDS:
        yield f"audio-short: audio ends {-beyond:.2f} s before the video"
    if beyond > _LOOSE_AUDIO_SECONDS:
        yield f"audio-long: {beyond:.2f} s of audio after the video are left out"


def require_min_decoded(
    info: MediaInfo, num_frames: int, seconds: float, min_decoded_fraction: float
) -> None:
    """Check that at least a fraction of the header's content was decoded.

    Frames alone are not sufficient: an AVI counts repeated frames, and an MP4 frames that its edit
    list hides, so that both frames and seconds must be missing.

    Args:
        info: Header of the file.
        num_frames: Decoded frames.
        seconds: Decoded length.
        min_decoded_fraction: Minimum fraction.

    Raises:
        MediaError: Less was decoded.
    """
    claimed_frames, claimed_seconds = info.num_frames_from_header, info.seconds_from_header
    shares = []
    if claimed_frames:
        shares.append(num_frames / claimed_frames)
    if claimed_seconds and claimed_seconds > 0:
        shares.append(seconds / claimed_seconds)
    if shares and max(shares) < min_decoded_fraction:
        frames = f"{claimed_frames} frames" if claimed_frames else ""
        length = f"{claimed_seconds:.3g} s" if claimed_seconds else ""
        raise MediaError(
            f"{num_frames} frames ({seconds:.3g} s) decode, the header records "
            f"{' or '.join(filter(None, (frames, length)))}: the file is truncated or damaged; a "
            "smaller min_decoded_fraction accepts it",
            reason="truncated",
        )
