"""Warning of a normalized target on flat frames, from a few stored clips.

The normalized target divides every tubelet by its own deviation. Where most tubelets are flat, that
is mostly noise of the encoding, which no model can predict.

Shape letters: b clips, c colors, t frames, m the model's size.
"""

from typing import Final

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from avme.config import FinetuneConfig, PretrainConfig
from avme.data.clip_reader import ClipReader
from avme.data.crop import eval_crops
from avme.data.temporal_sampling import Window
from avme.models.reconstruction_loss import patch_statistics
from avme.models.tubelets import to_tubelets

NUM_CLIPS: Final = 16
"""Clips that are read, evenly spaced in the list."""
FLAT: Final = 0.03
"""Median deviation below which frames are flat, of pixels from 0 to 1 (docs/configuration.md)."""


def tubelet_deviations(config: PretrainConfig, reader: ClipReader) -> Float[Tensor, " n"]:
    """Return the deviations of one slot of tubelets in the middle of some clips, for every color.

    Pixels are 0 to 1.
    """
    sizes, clip = config.model.visual, config.clip
    count = min(NUM_CLIPS, len(reader.entries))
    found = []
    for number in range(count):
        entry = reader.entries[number * len(reader.entries) // count]
        begin = max(entry.num_frames - sizes.tubelet_size * clip.frame_stride, 0) // 2
        window = Window(begin, sizes.tubelet_size, clip.frame_stride)
        boxes = eval_crops(entry.height, entry.width, 1)
        (frames,) = reader.read_crops(entry, window, boxes, clip.image_size)
        video = rearrange(frames, "t c h w -> 1 c t h w")
        tubelets = to_tubelets(video, sizes.tubelet_size, sizes.patch_size)
        found.append(patch_statistics(tubelets).deviation.flatten())
    return torch.cat(found)


def flat_warning(config: PretrainConfig | FinetuneConfig, reader: ClipReader) -> str | None:
    """Return a warning where a normalized target meets flat frames, else None.

    Args:
        config: Settings of the stage.
        reader: Clips that are trained on.

    Raises:
        ArtifactError: A shard is damaged.
    """
    if not isinstance(config, PretrainConfig) or config.loss.target != "normalized":
        return None
    median = float(tubelet_deviations(config, reader).median())
    if median >= FLAT:
        return None
    return (
        f"warning: loss.target normalized: half of the tubelets deviate by less than {median:.3f} "
        f"of the full range, expected {FLAT:g}, so that noise is most of the target; take "
        "--set loss.target=pixel"
    )
