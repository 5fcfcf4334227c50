"""Datasets of windows: an index in a list to tensors, read from shards.

Shape letters: t frames, d distinct frames, c colors, h and w pixels, m the model's size, s MFCC
rows, f coefficients.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import torch
from einops import rearrange
from jaxtyping import Bool, Float, UInt8
from torch import Tensor
from torch.utils.data import Dataset

from avme.batch import AVBatch
from avme.config import ClipConfig
from avme.data.crop import Box, crop_resize, distinct_boxes, eval_crops, jpeg_scale_factor
from avme.data.sampler import SampleDraw
from avme.data.temporal_sampling import Window, spread_windows
from avme.data.transforms import TrainTransform, torch_seed
from avme.errors import ArtifactError, MismatchError
from avme.shards.dataset import ClipEntry, PreparedDataset
from avme.shards.jpeg import decode
from avme.shards.reader import UNREADABLE, ShardReader

Statistics = Mapping[str, Sequence[float]]
"""`mean` and `deviation` of every coefficient over the train list of a model."""

MOST_OPEN = 256
"""Open shards per process: 0.7 MiB each, and systems commonly allow 1,024 files."""


class ClipReader:
    """Reader of windows of prepared clips; can be sent to worker processes.

    Raises ArtifactError, which names the clip, for a damaged shard.
    """

    def __init__(
        self, prepared: PreparedDataset, entries: Sequence[ClipEntry], statistics: Statistics
    ) -> None:
        self.entries = tuple(entries)
        names = sorted({entry.shard for entry in entries})
        paths = {entry.shard: prepared.shard_path(entry) for entry in entries}
        self._shards = {name: ShardReader(paths[name]) for name in names}
        self._open: dict[str, ShardReader] = {}
        self._mean = torch.tensor(statistics["mean"])
        self._deviation = torch.tensor(statistics["deviation"])
        self.num_cepstra = len(self._mean)
        stored = prepared.num_cepstra
        if stored != self.num_cepstra:
            raise MismatchError(
                f"{prepared.folder} has {stored} cepstra a row, the statistics of the checkpoint "
                f"{self.num_cepstra}: choose the set that it was trained on with --data"
            )

    def pictures(self, entry: ClipEntry, window: Window) -> UInt8[Tensor, "t c h w"]:
        """Return the window's full frames in RGB; a repeated frame is decoded once."""
        decoded, shown = self._decoded(entry, window)
        return decoded[shown]

    def read_crops(
        self, entry: ClipEntry, window: Window, boxes: Sequence[Box], size: int
    ) -> list[UInt8[Tensor, "t c m m"]]:
        """Return every crop of the window's frames; frames are decoded once for all crops.

        Args:
            entry: Clip.
            window: Span of source frames.
            boxes: Crops in pixels of full frames.
            size: Side of the results.
        """
        factor = jpeg_scale_factor(boxes, size)
        decoded, shown = self._decoded(entry, window, factor)
        squares = [crop_resize(decoded, box.scaled(factor), size) for box in boxes]
        return squares if len(decoded) == len(shown) else [square[shown] for square in squares]

    def audio(
        self, entry: ClipEntry, window: Window
    ) -> tuple[Float[Tensor, "s f"], Bool[Tensor, " s"]]:
        """Return the window's MFCC, normalized, and zero where not valid."""
        with self._naming(entry):
            rows, valid = self._shard(entry).mfcc(entry.row, *window.rows())
        is_valid = torch.from_numpy(valid)
        mfcc = (torch.from_numpy(rows) - self._mean) / self._deviation
        return mfcc * is_valid[:, None], is_valid

    def _decoded(
        self, entry: ClipEntry, window: Window, factor: int = 1
    ) -> tuple[UInt8[Tensor, "d c h w"], list[int]]:
        """Decode unique frames; return them and the index of each requested frame."""
        wanted = window.frames(entry.num_frames)
        distinct = sorted(set(wanted))
        with self._naming(entry):
            files = self._shard(entry).frames(entry.row, distinct)
            decoded = decode(files, height=entry.height, width=entry.width, factor=factor)
        position = {frame: index for index, frame in enumerate(distinct)}
        frames = rearrange(torch.from_numpy(decoded), "d h w c -> d c h w")
        return frames, [position[frame] for frame in wanted]

    def _shard(self, entry: ClipEntry) -> ShardReader:
        """Return the open shard of a clip; the least recently used one is closed if there are too
        many."""
        reader = self._shards[entry.shard]
        self._open.pop(entry.shard, None)
        self._open[entry.shard] = reader
        if len(self._open) > MOST_OPEN:
            self._open.pop(next(iter(self._open))).close()
        return reader

    @contextmanager
    def _naming(self, entry: ClipEntry) -> Iterator[None]:
        try:
            yield
        except UNREADABLE as error:
            path = self._shards[entry.shard].path
            raise ArtifactError(
                f"clip {entry.id} cannot be read from {path} ({error}): delete that shard and run "
                "`avme prep` again"
            ) from error


