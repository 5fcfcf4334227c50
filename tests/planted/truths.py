"""Datasets with a planted truth: a leak, an exclusive-or, a synchrony, a direction of motion.

Every set is balanced in what a single modality, or a single frame, shows, so that only the planted
relation predicts the class. Brightness is drawn by group and noise by clip, as clips of one
recording look alike.

Shape letters: t frames, h and w pixels, c colors, n samples.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float64, Int16, UInt8

from avme.audio.mfcc import SAMPLE_RATE_HZ
from avme.sources.clip_table import Subset
from tests.planted.prepared import ArrayClip

FPS: Final = 6
SIDE: Final = 16
PERIOD: Final = 4
"""Frames of a flash and the dark after it, and of a beep and the silence after it: 2/3 s, so that
an offset of 1 s is one and a half periods."""
_RED, _BLUE = (200, 40, 40), (40, 40, 200)
_COLORS: Final = (_RED, _BLUE)
_TONES_HZ: Final = (400.0, 1600.0)
_LOUDNESS: Final = 0.1
_FRAME_NOISE: Final = 12.0


@dataclass(frozen=True, slots=True)
class SetSize:
    """Groups of each class, and clips of each group."""

    train_groups: int = 24
    test_groups: int = 12
    clips: int = 2


@dataclass(frozen=True, slots=True)
class Place:
    """Place of a clip in the set: its group and number, and its random generators."""

    subset: Subset
    group: int
    number: int
    brightness: float
    """Factor on the frames, common to the group."""
    draw: np.random.Generator

    def clip(
        self,
        class_name: str,
        frames: Float64[np.ndarray, "t h w c"],
        samples: Float64[np.ndarray, " n"] | None,
    ) -> ArrayClip:
        """Return the clip with frame noise.

        Args:
            class_name: Class.
            frames: Colors, 0 to 255.
            samples: Audio, -1 to 1; None for a clip without a track.
        """
        noisy = frames * self.brightness + self.draw.normal(0.0, _FRAME_NOISE, frames.shape)
        pixels: UInt8[np.ndarray, "t h w c"] = np.clip(noisy, 0, 255).astype(np.uint8)
        audio = None if samples is None else _as_int16(samples)
        return ArrayClip(class_name, self.group, self.number, self.subset, pixels, audio)


def places(seed: int, label: int, size: SetSize) -> Iterator[Place]:
    """Return the places of a class, group by group.

    Args:
        seed: Seed of the set.
        label: Class index.
        size: Number of groups and clips.
    """
    subsets: tuple[tuple[Subset, int], ...] = (
        ("train", size.train_groups),
        ("test", size.test_groups),
    )
    for number, (subset, groups) in enumerate(subsets):
        for group in range(groups):
            scene = np.random.default_rng((seed, label, number, group))
            brightness = float(scene.uniform(0.7, 1.0))
            for clip in range(size.clips):
                draw = np.random.default_rng((seed, label, number, group, clip))
                yield Place(subset, group, clip, brightness, draw)


def leak_clips(seed: int = 0, size: SetSize | None = None) -> list[ArrayClip]:
    """Return four classes, of which two have audio: white noise, which is the same for both.

    Frames show one of two colors; the classes of a color differ only in the presence of audio.
    """
    clips, num_frames = [], 2 * PERIOD
    for label, name in enumerate(("RedSilent", "RedNoise", "BlueSilent", "BlueNoise")):
        for place in places(seed, label, size or SetSize()):
            noise = place.draw.normal(0.0, _LOUDNESS, _num_samples(num_frames))
            samples = noise if name.endswith("Noise") else None
            clips.append(place.clip(name, _solid(_COLORS[label // 2], num_frames), samples))
    return clips


def xor_clips(seed: int = 0, size: SetSize | None = None) -> list[ArrayClip]:
    """Return two classes: the exclusive-or of the color and the tone.

    Either color and either tone is equally common in both classes. Colors and tones last for the
    entire clip, so that time shows nothing.
    """
    clips, num_frames = [], 2 * PERIOD
    for label, name in enumerate(("Equal", "Unequal")):
        for place in places(seed, label, size or SetSize()):
            seen = place.number % 2
            heard = seen ^ label
            tone = _tone(_TONES_HZ[heard], num_frames, place.draw)
            clips.append(place.clip(name, _solid(_COLORS[seen], num_frames), tone))
    return clips


def when_clips(seed: int = 0, size: SetSize | None = None) -> list[ArrayClip]:
    """Return two classes: the beep sounds with the flash, or half a period after it.

    Flash and beep repeat with the same period, and start at either half of it equally often in both
    classes: when the beep sounds on the clock of the window shows nothing, and neither does the
    audio of another clip of the class. Only the time between the flash and the beep does, which an
    offset of half a period inverts.
    """
    clips, num_frames = [], 3 * PERIOD
    for label, name in enumerate(("Together", "Apart")):
        for place in places(seed, label, size or SetSize()):
            flash = place.number % 2
            beep = flash ^ label
            is_lit = _is_on(np.arange(num_frames), flash)
            colors = np.where(is_lit[:, None], _COLORS[0], (20, 20, 20))
            frames = np.broadcast_to(colors[:, None, None], (num_frames, SIDE, SIDE, 3))
            tone = _tone(_TONES_HZ[0], num_frames, place.draw)
            frame = np.arange(len(tone)) * FPS // SAMPLE_RATE_HZ
            background = place.draw.normal(0.0, _LOUDNESS / 50, len(tone))
            clips.append(place.clip(name, frames, tone * _is_on(frame, beep) + background))
    return clips


def motion_clips(seed: int = 0, size: SetSize | None = None) -> list[ArrayClip]:
    """Return two classes: a bar moves to the left or to the right, and returns at the edge.

    It starts anywhere, so that a single frame shows nothing. The audio is noise in all clips.
    """
    clips, num_frames, speed, width = [], 8, 2, 4
    for label, name in enumerate(("Left", "Right")):
        for place in places(seed, label, size or SetSize()):
            shift = speed * np.arange(num_frames) * (2 * label - 1) + place.draw.integers(SIDE)
            column = (np.arange(SIDE) - shift[:, None]) % SIDE
            bar = np.where((column < width)[:, None, :, None], 200.0, 30.0)
            frames = np.broadcast_to(bar, (num_frames, SIDE, SIDE, 3))
            noise = place.draw.normal(0.0, _LOUDNESS, _num_samples(num_frames))
            clips.append(place.clip(name, frames, noise))
    return clips


def _is_on(frame: np.ndarray, phase: int) -> np.ndarray:
    """Return True in the half of each period that `phase` names."""
    return np.asarray(frame * 2 // PERIOD % 2 == phase)


def _solid(color: tuple[int, int, int], num_frames: int) -> Float64[np.ndarray, "t h w c"]:
    return np.full((num_frames, SIDE, SIDE, 3), color, dtype=np.float64)


def _tone(hertz: float, num_frames: int, draw: np.random.Generator) -> Float64[np.ndarray, " n"]:
    """Return a tone of nearly this frequency, of random phase and loudness."""
    seconds = np.arange(_num_samples(num_frames)) / SAMPLE_RATE_HZ
    cycles = hertz * draw.uniform(0.95, 1.05) * seconds + draw.uniform()
    return np.asarray(_LOUDNESS * draw.uniform(0.7, 1.4) * np.sin(2 * np.pi * cycles))


def _num_samples(num_frames: int) -> int:
    return num_frames * SAMPLE_RATE_HZ // FPS


def _as_int16(samples: Float64[np.ndarray, " n"]) -> Int16[np.ndarray, " n"]:
    return np.asarray(np.clip(np.rint(32_767 * samples), -32_768, 32_767), dtype=np.int16)
