"""Synthetic dataset of labeled videos, laid out as UCF-101, for `avme demo`.

There are three visual and three audible events, and a class is a pair of them, so that neither
video nor audio alone can distinguish more than three groups of classes. A group is one scene: its
clips share background, light and background noise, which no other group has.

Shape letters: t frames, h and w pixels, c colors, n samples.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any, Final, Literal, get_args

import numpy as np
from jaxtyping import Float64, Int16, UInt8

from avme.audio.loudness import AudioState
from avme.audio.mfcc import SAMPLE_RATE_HZ
from avme.io.atomic import replacing
from avme.media.encode_mp4 import encode_frames, encode_samples
from avme.media.synthetic_audio import HEARD, Heard, synthesize_event, synthesize_noise
from avme.progress import Reporter
from avme.system.cpu_count import available_cores

Seen = Literal["Balls", "Bars", "Rings"]

SIDE_PIXELS = 64
FPS = 25
NUM_FRAMES = 28
_NUM_SAMPLES = NUM_FRAMES * SAMPLE_RATE_HZ // FPS
_BITEXACT = {"fflags": "+bitexact"}
_MPEG4 = {"flags": "+bitexact", "qmin": "3", "qmax": "3", "threads": "1"}
_OFF_CENTER_PIXELS = 1.5
_SWAY_PIXELS = 2.0
_COLORS: Final[dict[Seen, tuple[int, int, int]]] = {
    "Balls": (130, 235, 130),
    "Bars": (110, 185, 250),
    "Rings": (250, 165, 95),
}

SEEN: tuple[Seen, ...] = get_args(Seen)
_ODD = (HEARD[0], 1)


@dataclass(frozen=True, slots=True)
class SyntheticClip:
    """Clip of the dataset, with all parameters of its content."""

    seen: Seen
    heard: Heard
    group: int
    number: int
    seed: int
    audio: AudioState = "audible"

    @property
    def class_name(self) -> str:
        """Class name, from both events: BallsBell."""
        return f"{self.seen}{self.heard}"

    @property
    def id(self) -> str:
        """Path below the dataset's folder, as named by UCF-101."""
        name = self.class_name
        return f"{name}/v_{name}_g{self.group:02d}_c{self.number:02d}.avi"

    def draw(self) -> np.random.Generator:
        """Draw the clip's own parameters: position, speed, color, pitch, loudness."""
        kind = SEEN.index(self.seen) * len(HEARD) + HEARD.index(self.heard)
        return np.random.default_rng([self.seed, self.group, self.number, kind + 1])

    def draw_scene(self) -> np.random.Generator:
        """Draw the parameters shared by the clips of the group."""
        return np.random.default_rng([self.seed, self.group])


def plan_set(groups: Sequence[int], clips_per_group: int, seed: int) -> tuple[SyntheticClip, ...]:
    """Return every class in every group; in the last one, one clip is silent and one has no track.

    Args:
        groups: Number of groups.
        clips_per_group: Clips per class and group.
        seed: Seed.
    """
    odd: dict[tuple[int, Seen], AudioState] = {
        (groups[-1], SEEN[0]): "silent",
        (groups[-1], SEEN[1]): "none",
    }
    return tuple(
        SyntheticClip(
            seen=seen,
            heard=heard,
            group=group,
            number=number,
            seed=seed,
            audio=odd.get((group, seen), "audible") if (heard, number) == _ODD else "audible",
        )
        for group in groups
        for seen in SEEN
        for heard in HEARD
        for number in range(1, clips_per_group + 1)
    )


def make_set(clips: Sequence[SyntheticClip], folder: Path, report: Reporter) -> None:
    """Write every clip below `folder`.

    Args:
        clips: Clips.
        folder: Folder to write.
        report: Receives progress.

    Raises:
        OSError: A file cannot be written.
    """
    pool = ThreadPoolExecutor(max_workers=available_cores())
    try:
        with report.task("make videos", total=len(clips)) as task:
            made = [pool.submit(write_clip, clip, folder) for clip in clips]
            for future in as_completed(made):
                future.result()
                task.advance()
    finally:
        pool.shutdown(cancel_futures=True)


def write_clip(clip: SyntheticClip, folder: Path) -> Path:
    """Write one AVI: MPEG-4 video and, unless it has no track, 16-bit audio.

    Args:
        clip: Clip.
        folder: Folder to write.

    Raises:
        OSError: The file cannot be written.
    """
    import av

    path = folder / clip.id
    with (
        replacing(path) as temporary,
        av.open(str(temporary), "w", format="avi", options=_BITEXACT) as container,
    ):
        video: Any = container.add_stream("mpeg4", rate=FPS, options=_MPEG4)
        video.width, video.height, video.pix_fmt = SIDE_PIXELS, SIDE_PIXELS, "yuv420p"
        audio: Any = None
        if clip.audio != "none":
            audio = container.add_stream("pcm_s16le", rate=SAMPLE_RATE_HZ, layout="mono")
        encode_frames(container, video, render_video(clip), Fraction(FPS))
        if audio is not None:
            encode_samples(container, audio, render_audio(clip))
    return path