class TrainDataset(Dataset[AVBatch]):
    """Training dataset: one random window per draw; items are batches of one clip."""

    def __init__(self, reader: ClipReader, view: TrainTransform) -> None:
        self.reader, self.view = reader, view

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
            mfcc, valid = self.view.audio(*self.reader.audio(entry, window))
        return _batch([pictures], [mfcc], [valid], entry.label, draw.clip, draw.seed)


class EvalDataset(Dataset[AVBatch]):
    """Evaluation dataset: all distinct views of a clip, the same at every call.

    A view is a window and a crop; with `audio_only`, a window. Equal views occur once: windows of a
    short clip with the same start frame, crops with the same pixels.
    """

    def __init__(
        self,
        reader: ClipReader,
        clip: ClipConfig,
        segments: int,
        crops: int,
        *,
        audio_only: bool = False,
    ) -> None:
        self.reader, self.clip = reader, clip
        self.segments, self.crops = segments, 1 if audio_only else crops

    def __len__(self) -> int:
        return len(self.reader.entries)

    @property
    def item_bytes(self) -> int:
        """Return the maximum size of all views of a clip in a batch."""
        return self.segments * self.crops * window_bytes(self.clip, self.reader.num_cepstra)

    def __getitem__(self, index: int) -> AVBatch:
        entry = self.reader.entries[index]
        boxes = distinct_boxes(
            eval_crops(entry.height, entry.width, self.crops), self.clip.image_size
        )
        views: list[Tensor] = []
        sounds: list[tuple[Tensor, Tensor]] = []
        for window in spread_windows(entry.num_frames, self.clip, self.segments):
            views += self.reader.read_crops(entry, window, boxes, self.clip.image_size)
            sounds += [self.reader.audio(entry, window)] * len(boxes)
        rows, valids = zip(*sounds, strict=True)
        return _batch(views, list(rows), list(valids), entry.label, index, 0)


def window_bytes(clip: ClipConfig, num_cepstra: int) -> int:
    """Return the bytes of one window in a batch: frames as bytes, MFCC as floats, valid rows."""
    frames = 3 * clip.num_frames * clip.image_size * clip.image_size
    return frames + clip.span_rows * (4 * num_cepstra + 1)


def collate(batches: Sequence[AVBatch]) -> AVBatch:
    """Concatenate batches (the loader's collate function)."""
    return AVBatch(
        video=torch.cat([batch.video for batch in batches]),
        mfcc=torch.cat([batch.mfcc for batch in batches]),
        audio_valid=torch.cat([batch.audio_valid for batch in batches]),
        label=torch.cat([batch.label for batch in batches]),
        clip=torch.cat([batch.clip for batch in batches]),
        seed=torch.cat([batch.seed for batch in batches]),
    )


def _batch(
    views: list[Tensor],
    rows: list[Tensor],
    valids: list[Tensor],
    label: int,
    clip: int,
    seed: int,
) -> AVBatch:
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
