"""Evaluation dataset: all distinct views of a clip from one decoding.

Shape letters: d distinct frames, t frames of a window, c colors, m the model's size.
"""

from torch import Tensor
from torch.utils.data import Dataset

from avme.batch import AVBatch
from avme.config import ClipConfig
from avme.data.crop import crop_resize, distinct_boxes, eval_crops, jpeg_scale_factor
from avme.data.dataset import ClipReader, stack_views, window_bytes
from avme.data.temporal_sampling import spread_windows


class EvalDataset(Dataset[AVBatch]):
    """Evaluation dataset: all distinct views of a clip, the same at every call.

    A view is a window and a crop; with `audio_only`, a window. Equal views occur once: windows of a
    short clip with the same start frame, crops with the same pixels. Each frame is decoded once for
    all views; at most `segments` x `num_frames` decoded frames are in memory, for any length of a
    clip.
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
        entry, size = self.reader.entries[index], self.clip.image_size
        boxes = distinct_boxes(eval_crops(entry.height, entry.width, self.crops), size)
        windows = spread_windows(entry.num_frames, self.clip, self.segments)
        factor = jpeg_scale_factor(boxes, size)
        decoded, shown = self.reader.decode_windows(entry, windows, factor)
        squares = [crop_resize(decoded, box.scaled(factor), size) for box in boxes]
        views: list[Tensor] = []
        sounds: list[tuple[Tensor, Tensor]] = []
        for window, frames in zip(windows, shown, strict=True):
            views += [square[frames] for square in squares]
            sounds += [self.reader.audio(entry, window)] * len(boxes)
        rows, valids = zip(*sounds, strict=True)
        return stack_views(views, list(rows), list(valids), entry.label, index, 0)
