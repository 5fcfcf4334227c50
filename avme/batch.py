"""Batch type shared by the data loader and the models.

Where `audio_valid` is False, `mfcc` is zero and ignored by models.

Shape letters: b clips, c colors, t frames, h and w pixels, s MFCC rows (4 per source frame), f
cepstral coefficients, n further audio of the same frames.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor


@dataclass(frozen=True, slots=True)
class AVBatch:
    """Batch of clips: frames as bytes, audio as normalized MFCC of the same time span."""

    video: UInt8[Tensor, "b c t h w"]
    """RGB, 0 to 255; the model's input layer scales it on the device."""
    mfcc: Float[Tensor, "b s f"]
    """Normalized with mean and deviation of the train list; zero where not valid."""
    audio_valid: Bool[Tensor, "b s"]
    """Rows with usable audio: inside the clip and its audio track."""
    label: Int64[Tensor, " b"]
    clip: Int64[Tensor, " b"]
    """Index of the clip in the list given to the loader."""
    seed: Int64[Tensor, " b"]
    """Seed of all randomness for this clip in this draw, masks included."""

    def __len__(self) -> int:
        return self.video.shape[0]

    @property
    def has_audio(self) -> Bool[Tensor, " b"]:
        """Return True for clips with at least one valid row."""
        return self.audio_valid.any(dim=1)

    def to(self, device: torch.device) -> "AVBatch":
        """Copy the inputs of models to `device`, asynchronously if the tensors are pinned.

        `clip`, `seed` and `audio_valid` stay on the host, which reads them without waiting.
        """
        return replace(
            self,
            video=self.video.to(device, non_blocking=True),
            mfcc=self.mfcc.to(device, non_blocking=True),
            label=self.label.to(device, non_blocking=True),
        )

    def pin_memory(self) -> "AVBatch":
        """Copy the batch to page-locked memory (called by the DataLoader)."""
        return self._each(lambda tensor: tensor.pin_memory())

    def part(self, rows: slice | Tensor) -> "AVBatch":
        """Select clips, in the order of `rows`."""
        return self._each(lambda tensor: tensor[rows])

    def _each(self, change: Callable[[Tensor], Tensor]) -> "AVBatch":
        return type(self)(**{f.name: change(getattr(self, f.name)) for f in fields(self)})


@dataclass(frozen=True, slots=True)
class EvalBatch(AVBatch):
    """Batch of views: several of each clip, which `clip` groups, with any number of audio."""

    window: Int64[Tensor, " b"]
    """Index of the window in its clip; all crops of a window have the same audio."""
    is_center: Bool[Tensor, " b"]
    """True for one view of each clip: the window and the crop nearest to its center."""
    other_mfcc: Float[Tensor, "b n s f"]
    """Further audio for the same frames, on the host."""
    other_valid: Bool[Tensor, "b n s"]
