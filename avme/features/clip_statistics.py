"""Hand-made features of prepared clips: mean colors of frames, and mean and deviation of MFCC.

They are what a linear model needs no network for: a dataset whose classes follow from them gives
its labels away. Colors are sRGB values from 0 to 1 of a grid of 4 x 4 cells, as mean and deviation
over 8 frames of a clip. MFCC are averaged over the rows with audio.

Shape letters: n clips, t frames, h and w pixels, c colors, s MFCC rows, f coefficients, d features.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from einops import rearrange
from jaxtyping import Bool, Float, Float32, UInt8
from torch import Tensor

from avme.data.clip_reader import ClipReader
from avme.data.temporal_sampling import Window
from avme.progress import Reporter
from avme.shards.dataset import ClipEntry, PreparedDataset

GRID: Final = 4
"""Cells in each direction."""
NUM_FRAMES: Final = 8
_FACTORS: Final = (8, 4, 2)
"""JPEG scale factors, the fastest first."""


@dataclass(frozen=True, slots=True)
class ClipStatistics:
    """Features of clips, a row each."""

    row: dict[str, int]
    """Row of every clip id."""
    color: Float32[np.ndarray, "n d"]
    mfcc: Float32[np.ndarray, "n f"]
    """Means, deviations, and whether the clip has audio; means and deviations are NaN without."""

    def rows_of(self, entries: Sequence[ClipEntry]) -> list[int]:
        """Return the rows of some clips."""
        return [self.row[entry.id] for entry in entries]


def read_statistics(
    prepared: PreparedDataset, entries: Sequence[ClipEntry], report: Reporter
) -> ClipStatistics:
    """Read the features of clips, one clip at a time and shard by shard.

    Args:
        prepared: Dataset.
        entries: Clips.
        report: Receives progress.

    Raises:
        ArtifactError: A shard is damaged.
    """
    num_cepstra = prepared.num_cepstra
    raw = {"mean": [0.0] * num_cepstra, "deviation": [1.0] * num_cepstra}
    reader = ClipReader(prepared, entries, raw)
    order = sorted(entries, key=lambda entry: (entry.shard, entry.row))
    color = np.zeros((len(order), 2 * 3 * GRID**2), dtype=np.float32)
    mfcc = np.zeros((len(order), 2 * num_cepstra + 1), dtype=np.float32)
    with report.task("mean colors and MFCC", len(order)) as task:
        for index, entry in enumerate(order):
            windows = [Window(frame, 1, 1) for frame in spread_frames(entry.num_frames)]
            factor = scale_factor(entry.height, entry.width)
            frames, _ = reader.decode_windows(entry, windows, factor)
            color[index] = color_statistics(frames).numpy()
            rows, valid = reader.audio(entry, Window(0, entry.num_frames, 1))
            mfcc[index] = mfcc_statistics(rows, valid).numpy()
            task.advance()
    return ClipStatistics({entry.id: index for index, entry in enumerate(order)}, color, mfcc)


def spread_frames(num_frames: int, count: int = NUM_FRAMES) -> list[int]:
    """Return the distinct frames in the middle of `count` equal parts of a clip."""
    return sorted({(2 * part + 1) * num_frames // (2 * count) for part in range(count)})


def scale_factor(height: int, width: int) -> int:
    """Return the largest JPEG scale factor that leaves two pixels to every cell; 1 if none does."""
    fitting = [factor for factor in _FACTORS if min(height, width) // factor >= 2 * GRID]
    return next(iter(fitting), 1)


def color_statistics(frames: UInt8[Tensor, "t c h w"]) -> Float[Tensor, " d"]:
    """Return the means over time of every cell's colors, then their deviations."""
    cells = F.adaptive_avg_pool2d(frames.float() / 255.0, GRID)
    flat = rearrange(cells, "t c h w -> t (c h w)")
    return torch.cat([flat.mean(dim=0), flat.std(dim=0, correction=0)])


def mfcc_statistics(rows: Float[Tensor, "s f"], valid: Bool[Tensor, " s"]) -> Float[Tensor, " d"]:
    """Return means and deviations of the valid rows and 1, or NaN and 0 if none is valid."""
    if not valid.any():
        return torch.tensor([*[float("nan")] * (2 * rows.shape[1]), 0.0])
    heard = rows[valid]
    return torch.cat([heard.mean(dim=0), heard.std(dim=0, correction=0), torch.ones(1)])
