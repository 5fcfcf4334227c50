"""Copy of a video with the predicted class drawn over its lower edge, with its audio.

The labels are a second video of few frames, one at each change, which ffmpeg lays over the first.

Shape letters: h and w pixels, c colors.
"""

from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
from jaxtyping import UInt8

from avme.errors import MediaError, SystemRequirementError
from avme.inference.prediction import Prediction, TimelineSpan
from avme.io.atomic import replacing
from avme.media.container.formats import DEMUXERS, PROTOCOLS
from avme.media.container.probe import MAX_PIXELS, MediaInfo
from avme.media.ffmpeg.process import find_ffmpeg, transcode

_SECONDS_PER_SECOND: Final = 20.0
"""Time limit: this many seconds for a second of video, and a minute."""
_FALLBACK_SECONDS: Final = 86_400.0
_SHARE: Final = 12
"""Height of the label: the video's, divided by this."""
_LEAST: Final = 14
_MILLISECOND: Final = Fraction(1, 1000)


def annotate(source: Path, target: Path, info: MediaInfo, prediction: Prediction) -> None:
    """Write an MP4 (H.264, AAC) with the labels of the timeline.

    Args:
        source: Video.
        target: MP4 to write; it is complete or does not exist.
        info: Header of the video.
        prediction: Prediction of the video.

    Raises:
        MediaError: ffmpeg cannot convert the video.
        SystemRequirementError: ffmpeg or PyAV lacks an encoder.
        OSError: The file cannot be written.
    """
    width, height = info.width + info.width % 2, info.height + info.height % 2
    strip = min(height, _even(max(_LEAST, height // _SHARE)))
    with TemporaryDirectory(prefix="avme-") as work, replacing(target) as temporary:
        labels = Path(work) / "labels.nut"
        write_labels(labels, prediction.timeline(), (width, strip))
        words = _arguments(source, labels, temporary, info, (width, height))
        seconds = prediction.seconds
        limit = _FALLBACK_SECONDS if seconds is None else 60.0 + _SECONDS_PER_SECOND * seconds
        try:
            transcode(words, timeout_seconds=limit)
        except MediaError as error:
            if "Unknown encoder" in str(error):
                raise SystemRequirementError(
                    f"{words[0]} has no encoder libx264 or aac, which --annotate needs: install an "
                    "ffmpeg that is built with them"
                ) from error
            raise MediaError(f"{source} cannot be annotated: {error}", error.reason) from error


def write_labels(path: Path, timeline: tuple[TimelineSpan, ...], size: tuple[int, int]) -> None:
    """Write a video of one frame for each span of a timeline.

    Args:
        path: NUT file to write.
        timeline: Spans in order of time.
        size: Width and height of the label in pixels.
    """
    import av

    with av.open(str(path), "w", format="nut") as container:
        stream: Any = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = *size, "bgr0"
        stream.time_base = stream.codec_context.time_base = _MILLISECOND
        for index, span in enumerate(timeline):
            frame = av.VideoFrame.from_ndarray(draw_label(span, size), format="rgb24")
            start = 0.0 if index == 0 else span.start_seconds
            frame.pts, frame.time_base = round(start * 1000), _MILLISECOND
            container.mux(stream.encode(frame.reformat(format="bgr0")))
        container.mux(stream.encode(None))


def draw_label(span: TimelineSpan, size: tuple[int, int]) -> UInt8[np.ndarray, "h w c"]:
    """Draw the class and its probability, white on black, shortened to fit.

    Args:
        span: Span of the timeline.
        size: Width and height in pixels.
    """
    from PIL import Image, ImageDraw, ImageFont

    width, height = size
    image = Image.new("RGB", size, "black")
    draw = ImageDraw.Draw(image)
    font = ImageFont.truetype(str(_font_file()), max(8, round(0.7 * height)))
    percent = f" {100 * span.probability:.0f} %"
    name = "".join(c if c.isprintable() else "?" for c in span.label)
    room = width - height // 2 - draw.textlength(percent, font)
    shown = name
    while shown and draw.textlength(shown, font) > room:
        name = name[:-1]
        shown = f"{name}..." if name else ""
    draw.text((height // 4, height // 2), shown + percent, fill="white", font=font, anchor="lm")
    return np.asarray(image)


def _font_file() -> Path:
    """Return matplotlib's font, without importing it."""
    found = find_spec("matplotlib")
    if found is None or not found.submodule_search_locations:
        raise SystemRequirementError("matplotlib, whose font is used, is missing: reinstall avme")
    return Path(found.submodule_search_locations[0], "mpl-data", "fonts", "ttf", "DejaVuSans.ttf")


def _arguments(
    source: Path, labels: Path, target: Path, info: MediaInfo, size: tuple[int, int]
) -> list[str]:
    width, height = size
    overlay = (
        f"[0:{info.stream}]scale={width}:{height},format=yuv420p[video];"
        "[video][1:v]overlay=0:H-h:eof_action=repeat,format=yuv420p[out]"
    )
    words = [find_ffmpeg(), "-nostdin", "-hide_banner", "-loglevel", "error", "-y"]
    words += ["-protocol_whitelist", PROTOCOLS, "-format_whitelist", DEMUXERS]
    words += ["-max_pixels", str(MAX_PIXELS), "-i", f"file:{source.absolute()}"]
    words += ["-f", "nut", "-i", f"file:{labels.absolute()}"]
    words += ["-filter_complex", overlay, "-map", "[out]"]
    if info.audio is not None:
        words += ["-map", f"0:{info.audio.stream}", "-c:a", "aac"]
    words += ["-c:v", "libx264", "-preset", "veryfast", "-crf", "20", "-fps_mode", "vfr"]
    words += ["-map_metadata", "-1", "-movflags", "+faststart", "-f", "mp4"]
    return [*words, f"file:{target.absolute()}"]


def _even(number: int) -> int:
    return number + number % 2