def render_video(clip: SyntheticClip) -> UInt8[np.ndarray, "t h w c"]:
    """Render the visual event in front of the group's background."""
    draw = clip.draw()
    cover = _cover(clip.seen, draw)[..., None]
    background = _background(clip.draw_scene())
    pictures = background + cover * (_color(clip.seen, draw) - background)
    pictures = pictures + draw.normal(0.0, draw.uniform(1.0, 4.0), pictures.shape)
    return np.asarray(np.clip(pictures, 0, 255), dtype=np.uint8)


def render_audio(clip: SyntheticClip) -> Int16[np.ndarray, " n"]:
    """Synthesize the audible event with the group's background noise."""
    if clip.audio == "silent":
        return np.zeros(_NUM_SAMPLES, dtype=np.int16)
    draw = np.random.default_rng(clip.draw().integers(2**32))
    voice = synthesize_event(clip.heard, _NUM_SAMPLES, draw)
    noise = synthesize_noise(_NUM_SAMPLES, clip.draw_scene(), draw)
    above_db, loudness_dbfs = draw.uniform(9.0, 18.0), draw.uniform(-30.0, -14.0)
    mixed = voice / voice.std() + noise / noise.std() * 10 ** (-above_db / 20)
    scaled = mixed / mixed.std() * 10 ** (loudness_dbfs / 20)
    return np.asarray(np.clip(32_767 * scaled, -32_768, 32_767), dtype=np.int16)


def _cover(seen: Seen, draw: np.random.Generator) -> Float64[np.ndarray, "t h w"]:
    """Return the coverage of every pixel by the pattern, 0 to 1, with a soft edge."""
    seconds = np.arange(NUM_FRAMES)[:, None, None] / FPS
    down, right = np.mgrid[:SIDE_PIXELS, :SIDE_PIXELS] - (SIDE_PIXELS - 1) / 2
    place = draw.uniform(-_OFF_CENTER_PIXELS, _OFF_CENTER_PIXELS, 2)
    turns = np.multiply.outer(draw.uniform(0.6, 1.2, 2), seconds)
    sway = _SWAY_PIXELS * np.sin(2 * np.pi * turns + draw.uniform(0, 2 * np.pi, (2, 1, 1, 1)))
    down, right = down - place[0], right - place[1]
    if seen == "Rings":  # they grow and shrink
        return _soft(_rings(np.hypot(down, right) - sway[0], draw))
    return _soft((_balls if seen == "Balls" else _bars)(down - sway[0], right - sway[1], draw))


def _soft(outside: Float64[np.ndarray, "t h w"]) -> Float64[np.ndarray, "t h w"]:
    """Return the coverage from the distance to the edge, negative inside."""
    return np.asarray(np.clip(0.5 - outside, 0.0, 1.0))


def _balls(
    down: Float64[np.ndarray, "t h w"],
    right: Float64[np.ndarray, "t h w"],
    draw: np.random.Generator,
) -> Float64[np.ndarray, "t h w"]:
    """Return the distance to four balls, one in each quarter of the frame."""
    return np.asarray(np.hypot(np.abs(down) - 15, np.abs(right) - 15) - draw.uniform(10, 12))


def _bars(
    down: Float64[np.ndarray, "t h w"],
    right: Float64[np.ndarray, "t h w"],
    draw: np.random.Generator,
) -> Float64[np.ndarray, "t h w"]:
    """Return the distance to three upright bars."""
    across = np.minimum(np.abs(right), np.abs(np.abs(right) - 20)) - draw.uniform(4, 5)
    return np.asarray(np.maximum(across, np.abs(down) - 26))


def _rings(
    away: Float64[np.ndarray, "t h w"], draw: np.random.Generator
) -> Float64[np.ndarray, "t h w"]:
    """Return the distance to two rings around one center."""
    return np.asarray(np.minimum(np.abs(away - 9), np.abs(away - 24)) - draw.uniform(3.5, 4.5))


def _background(scene: np.random.Generator) -> Float64[np.ndarray, "h w c"]:
    """Return two dark colors, mixed by one wave of at least the width of the frame."""
    dark, light = scene.uniform(10, 60, 3), scene.uniform(30, 90, 3)
    down, right = np.mgrid[:SIDE_PIXELS, :SIDE_PIXELS]
    along_down, along_right = scene.uniform(-0.1, 0.1, 2)
    wave = np.sin(along_down * down + along_right * right + scene.uniform(0, 2 * np.pi))
    return np.asarray(dark + (0.5 + 0.5 * wave[..., None]) * (light - dark))


def _color(seen: Seen, draw: np.random.Generator) -> Float64[np.ndarray, " c"]:
    """Return the color of a pattern, which varies a little from clip to clip."""
    return np.asarray(np.clip(_COLORS[seen] + draw.uniform(-25, 25, 3), 0, 255))
