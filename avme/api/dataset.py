"""Prepared dataset of the Python API: a torch Dataset of windows, and its DataLoader.

Shape letters: t frames, h and w pixels, c colors, s MFCC rows, f coefficients.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from einops import rearrange
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.utils.data import Dataset

from avme.api.model import TrainedModel
from avme.config import ClipConfig
from avme.data.clip_reader import ClipReader
from avme.data.dataloader import Loader, build_loader
from avme.data.eval_dataset import EvalDataset
from avme.errors import UsageError
from avme.shards.dataset import ClipEntry, PreparedDataset


@dataclass(frozen=True, slots=True)
class Clip:
    """Window of a prepared clip."""

    id: str
    class_name: str
    label: int
    """Index of the class."""
    frames: UInt8[Tensor, "t h w c"]
    """RGB, 0 to 255."""
    mfcc: Float[Tensor, "s f"]
    """Normalized; zero where not valid."""
    audio_valid: Bool[Tensor, " s"]
    """Rows with audio."""
    seconds: float
    """Length of the whole clip."""


class ClipDataset(Dataset[Clip]):
    """Clips of a list, each as its center window and crop."""

    def __init__(
        self,
        prepared: PreparedDataset,
        entries: Sequence[ClipEntry],
        clip: ClipConfig,
        statistics: dict[str, Any],
    ) -> None:
        self.prepared, self.entries, self.window = prepared, tuple(entries), clip
        self._views = EvalDataset(ClipReader(prepared, entries, statistics), clip, 1, 1)

    def __len__(self) -> int:
        return len(self.entries)

    def __getitem__(self, index: int) -> Clip:
        if not -len(self) <= index < len(self):
            raise IndexError(f"index {index} is out of range: the list has {len(self)} clips")
        entry, view = self.entries[index], self._views[index % len(self)]
        return Clip(
            id=entry.id,
            class_name=entry.class_name,
            label=entry.label,
            frames=rearrange(view.video[0], "c t h w -> t h w c"),
            mfcc=view.mfcc[0],
            audio_valid=view.audio_valid[0],
            seconds=float(entry.num_frames / entry.fps),
        )

    def __iter__(self) -> Iterator[Clip]:
        return (self[index] for index in range(len(self)))

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes in the order of labels."""
        return tuple(self.prepared.classes)

    def loader(
        self,
        batch_size: int = 8,
        *,
        shuffle: bool = False,
        seed: int = 0,
        num_workers: int | None = 0,
    ) -> Loader:
        """Return a DataLoader of `avme.batch.AVBatch`, whose `clip` is the index in this dataset.

        Args:
            batch_size: Clips per batch; the last batch may be smaller.
            shuffle: Draw the order from `seed`; iterate over a new loader for another order.
            seed: Seed of the order.
            num_workers: Worker processes; None for the number of free cores, at most 8.

        Raises:
            UsageError: The batch size is below 1.
        """
        if batch_size < 1:
            raise UsageError(f"batch_size: expected at least 1 (got {batch_size})")
        order = list(range(len(self)))
        if shuffle:
            generator = torch.Generator().manual_seed(seed)
            order = torch.randperm(len(self), generator=generator).tolist()
        batches = [order[at : at + batch_size] for at in range(0, len(order), batch_size)]
        return build_loader(self._views, batches, workers=num_workers, pin=False)


def open_dataset(
    folder: Path | str,
    *,
    split: str = "1",
    subset: Literal["train", "test"] = "train",
    model: TrainedModel | None = None,
    num_frames: int = 16,
    frame_stride: int = 4,
    image_size: int = 224,
) -> ClipDataset:
    """Open a dataset that `avme prep` made.

    Args:
        folder: Dataset, for example `data/ucf101`.
        split: Name of the split.
        subset: List of the split.
        model: Model whose window and MFCC statistics are used instead of the other arguments and
            those of the train list.
        num_frames: Frames of the window.
        frame_stride: Source frames from one frame to the next.
        image_size: Height and width of the frames.

    Raises:
        ArtifactError: The folder is no finished dataset.
        UsageError: It has no such split.
        ConfigError: The window is impossible.
    """
    prepared = PreparedDataset.open(Path(folder))
    entries = prepared.subset(split, subset)
    if model is not None:
        clip, statistics = model.settings.clip, dict(model.loaded.statistics)
    else:
        clip = ClipConfig(num_frames=num_frames, frame_stride=frame_stride, image_size=image_size)
        mean, deviation = prepared.mfcc_statistics(split)
        statistics = {"mean": mean.tolist(), "deviation": deviation.tolist()}
    return ClipDataset(prepared, entries, clip, statistics)
