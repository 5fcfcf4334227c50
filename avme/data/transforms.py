"""What a clip becomes on its way to the model, decided by the draw's seed alone.

torchvision's transforms read torch's global generator; `seeded` lends them one that nobody else
sees, so that neither workers nor restarts change a clip.

Shape letters: t frames, c colours, m the model's size, s MFCC rows, f coefficients.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, cast, runtime_checkable

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torchvision.transforms import v2

from avme.config import AugmentConfig, ClipConfig, CropConfig
from avme.data.crop import Box, Squares
from avme.data.randaugment import RandAugment
from avme.data.spec_augment import spec_augment
from avme.data.temporal_sampling import Window, random_window

Sound = tuple[Float[Tensor, "s f"], Bool[Tensor, " s"]]
_MEAN_COLOUR = [124.0, 116.0, 104.0]


@runtime_checkable
class TrainingView(Protocol):
    """How training looks at a clip; called inside `seeded`, in this order."""

    clip: ClipConfig

    def window(self, clip_frames: int) -> Window:
        """A span of the clip."""

    def box(self, height: int, width: int) -> Box:
        """What is cut out of pictures of this size, to become squares of the model's size."""

    def pictures(self, squares: Squares) -> Squares:
        """What else happens to the squares."""

    def sound(self, mfcc: Float[Tensor, "s f"], valid: Bool[Tensor, " s"]) -> Sound:
        """The sound of the span."""


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """torch's global generator starts at `seed` inside, and is as before outside."""
    generator = torch.default_generator
    before = generator.get_state()
    try:
        generator.manual_seed(seed)  # torch.manual_seed also walks the devices: 0.1 ms a clip
        yield
    finally:
        generator.set_state(before)


class PretrainView:
    """VideoMAE's pretraining view: a random window and a multi-scale crop, no flip."""

    def __init__(self, clip: ClipConfig, crop: CropConfig) -> None:
        self.clip, self.scales = clip, crop.scales

    def window(self, clip_frames: int) -> Window:
        """Anywhere in the clip."""
        return random_window(clip_frames, self.clip, torch.default_generator)

    def box(self, height: int, width: int) -> Box:
        """Height and width are neighbouring scales of the short side."""
        short, count = min(height, width), len(self.scales)
        first = _below(count)
        second = min(max(first + _below(3) - 1, 0), count - 1)
        box_height = max(1, int(short * self.scales[first]))
        box_width = max(1, int(short * self.scales[second]))
        top, left = _below(height - box_height + 1), _below(width - box_width + 1)
        return Box(top, left, box_height, box_width)

    def pictures(self, squares: Squares) -> Squares:
        """As they are."""
        return squares

    def sound(self, mfcc: Float[Tensor, "s f"], valid: Bool[Tensor, " s"]) -> Sound:
        """As it is."""
        return mfcc, valid


class FinetuneView:
    """Random resized crop, flip, RandAugment and erasing; noise and masks on the sound."""

    def __init__(self, clip: ClipConfig, augment: AugmentConfig) -> None:
        self.clip, self.augment = clip, augment
        self.crop = v2.RandomResizedCrop(clip.size, scale=augment.scale, ratio=augment.ratio)
        steps: list[Callable[[Squares], Squares]] = [v2.RandomHorizontalFlip(augment.flip)]
        if augment.randaugment_ops:
            steps.append(RandAugment(augment))
        steps.append(v2.RandomErasing(augment.erase, value=_MEAN_COLOUR))
        self.steps = v2.Compose(steps)

    def window(self, clip_frames: int) -> Window:
        """Anywhere in the clip, or a little outside where jitter is set."""
        jitter = self.augment.jitter_frames
        return random_window(clip_frames, self.clip, torch.default_generator, jitter)

    def box(self, height: int, width: int) -> Box:
        """A random share of the area with a random aspect."""
        made = self.crop.make_params([torch.empty(3, height, width, device="meta")])
        height, width = (max(1, made[side]) for side in ("height", "width"))  # may round to 0
        return Box(made["top"], made["left"], height, width)

    def pictures(self, squares: Squares) -> Squares:
        """The same flip and colours on all frames."""
        return cast(Tensor, self.steps(squares))

    def sound(self, mfcc: Float[Tensor, "s f"], valid: Bool[Tensor, " s"]) -> Sound:
        """Dropped as a whole, or noisy and with stretches masked; not valid rows stay zero."""
        settings = self.augment
        if settings.audio_dropout and float(torch.rand(())) < settings.audio_dropout:
            return torch.zeros_like(mfcc), torch.zeros_like(valid)
        if settings.audio_noise:
            mfcc = mfcc + settings.audio_noise * torch.randn_like(mfcc)
        longest = int(settings.audio_time_mask * len(mfcc))
        mfcc = spec_augment(mfcc, longest, settings.audio_coefficient_mask)
        return mfcc * valid[:, None], valid


def _below(end: int) -> int:
    return int(torch.randint(end, ()))
