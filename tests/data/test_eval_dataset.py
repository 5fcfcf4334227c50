"""All views of a clip from one decoding."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch import Tensor

from avme.config import ClipConfig, PrepConfig
from avme.data.clip_reader import ClipReader, ShardAudio
from avme.data.crop import eval_crops
from avme.data.eval_dataset import EvalDataset
from avme.data.temporal_sampling import Window, spread_windows
from avme.data.view_sources import AudioSource, SameFrames
from avme.prep.request import Request
from avme.progress import NullReporter
from avme.shards.jpeg import decode
from avme.shards.reader import ShardReader
from avme.stages.prep import prepare
from avme.stages.training import mfcc_facts

CLIP = ClipConfig(num_frames=4, frame_stride=2, image_size=32)
CHIRP = "aevalsrc='0.5*sin(2*PI*(300+2000*t)*t)':s=16000"


def read_set(root: Path) -> ClipReader:
    request = Request(
        "ucf101", root / "in", out=root / "out", name="set", config=PrepConfig(num_workers=1)
    )
    made = prepare(request, report=NullReporter())
    assert made is not None
    return ClipReader(made, made.subset("1", "train"), mfcc_facts(made, "1"))


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory, make_video: Callable[..., Path]) -> ClipReader:
    """A clip of 30 frames with audio, one of 5 frames without, and one to test on."""
    root = tmp_path_factory.mktemp("clips")
    make_video(root / "in/A/v_A_g08_c01.avi", frames=30, audio=CHIRP, size="64x48")
    make_video(root / "in/A/v_A_g09_c01.avi", frames=5, audio=None, size="64x48")
    make_video(root / "in/A/v_A_g01_c01.avi", frames=5, audio=None, size="64x48")
    return read_set(root)


def test_eval_dataset_of_short_clip_has_one_window(
    reader: ClipReader,
) -> None:
    clips = EvalDataset(reader, CLIP, segments=5, crops=3)

    long, short = clips[0], clips[1]

    assert len(clips) == 2
    assert long.video.shape == (15, 3, 4, 32, 32)
    assert len(short) == 3  # five frames fill one window only, repeated; three crops
    assert set(long.clip.tolist()) == {0}
    assert not torch.equal(long.video[0], long.video[14])


@pytest.mark.parametrize("size", [32, 16])  # full frames; frames decoded at half the size
@pytest.mark.parametrize(("segments", "crops"), [(5, 3), (4, 1), (1, 2)])
def test_eval_dataset_views_equal_those_read_window_by_window(
    reader: ClipReader, size: int, segments: int, crops: int
) -> None:
    clip = ClipConfig(num_frames=4, frame_stride=2, image_size=size)

    for index, entry in enumerate(reader.entries):
        views = EvalDataset(reader, clip, segments, crops)[index]

        windows = spread_windows(entry.num_frames, clip, segments)
        boxes = eval_crops(entry.height, entry.width, crops)
        expected = [
            view for window in windows for view in reader.read_crops(entry, window, boxes, size)
        ]
        assert torch.equal(rearrange(views.video, "b c t h w -> b t c h w"), torch.stack(expected))


def test_eval_dataset_decodes_each_frame_once_in_one_call(
    reader: ClipReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def counting(files: Sequence[NDArray[np.uint8]], **size: Any) -> NDArray[np.uint8]:
        calls.append(len(files))
        return decode(files, **size)

    monkeypatch.setattr("avme.data.clip_reader.decode", counting)
    clips = EvalDataset(reader, CLIP, segments=12, crops=3)
    for index in range(len(clips)):
        _ = clips[index]

    # starts 0 2 4 .. 22 of windows of 4 frames: 0 to 28 in steps of 2; five frames: 0 2 4
    assert calls == [15, 3]


def test_eval_dataset_reads_spans_of_windows_only(
    reader: ClipReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans: list[int] = []
    read = ShardReader.frames

    def recording(shard: ShardReader, row: int, indices: Sequence[int]) -> list[NDArray[np.uint8]]:
        spans.append(max(indices) - min(indices))
        return read(shard, row, indices)

    monkeypatch.setattr(ShardReader, "frames", recording)
    _ = EvalDataset(reader, CLIP, segments=2, crops=1)[0]

    assert spans == [6, 6]  # frames 0 2 4 6, then 22 24 26 28


@pytest.fixture(scope="module")
def nearly_square(
    tmp_path_factory: pytest.TempPathFactory, make_video: Callable[..., Path]
) -> ClipReader:
    """A clip of 9 frames, one more than a window, and 2 pixels wider than high."""
    root = tmp_path_factory.mktemp("nearly_square")
    for group in ("g01", "g08"):
        make_video(root / f"in/A/v_A_{group}_c01.avi", frames=9, audio=CHIRP, size="50x48")
    return read_set(root)


@pytest.mark.parametrize(
    ("size", "segments", "crops", "windows", "boxes"),
    [
        (32, 5, 3, 2, 3),  # starts 0 0 0 1 1; offsets 0 1 2 of whole frames
        (24, 5, 3, 2, 2),  # frames decoded at half the size: offsets 0 1 1
        (24, 10, 2, 2, 2),
        (32, 1, 1, 1, 1),
    ],
)
def test_eval_dataset_of_equal_pixels_has_one_view(
    nearly_square: ClipReader, size: int, segments: int, crops: int, windows: int, boxes: int
) -> None:
    clip = ClipConfig(num_frames=4, frame_stride=2, image_size=size)

    made = EvalDataset(nearly_square, clip, segments, crops)[0]

    entry = nearly_square.entries[0]
    starts = [round(k / (segments - 1)) for k in range(segments)] if segments > 1 else [0]
    asked = torch.stack(
        [
            nearly_square.read_crops(entry, Window(start, 4, 2), [box], size)[0]
            for start in starts
            for box in eval_crops(48, 50, crops)
        ]
    )
    views = rearrange(made.video, "b c t h w -> b t c h w")
    assert len(made) == windows * boxes
    distinct = np.unique(views.numpy(), axis=0)
    assert len(distinct) == len(views)
    np.testing.assert_array_equal(distinct, np.unique(asked.numpy(), axis=0))


def test_eval_dataset_of_audio_alone_has_a_view_per_window(nearly_square: ClipReader) -> None:
    made = EvalDataset(nearly_square, CLIP, segments=5, crops=3, audio_only=True)[0]

    assert len(made) == 2
    assert not torch.equal(made.mfcc[0], made.mfcc[1])


def test_eval_dataset_gives_all_crops_of_a_window_its_audio(reader: ClipReader) -> None:
    views = EvalDataset(reader, CLIP, segments=2, crops=3)[0]

    assert torch.equal(views.mfcc[0], views.mfcc[2])
    assert not torch.equal(views.mfcc[0], views.mfcc[3])


class WindowStart:
    """Audio whose every value is the index of the clip and the start of the window."""

    def __init__(self, sign: int) -> None:
        self.sign = sign

    def audio(self, index: int, window: Window) -> tuple[Tensor, Tensor]:
        value = self.sign * (1000 * index + window.start)
        return torch.full((32, 13), float(value)), torch.ones(32, dtype=torch.bool)


class Inverted(SameFrames):
    """Negative of the frames, and the first frame of a view in all its places."""

    def change_clip(self, index: int, frames: Tensor) -> Tensor:
        return 255 - frames

    def change_view(self, index: int, window: Window, view: Tensor) -> Tensor:
        return view[:1].expand_as(view)


def test_eval_dataset_takes_audio_of_sources_in_order(reader: ClipReader) -> None:
    audio: list[AudioSource] = [WindowStart(1), ShardAudio(reader), WindowStart(-1)]

    views = EvalDataset(reader, CLIP, segments=3, crops=2, audio=audio)[0]

    own = EvalDataset(reader, CLIP, segments=3, crops=2)[0]
    assert views.window.tolist() == [0, 0, 1, 1, 2, 2]
    assert views.mfcc[:, 0, 0].tolist() == [0, 0, 11, 11, 22, 22]
    assert torch.equal(views.other_mfcc[:, 0], own.mfcc)
    assert torch.equal(views.other_valid[:, 0], own.audio_valid)
    assert views.other_mfcc[:, 1, 0, 0].tolist() == [0, 0, -11, -11, -22, -22]
    assert torch.equal(views.video, own.video)
    assert own.other_mfcc.shape == (6, 0, 32, 13)


def test_eval_dataset_changes_frames_before_and_after_cropping(reader: ClipReader) -> None:
    views = EvalDataset(reader, CLIP, segments=2, crops=1, frames=Inverted())[0]

    own = EvalDataset(reader, CLIP, segments=2, crops=1)[0]
    first = own.video[:, :, :1].int()
    # resizing rounds, so that the negative of a resized frame may differ by one
    assert (views.video.int() - (255 - first)).abs().max() <= 1
    assert torch.equal(views.video[:, :, 0], views.video[:, :, 3])
    assert torch.equal(views.mfcc, own.mfcc)


def test_eval_dataset_with_more_audio_counts_its_bytes(reader: ClipReader) -> None:
    one = EvalDataset(reader, CLIP, segments=3, crops=2)
    three = EvalDataset(reader, CLIP, segments=3, crops=2, audio=[WindowStart(1)] * 3)

    item = three[0]

    more = item.other_mfcc.nbytes + item.other_valid.nbytes
    assert three.item_bytes - one.item_bytes == more > 0


@pytest.mark.parametrize(
    ("segments", "crops", "center"),
    [(5, 3, 7), (3, 3, 4), (2, 2, 0), (1, 3, 1), (5, 1, 2)],  # views of 5 x 3: window 2, crop 1
)
def test_eval_dataset_marks_the_view_nearest_to_the_center(
    reader: ClipReader, segments: int, crops: int, center: int
) -> None:
    views = EvalDataset(reader, CLIP, segments, crops)[0]  # 22 possible starts; 64 x 48 pixels

    assert views.is_center.nonzero().flatten().tolist() == [center]
    if segments % 2 and crops % 2:
        alone = EvalDataset(reader, CLIP, segments=1, crops=1)[0]
        assert torch.equal(views.video[center], alone.video[0])
        assert torch.equal(views.mfcc[center], alone.mfcc[0])
