"""Evaluation dataset: all distinct views of a clip from one decoding.

Shape letters: d distinct frames, t frames of a window, c colors, m the model's size, b views, n
further audio.
"""

from collections.abc import Iterator, Sequence
from dataclasses import fields

import torch
from torch import Tensor
from torch.utils.data import Dataset

from avme.batch import AVBatch, EvalBatch
from avme.config import ClipConfig
from avme.data.clip_reader import ClipReader, ShardAudio
from avme.data.crop import Box, crop_resize, distinct_boxes, eval_crops, jpeg_scale_factor
from avme.data.dataset import stack_views, window_bytes
from avme.data.temporal_sampling import Window, spread_windows
from avme.data.view_sources import AudioSource, FrameSource, SameFrames
from avme.shards.dataset import ClipEntry


class EvalDataset(Dataset[AVBatch]):
    """Evaluation dataset: all distinct views of a clip, the same at every call.

    A view is a window and a crop; with `audio_only`, a window, whose frames are not decoded but
    black before `frames` changes them. Equal views occur once: windows of a
    short clip with the same start frame, crops with the same pixels. Each frame is decoded once for
    all views; at most `segments` x `num_frames` decoded frames are in memory, for any length of a
    clip.

    `audio` and `frames` replace the clip's own (see `view_sources`). Of several sources of audio
    the first fills `mfcc`, the others `other_mfcc` in their order, so that one decoding and one
    encoding of the frames serve all of them (`Evaluator.score_each`).
    """

    def __init__(
        self,
        reader: ClipReader,
        clip: ClipConfig,
        segments: int,
        crops: int,
        *,
        audio_only: bool = False,
        audio: Sequence[AudioSource] = (),
        frames: FrameSource | None = None,
    ) -> None:
        self.reader, self.clip = reader, clip
        self.segments, self.crops = segments, 1 if audio_only else crops
        self.audio_only = audio_only
        self.audio: tuple[AudioSource, ...] = tuple(audio) or (ShardAudio(reader),)
        self.frames: FrameSource = frames or SameFrames()

    def __len__(self) -> int:
        return len(self.reader.entries)

    @property
    def item_bytes(self) -> int:
        """Return the maximum size of all views of a clip in a batch."""
        view = window_bytes(self.clip, self.reader.num_cepstra)
        more = (len(self.audio) - 1) * self.clip.span_rows * (4 * self.reader.num_cepstra + 1)
        return self.segments * self.crops * (view + more)

    def __getitem__(self, index: int) -> EvalBatch:
        entry, size = self.reader.entries[index], self.clip.image_size
        boxes = distinct_boxes(eval_crops(entry.height, entry.width, self.crops), size)
        windows = spread_windows(entry.num_frames, self.clip, self.segments)
        views = [
            self.frames.change_view(index, window, view)
            for window, crops in zip(windows, self._crops(index, windows, boxes), strict=True)
            for view in crops
        ]
        heard = [[source.audio(index, window) for source in self.audio] for window in windows]
        rows = torch.stack([torch.stack([mfcc for mfcc, _ in each]) for each in heard])
        valid = torch.stack([torch.stack([valid for _, valid in each]) for each in heard])
        window_of = torch.arange(len(windows)).repeat_interleave(len(boxes))
        rows, valid = rows[window_of], valid[window_of]
        is_center = torch.zeros(len(window_of), dtype=torch.bool)
        is_center[self._center(entry, windows, boxes)] = True
        first = stack_views(views, list(rows[:, 0]), list(valid[:, 0]), entry.label, index, 0)
        return EvalBatch(
            **{field.name: getattr(first, field.name) for field in fields(first)},
            window=window_of,
            is_center=is_center,
            other_mfcc=rows[:, 1:],
            other_valid=valid[:, 1:],
        )

    def _crops(
        self, index: int, windows: Sequence[Window], boxes: Sequence[Box]
    ) -> Iterator[list[Tensor]]:
        """Yield all crops of each window."""
        size = self.clip.image_size
        if self.audio_only:
            black = torch.zeros(self.clip.num_frames, 3, size, size, dtype=torch.uint8)
            yield from ([black] for _ in windows)
            return
        factor = jpeg_scale_factor(boxes, size)
        entry = self.reader.entries[index]
        decoded, shown = self.reader.decode_windows(entry, windows, factor)
        decoded = self.frames.change_clip(index, decoded)
        squares = [crop_resize(decoded, box.scaled(factor), size) for box in boxes]
        for wanted in shown:
            yield [square[wanted] for square in squares]

    def _center(self, entry: ClipEntry, windows: Sequence[Window], boxes: Sequence[Box]) -> int:
        """Return the view whose window and crop are nearest to the center, the first of equals."""
        slack = max(entry.num_frames - self.clip.span_frames, 0)
        window = min(range(len(windows)), key=lambda n: abs(2 * windows[n].start - slack))
        box = min(
            range(len(boxes)),
            key=lambda n: (
                abs(2 * boxes[n].left + boxes[n].width - entry.width)
                + abs(2 * boxes[n].top + boxes[n].height - entry.height)
            ),
        )
        return window * len(boxes) + box
