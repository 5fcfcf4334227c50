"""Batches of drawn clips are the same with any number of workers."""

import pytest
import torch
from einops import rearrange
from torch import Tensor

from avme.batch import AVBatch
from avme.config import ClipConfig, CropConfig
from avme.data.clip_reader import ClipReader
from avme.data.dataloader import build_loader
from avme.data.dataset import TrainDataset, collate
from avme.data.sampler import DistributedBatchSampler, SampleDraw, SampleOrder
from avme.data.transforms import PretrainTransform

CLIP = ClipConfig(num_frames=4, frame_stride=2, image_size=32)


def tensors(batch: AVBatch) -> list[Tensor]:
    return [batch.video, batch.mfcc, batch.audio_valid, batch.label, batch.clip, batch.seed]


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2])
def test_workers_load_the_same_batches_as_none(reader: ClipReader, workers: int) -> None:
    clips = TrainDataset(reader, PretrainTransform(CLIP, CropConfig()))
    order = SampleOrder(num_clips=2, batch=4, seed=3)

    def load(count: int) -> list[AVBatch]:
        batches = DistributedBatchSampler(order, first_step=0, last_step=3)
        return list(build_loader(clips, batches, workers=count, pin=False))

    for ours, theirs in zip(load(workers), load(0), strict=True):
        assert all(map(torch.equal, tensors(ours), tensors(theirs)))


def test_colours_stay_innermost_in_memory_when_batches_are_joined(reader: ClipReader) -> None:
    clips = TrainDataset(reader, PretrainTransform(CLIP, CropConfig()))

    video = collate([clips[SampleDraw(0, 1)], clips[SampleDraw(1, 2)]]).video

    assert rearrange(video, "b c t h w -> b t h w c").is_contiguous()
