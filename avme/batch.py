"""What the data floor hands to the models: the only types that both know.

Where `audio_valid` is False, `mfcc` is zero and no model may read it.

Shape letters: b clips, c colours, t frames, h and w pixels, s MFCC rows (4 a source frame),
f cepstral coefficients.
"""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor


@dataclass(frozen=True, slots=True)
class AVBatch:
    """Clips ready for a model: pictures as bytes, sound as normalised MFCC of the same span."""

    video: UInt8[Tensor, "b c t h w"]
    """RGB, 0 to 255; the model's input layer scales it on the device."""
    mfcc: Float[Tensor, "b s f"]
    """Normalised with the mean and deviation of the train list; zero where not valid."""
    audio_valid: Bool[Tensor, "b s"]
    """Rows that hold sound: inside the clip and its sound track, where that is usable."""
    label: Int64[Tensor, " b"]
    clip: Int64[Tensor, " b"]
    """Position of the clip in the list that the loader was given."""
    seed: Int64[Tensor, " b"]
    """Seed of everything random about this clip at this moment: masks are drawn from it."""

    def __len__(self) -> int:
        return self.video.shape[0]

    @property
    def has_audio(self) -> Bool[Tensor, " b"]:
        """Clips with at least one valid row of sound."""
        return self.audio_valid.any(dim=1)

    def to(self, device: torch.device) -> "AVBatch":
        """What models read, on `device`; copies overlap with work if the tensors are pinned.

        `clip`, `seed` and `audio_valid` stay: the host reads them, and would have to wait.
        """
        return replace(
            self,
            video=self.video.to(device, non_blocking=True),
            mfcc=self.mfcc.to(device, non_blocking=True),
            label=self.label.to(device, non_blocking=True),
        )

    def pin_memory(self) -> "AVBatch":
        """The same batch in page-locked memory (called by the DataLoader)."""
        return self._each(lambda tensor: tensor.pin_memory())

    def part(self, rows: slice | Tensor) -> "AVBatch":
        """Some of the clips, or all in another order."""
        return self._each(lambda tensor: tensor[rows])

    def _each(self, change: Callable[[Tensor], Tensor]) -> "AVBatch":
        return type(self)(**{f.name: change(getattr(self, f.name)) for f in fields(self)})
