"""Datasets of the Python API: the views of an evaluation."""

from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

import avme
from avme.errors import ArtifactError, UsageError
from avme.shards.dataset import PreparedDataset

pytestmark = pytest.mark.slow

_SIZES = {"num_frames": 4, "frame_stride": 2, "image_size": 16}


@pytest.fixture(scope="module")
def clips(finished: PreparedDataset) -> avme.ClipDataset:
    return avme.open_dataset(finished.folder, subset="test", **_SIZES)  # type: ignore[arg-type]


def test_items_are_the_clips_of_the_list(
    clips: avme.ClipDataset, finished: PreparedDataset
) -> None:
    entries = finished.subset("1", "test")

    assert len(clips) == len(entries)
    assert [clip.id for clip in clips] == [entry.id for entry in entries]
    first = clips[0]
    assert clips.classes[first.label] == first.class_name
    assert first.frames.shape == (4, 16, 16, 3)
    assert first.mfcc.shape == (32, 13)
    assert first.seconds == pytest.approx(float(entries[0].num_frames / entries[0].fps))


def test_index_out_of_range_ends_an_iteration(clips: avme.ClipDataset) -> None:
    assert clips[-1].id == clips[len(clips) - 1].id
    with pytest.raises(IndexError, match="out of range"):
        clips[len(clips)]


def test_loader_returns_every_clip_once_in_the_order_of_the_seed(clips: avme.ClipDataset) -> None:
    plain = torch.cat([batch.clip for batch in clips.loader(2)])
    mixed = [torch.cat([b.clip for b in clips.loader(2, shuffle=True, seed=5)]) for _ in range(2)]

    assert plain.tolist() == list(range(len(clips)))
    assert torch.equal(*mixed)
    assert sorted(mixed[0].tolist()) == plain.tolist()
    with pytest.raises(UsageError, match="batch_size"):
        clips.loader(0)


def test_dataset_works_in_a_plain_dataloader(clips: avme.ClipDataset) -> None:
    loader = DataLoader(clips, batch_size=None)

    assert [clip.id for clip in loader] == [clip.id for clip in clips]


def test_open_dataset_with_a_model_has_its_window(
    finished: PreparedDataset, finetuned: Path
) -> None:
    model = avme.load(finetuned, device="cpu")
    clips = avme.open_dataset(str(finished.folder), model=model)

    assert clips.window == model.settings.clip
    assert clips[0].frames.shape == (4, 16, 16, 3)


def test_open_dataset_of_another_folder_is_an_artifact_error(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="avme prep"):
        avme.open_dataset(tmp_path)
