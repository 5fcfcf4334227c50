"""MP4 with audio, and GIF, of scenes.

Shape letters: h and w pixels, c colors, n samples.
"""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
from jaxtyping import Int16, UInt8

from avme.audio.mfcc import SAMPLE_RATE_HZ
from avme.errors import SystemRequirementError
from avme.io.atomic import replacing
from avme.media.encode_mp4 import encode_frames, encode_samples
from avme.reconstruction.scenes import Scene, layout_of, scene_frames

_FPS: Final = 25
_OPTIONS: Final = {"preset": "veryfast", "crf": "18", "threads": "1", "x264-params": "mbtree=0"}
_HUNDREDTH: Final = 10
"""Milliseconds of the unit of time in a GIF."""


def write_mp4(path: Path, scenes: Sequence[Scene]) -> None:
    """Write an MP4 (H.264, AAC) that plays the scenes one after the other at their own speed.

    A scene is repeated until it lasts three seconds, with its audio. Without any audio the file has
    no audio track.

    Args:
        path: File to write.
        scenes: Clips.

    Raises:
        SystemRequirementError: PyAV lacks an encoder.
        OSError: The file cannot be written.
    """
    import av

    with replacing(path) as temporary, av.open(str(temporary), "w", format="mp4") as container:
        layout = layout_of(scenes)
        try:
            video: Any = container.add_stream("libx264", rate=_FPS, options=_OPTIONS)
            has_audio = any(scene.track is not None for scene in scenes)
            audio: Any = container.add_stream("aac", rate=SAMPLE_RATE_HZ) if has_audio else None
        except ValueError as error:
            raise SystemRequirementError(
                f"PyAV {av.__version__}: libx264 or aac is missing: install the wheel of av from "
                "PyPI"
            ) from error
        video.width, video.height, video.pix_fmt = layout.width, layout.height, "yuv420p"
        if audio is not None:
            audio.layout = "mono"
        encode_frames(container, video, _at_constant_rate(scenes), Fraction(_FPS))
        if audio is not None:
            encode_samples(container, audio, _samples(scenes))


def write_gif(path: Path, scenes: Sequence[Scene]) -> None:
    """Write an endless GIF that plays every scene once at its own speed.

    Args:
        path: File to write.
        scenes: Clips.

    Raises:
        OSError: The file cannot be written.
    """
    from PIL import Image

    layout = layout_of(scenes)
    images, milliseconds = [], []
    for scene in scenes:
        for frame in scene_frames(scene, layout):
            images.append(Image.fromarray(frame).quantize(dither=Image.Dither.NONE))
            hundredths = max(2, round(1000 * scene.seconds_per_frame / _HUNDREDTH))
            milliseconds.append(_HUNDREDTH * hundredths)
    with replacing(path) as temporary:
        images[0].save(
            temporary,
            format="GIF",
            save_all=True,
            append_images=images[1:],
            duration=milliseconds,
            loop=0,
        )


def scene_seconds(scene: Scene) -> float:
    """Return the duration of a scene in an MP4, in whole frames, with its repeats."""
    return _num_shown(scene) / _FPS


def _num_shown(scene: Scene) -> int:
    return round(scene.repeats * scene.num_frames * scene.seconds_per_frame * _FPS)


def _at_constant_rate(scenes: Sequence[Scene]) -> Iterator[UInt8[np.ndarray, "h w c"]]:
    layout = layout_of(scenes)
    for scene in scenes:
        frames = list(scene_frames(scene, layout))
        for number in range(_num_shown(scene)):
            at = int((number + 0.5) / _FPS / scene.seconds_per_frame)
            yield frames[at % len(frames)]


def _samples(scenes: Sequence[Scene]) -> Int16[np.ndarray, " n"]:
    """Return the audio of all scenes; silence where a scene has none."""
    parts = []
    for scene in scenes:
        part = np.zeros(round(scene_seconds(scene) * SAMPLE_RATE_HZ), dtype=np.int16)
        if scene.track is not None:
            once = round(scene.num_frames * scene.seconds_per_frame * SAMPLE_RATE_HZ)
            own = np.zeros(once, dtype=np.int16)
            taken = scene.track.samples[:once]
            own[: len(taken)] = taken
            whole = np.tile(own, scene.repeats)[: len(part)]
            part[: len(whole)] = whole
        parts.append(part)
    return np.concatenate(parts)
