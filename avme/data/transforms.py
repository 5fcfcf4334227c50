"""Transforms: random views of a clip for training, determined by the draw's seed alone.

torchvision's transforms read torch's global generator; `torch_seed` sets it temporarily, so that
neither workers nor restarts change a clip.

Shape letters: t frames, c colors, m the model's size, s MFCC rows, f coefficients.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, cast, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from avme.config import AugmentConfig, ClipConfig, CropConfig
from avme.data.crop import Box, Squares
from avme.data.randaugment import RandAugment
from avme.data.spec_augment import spec_augment
from avme.data.temporal_sampling import Window, random_window

Sound = tuple[Float[Tensor, "s f"], Bool[Tensor, " s"]]
_MEAN_COLOUR = [124.0, 116.0, 104.0]


@runtime_checkable
class TrainTransform(Protocol):
    """View of a clip in training; methods are called inside `torch_seed`, in this order."""

    clip: ClipConfig

    def window(self, clip_frames: int) -> Window:
        """Draw a span of the clip."""

    def box(self, height: int, width: int) -> Box:
        """Draw the crop from frames of this size."""

    def pictures(self, squares: Squares) -> Squares:
        """Transform the cropped frames."""

    def audio(self, mfcc: Float[Tensor, "s f"], valid: Bool[Tensor, " s"]) -> Sound:
        """Transform the MFCC of the span."""


@contextmanager
def torch_seed(seed: int) -> Iterator[None]:
    """Set torch's global generator to `seed` inside the block, and restore it afterwards."""
    generator = torch.default_generator
    before = generator.get_state()
    try:
        generator.manual_seed(seed)  # torch.manual_seed also visits the devices: 0.1 ms per clip
        yield
    finally:
        generator.set_state(before)


class PretrainTransform:
    """VideoMAE's pretraining view: a random window and a multi-scale crop, no flip."""

    def __init__(self, clip: ClipConfig, crop: CropConfig) -> None:
        self.clip, self.scales, self.shift = clip, crop.scales, crop.shift

    def window(self, clip_frames: int) -> Window:
        """Draw a window anywhere in the clip."""
        return random_window(clip_frames, self.clip, torch.default_generator)

    def box(self, height: int, width: int) -> Box:
        """Draw a crop of neighboring scales of the short side, or a shift of the center square."""
        if self.shift:
            return shifted_square(height, width, self.shift)
        short, count = min(height, width), len(self.scales)
        first = _randint_below(count)
        second = min(max(first + _randint_below(3) - 1, 0), count - 1)
        box_height = max(1, int(short * self.scales[first]))
        box_width = max(1, int(short * self.scales[second]))
        top, left = _randint_below(height - box_height + 1), _randint_below(width - box_width + 1)
        return Box(top, left, box_height, box_width)

    def pictures(self, squares: Squares) -> Squares:
        """Return the frames unchanged."""
        return squares

    def audio(self, mfcc: Float[Tensor, "s f"], valid: Bool[Tensor, " s"]) -> Sound:
        """Return the MFCC unchanged."""
        return mfcc, valid


class FinetuneTransform:
    """Fine-tuning view: random resized crop, flip, RandAugment, erasing, SpecAugment, noise."""

    def __init__(self, clip: ClipConfig, augment: AugmentConfig) -> None:
        from torchvision.transforms import v2  # 1.3 s of a core, for fine-tuning alone

        self.clip, self.augment = clip, augment
        self.crop = v2.RandomResizedCrop(
            clip.image_size, scale=augment.crop_scale, ratio=augment.crop_ratio
        )
        steps: list[Callable[[Squares], Squares]] = [v2.RandomHorizontalFlip(augment.hflip_prob)]
        if augment.randaugment_ops:
            steps.append(RandAugment(augment))
        steps.append(v2.RandomErasing(augment.erase_prob, value=_MEAN_COLOUR))
        self.steps = v2.Compose(steps)

    def window(self, clip_frames: int) -> Window:
        """Draw a window in the clip, or slightly outside with jitter."""
        jitter = self.augment.jitter_frames
        return random_window(clip_frames, self.clip, torch.default_generator, jitter)

    def box(self, height: int, width: int) -> Box:
        """Draw a crop of random area and aspect ratio, or a shift of the center square."""
        if self.augment.shift:
            return shifted_square(height, width, self.augment.shift)
        made = self.crop.make_params([torch.empty(3, height, width, device="meta")])
        height, width = (max(1, made[side]) for side in ("height", "width"))  # may round to 0
        return Box(made["top"], made["left"], height, width)

    def pictures(self, squares: Squares) -> Squares:
        """Apply the same flip and colors to all frames."""
        return cast(Tensor, self.steps(squares))

    def audio(self, mfcc: Float[Tensor, "s f"], valid: Bool[Tensor, " s"]) -> Sound:
        """Drop the audio, or add noise and masks; rows that are not valid stay zero."""
        settings = self.augment
        if settings.audio_dropout and float(torch.rand(())) < settings.audio_dropout:
            return torch.zeros_like(mfcc), torch.zeros_like(valid)
        if settings.audio_noise:
            mfcc = mfcc + settings.audio_noise * torch.randn_like(mfcc)
        longest = int(settings.audio_time_mask * len(mfcc))
        mfcc = spec_augment(mfcc, longest, settings.audio_freq_mask)
        return mfcc * valid[:, None], valid


def shifted_square(height: int, width: int, shift: float) -> Box:
    """Draw a center square that is shifted in both directions; it may exceed the frame.

    Args:
        height: Height of the frames.
        width: Width of the frames.
        shift: Maximum shift as a fraction of the short side.
    """
    short = min(height, width)
    reach = round(shift * short)
    top, left = (
        (side - short) // 2 - reach + _randint_below(2 * reach + 1) for side in (height, width)
    )
    return Box(top, left, short, short)


def _randint_below(end: int) -> int:
    return int(torch.randint(end, ()))
