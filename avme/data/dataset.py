"""Training dataset: a draw of a clip to a batch of one, and what joins batches.

Shape letters: t frames, c colors, h and w pixels.
"""

from collections.abc import Callable, Sequence
from dataclasses import fields

import torch
from einops import rearrange
from torch import Tensor
from torch.utils.data import Dataset

from avme.batch import AVBatch
from avme.config import ClipConfig
from avme.data.clip_reader import ClipReader
from avme.data.sampler import SampleDraw
from avme.data.temporal_sampling import Window
from avme.data.transforms import TrainTransform, torch_seed
from avme.shards.dataset import ClipEntry

AudioOf = Callable[[ClipEntry, Window, int], tuple[Tensor, Tensor]]
"""Source of audio: clip, window and seed of the draw to normalized MFCC and valid rows."""


class TrainDataset(Dataset[AVBatch]):
    """Training dataset: one random window per draw; items are batches of one clip.

    Audio comes from `audio_of`, or without it is the clip's own.
    """

    def __init__(
        self, reader: ClipReader, view: TrainTransform, audio_of: AudioOf | None = None
    ) -> None:
        self.reader, self.view, self.audio_of = reader, view, audio_of

    @property
    def item_bytes(self) -> int:
        """Return the size of a clip in a batch."""
        return window_bytes(self.view.clip, self.reader.num_cepstra)

    def __getitem__(self, draw: SampleDraw) -> AVBatch:
        entry = self.reader.entries[draw.clip]
        with torch_seed(draw.seed):
            window = self.view.window(entry.num_frames)
            box = self.view.box(entry.height, entry.width)
            squares = self.reader.read_crops(entry, window, [box], self.view.clip.image_size)
            pictures = self.view.pictures(squares[0])
            mfcc, valid = self.view.audio(*self._audio(entry, window, draw.seed))
        return stack_views([pictures], [mfcc], [valid], entry.label, draw.clip, draw.seed)

    def _audio(self, entry: ClipEntry, window: Window, seed: int) -> tuple[Tensor, Tensor]:
        if self.audio_of is None:
            return self.reader.audio(entry, window)
        return self.audio_of(entry, window, seed)


def window_bytes(clip: ClipConfig, num_cepstra: int) -> int:
    """Return the bytes of one window in a batch: frames as bytes, MFCC as floats, valid rows."""
    frames = 3 * clip.num_frames * clip.image_size * clip.image_size
    return frames + clip.span_rows * (4 * num_cepstra + 1)


def collate(batches: Sequence[AVBatch]) -> AVBatch:
    """Concatenate batches of one type (the loader's collate function)."""
    first = batches[0]
    names = [field.name for field in fields(first)]
    return type(first)(
        **{name: torch.cat([getattr(batch, name) for batch in batches]) for name in names}
    )


def stack_views(
    views: list[Tensor],
    rows: list[Tensor],
    valids: list[Tensor],
    label: int,
    clip: int,
    seed: int,
) -> AVBatch:
    """Stack the views of one clip to a batch.

    Args:
        views: Frames of each view.
        rows: MFCC rows of each view.
        valids: Rows with audio of each view.
        label: Class index.
        clip: Index in the list.
        seed: Seed of the draw.
    """
    count = len(views)
    # Colors stay innermost in memory, as decoded: tubelets need this order, and a byte-wise
    # transposition would cost a third of the decoding time.
    video = torch.stack([rearrange(view, "t c h w -> t h w c") for view in views])
    return AVBatch(
        video=rearrange(video, "b t h w c -> b c t h w"),
        mfcc=torch.stack(rows),
        audio_valid=torch.stack(valids),
        label=torch.full((count,), label),
        clip=torch.full((count,), clip),
        seed=torch.full((count,), seed),
    )
