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
from typing import Any, Literal, get_args

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
_NUM_THINGS = 6
_MARGIN_PIXELS = 6
_NUM_WAVES = 5

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
    strength = draw.uniform(0.85, 1.0)
    thing = _bright_colour(draw)
    pictures = _background(clip.draw_scene())
    pictures = pictures + strength * cover * (thing - pictures)
    pictures = pictures + draw.normal(0.0, draw.uniform(3.0, 9.0), pictures.shape)
    return np.asarray(np.clip(pictures, 0, 255), dtype=np.uint8)


def render_audio(clip: SyntheticClip) -> Int16[np.ndarray, " n"]:
    """Synthesize the audible event with the group's background noise."""
    if clip.audio == "silent":
        return np.zeros(_NUM_SAMPLES, dtype=np.int16)
    draw = np.random.default_rng(clip.draw().integers(2**32))
    voice = synthesize_event(clip.heard, _NUM_SAMPLES, draw)
    noise = synthesize_noise(_NUM_SAMPLES, clip.draw_scene(), draw)
    above_db, loudness_dbfs = draw.uniform(3.0, 15.0), draw.uniform(-30.0, -14.0)
    mixed = voice / voice.std() + noise / noise.std() * 10 ** (-above_db / 20)
    scaled = mixed / mixed.std() * 10 ** (loudness_dbfs / 20)
    return np.asarray(np.clip(32_767 * scaled, -32_768, 32_767), dtype=np.int16)


def _cover(seen: Seen, draw: np.random.Generator) -> Float64[np.ndarray, "t h w"]:
    """Return the coverage of every pixel by the event, 0 to 1, with a soft edge."""
    outside = np.minimum.reduce([_outside(seen, draw) for _ in range(_NUM_THINGS)])
    return np.asarray(np.clip(0.5 - outside, 0.0, 1.0))


def _outside(seen: Seen, draw: np.random.Generator) -> Float64[np.ndarray, "t h w"]:
    """Return the distance of pixels to the edge of a moving shape; negative inside."""
    seconds = np.arange(NUM_FRAMES)[:, None, None] / FPS
    index = draw.uniform(8, SIDE_PIXELS - 8, 2)
    speed = draw.uniform(10, 40, 2) * draw.choice([-1, 1], 2)
    down, right = np.mgrid[:SIDE_PIXELS, :SIDE_PIXELS]
    down = down - _bounce(index[0] + speed[0] * seconds)
    right = right - _bounce(index[1] + speed[1] * seconds)
    away = np.hypot(down, right)
    if seen == "Balls":
        return np.asarray(away - draw.uniform(6, 9))
    if seen == "Rings":
        beats = 2 * np.pi * draw.uniform(0.8, 1.8) * seconds + draw.uniform(0, 2 * np.pi)
        radius = draw.uniform(6.5, 9.0) + 1.5 * np.sin(beats)
        return np.asarray(np.abs(away - radius) - draw.uniform(1.3, 2.0))
    turns = draw.uniform(0.4, 1.2) * draw.choice([-1, 1]) * seconds + draw.uniform()
    down_share, right_share = np.sin(2 * np.pi * turns), np.cos(2 * np.pi * turns)
    along = np.abs(right_share * right + down_share * down) - draw.uniform(10, 14)
    across = np.abs(right_share * down - down_share * right) - draw.uniform(1.5, 2.5)
    return np.asarray(np.maximum(along, across))


def _bounce(position: Float64[np.ndarray, "..."]) -> Float64[np.ndarray, "..."]:
    """Reflect a position between the edges of the frame, with a margin."""
    low, high = _MARGIN_PIXELS, SIDE_PIXELS - _MARGIN_PIXELS
    return np.asarray(low + np.abs((position - low) % (2 * (high - low)) - (high - low)))


def _background(scene: np.random.Generator) -> Float64[np.ndarray, "t h w c"]:
    """Return two colors, mixed by waves that drift across the frame."""
    dark, light = scene.uniform(20, 80, 3), scene.uniform(50, 110, 3)
    time, down, right = np.mgrid[:NUM_FRAMES, :SIDE_PIXELS, :SIDE_PIXELS]
    pattern = np.zeros(time.shape)
    for _ in range(_NUM_WAVES):
        fy, fx, ft = scene.uniform(-0.4, 0.4, 3) * (1.0, 1.0, 0.3)
        pattern += np.sin(fy * down + fx * right + ft * time + scene.uniform(0, 2 * np.pi))
    share = (0.5 + 0.5 * pattern / np.abs(pattern).max())[..., None]
    return np.asarray(dark + share * (light - dark))


def _bright_colour(draw: np.random.Generator) -> Float64[np.ndarray, " c"]:
    colour = draw.uniform(60, 255, 3)
    colour[draw.integers(3)] = 255.0
    return np.asarray(colour)
