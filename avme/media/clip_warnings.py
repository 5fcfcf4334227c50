"""What was decoded against what the header said, and sound against pictures: in words.

A remark is a code, a colon and a sentence; the clip is an ordinary one all the same. Only a clip
that lost more than it kept is refused.
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
"""Sound that starts or ends further than this from the pictures is late or early."""
_LOOSE_FRAMES = 2
"""AVI headers commonly count one or two frames more than there are."""
_LOOSE_ASPECT = 0.02
"""Whoever scales to whole pixels makes them a little wide or high."""
_LOOSE_CUT_SECONDS = 0.5
"""A cut that lacks two frames and less than this is complete."""
_LOOSE_SOUND_SECONDS = 0.5
"""Recorders write their last block of sound whole."""
_SHORT = ("short-cut:", "sound-short:")


def frame_remarks(info: MediaInfo, num_frames: int) -> Iterator[str]:
    """On the pictures of a whole file."""
    claimed = info.num_frames_from_header
    if claimed is not None and abs(num_frames - claimed) > _LOOSE_FRAMES:
        yield f"frames-differ: {num_frames} frames decode, the header says {claimed}"
    if info.num_picture_tracks > 1:
        which = f"number {info.picture_track} of {info.num_picture_tracks} picture tracks is taken"
        if info.picture_track == 1:
            which = f"the first of {info.num_picture_tracks} picture tracks is taken"
        why = f", the first {info.picture_track_reason}" if info.picture_track_reason else ""
        yield f"more-pictures: {which}{why}"


def cut_remarks(info: MediaInfo, span: Span, seconds: float, fps: Fraction) -> Iterator[str]:
    """On the length of a cut, and on its frame rate beside that of its file."""
    if span.end_seconds is not None:
        wanted = span.end_seconds - span.start_seconds
        if seconds <= wanted - min(2.0 / float(fps), _LOOSE_CUT_SECONDS):
            yield f"short-cut: {seconds:.3f} s are there of the {wanted:g} s asked for"
    if info.fps is not None and differ(info.fps, fps):
        yield (
            f"rate-differs: {float(fps):.5g} pictures a second are in the cut, the header of the "
            f"file says {float(info.fps):.5g}"
        )


def lacks_content(
    info: MediaInfo, span: Span, remarks: Iterable[str], missing_frames: float
) -> bool:
    """Return True if a cut lacks frames or audio although its file is long enough for `span`.

    Only then do ffmpeg's errors say something about the cut: decoding begins between key frames, so
    that an intact file too causes errors, in frames that are not kept.

    Args:
        info: Header of the whole file.
        span: Seconds that were asked for.
        remarks: Warnings on the cut.
        missing_frames: Frames that the length and the frame rate of the cut promise beyond those
            that were decoded.
    """
    end, longest = span.end_seconds, info.seconds_from_header
    if end is None or (longest is not None and end > longest):
        return False
    is_short = any(remark.startswith(_SHORT) for remark in remarks)
    return is_short or missing_frames > _LOOSE_FRAMES


def shape_remarks(info: MediaInfo) -> Iterator[str]:
    """On the shape of the pixels, and of the picture."""
    if info.shown_size is not None and info.shown_size != (info.width, info.height):
        yield (
            f"crop-ignored: the container asks for {info.shown_size[0]}x{info.shown_size[1]} of "
            f"{info.width}x{info.height} pixels to be shown, pictures are stored whole"
        )
    aspect = info.pixel_aspect
    if aspect is not None and abs(math.log(aspect)) > _LOOSE_ASPECT:
        yield (
            f"not-square: pixels are shown {aspect.numerator}:{aspect.denominator} (width to "
            "height), pictures are stored as if they were square"
        )


def color_remarks(info: MediaInfo, recipe: Recipe) -> Iterator[str]:
    """On colours that are not those of SDR video with a tagged matrix."""
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
            f"untagged-hd: {info.width}x{info.height} without a colour matrix is read as "
            f"{matrix}{other}"
        )


def sound_remarks(
    info: MediaInfo, seconds: float, sound_start_seconds: float | None, sound_seconds: float
) -> Iterator[str]:
    """On the sound of pictures that go on for `seconds`; times count from the first one."""
    if info.num_sound_tracks > 1 and info.audio is not None:
        which = f"number {info.audio.position} of {info.num_sound_tracks} sound tracks is taken"
        if info.audio.position == 1:
            which = f"the first of {info.num_sound_tracks} sound tracks is taken"
        why = f", the first {info.audio.reason}" if info.audio.reason else ""
        yield f"more-sound: {which}{why}"
    if sound_start_seconds is None:
        if info.num_sound_tracks > 1:
            yield "sound-lost: there are sound tracks, but not a sample of them decodes"
        elif info.num_sound_tracks:
            yield "sound-lost: there is a sound track, but not a sample of it decodes"
        return
    if sound_start_seconds > LATE_SECONDS:
        yield f"sound-late: sound starts {sound_start_seconds:.2f} s after the pictures"
    if sound_start_seconds < -LATE_SECONDS:
        yield f"sound-early: {-sound_start_seconds:.2f} s of sound before the pictures are left out"
    beyond = sound_start_seconds + sound_seconds - seconds
    if beyond < -LATE_SECONDS:
        yield f"sound-short: sound ends {-beyond:.2f} s before the pictures"
    if beyond > _LOOSE_SOUND_SECONDS:
        yield f"sound-long: {beyond:.2f} s of sound after the pictures are left out"


def require_most(info: MediaInfo, num_frames: int, seconds: float, min_decoded: float) -> None:
    """Raises MediaError if less than `min_decoded` of what the header promises is there.

    Frames alone would not tell: an AVI counts frames that repeat the last one and an MP4 frames
    that its edit list hides, so that both frames and seconds must be missing.
    """
    claimed_frames, claimed_seconds = info.num_frames_from_header, info.seconds_from_header
    shares = []
    if claimed_frames:
        shares.append(num_frames / claimed_frames)
    if claimed_seconds and claimed_seconds > 0:
        shares.append(seconds / claimed_seconds)
    if shares and max(shares) < min_decoded:
        frames = f"{claimed_frames} frames" if claimed_frames else ""
        length = f"{claimed_seconds:.3g} s" if claimed_seconds else ""
        raise MediaError(
            f"{num_frames} frames ({seconds:.3g} s) decode, the header says "
            f"{' or '.join(filter(None, (frames, length)))}: the file is cut "
            "off or damaged; a smaller min_decoded lets it pass",
            reason="truncated",
        )
