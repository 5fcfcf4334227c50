"""Random batch for benchmarks: clips of noise, laid out as by the DataLoader."""

import torch

from avme.batch import AVBatch
from avme.config import FinetuneConfig, PretrainConfig


def random_batch(
    config: PretrainConfig | FinetuneConfig,
    num_clips: int,
    device: torch.device,
    num_classes: int = 1,
) -> AVBatch:
    """Return a batch of noise; all clips have audio. The same arguments give the same batch.

    Args:
        config: Model and window settings.
        num_clips: Number of clips.
        device: Device of the tensors.
        num_classes: Number of classes; they take turns.
    """
    draw = torch.Generator().manual_seed(0)
    window = config.clip
    size = (num_clips, window.num_frames, window.image_size, window.image_size, 3)
    video = torch.randint(0, 256, size, dtype=torch.uint8, generator=draw)
    number = torch.arange(num_clips)
    cepstra = config.model.audio.num_cepstra
    return AVBatch(
        video=video.movedim(-1, 1),
        mfcc=torch.randn(num_clips, window.span_rows, cepstra, generator=draw),
        audio_valid=torch.ones(num_clips, window.span_rows, dtype=torch.bool),
        label=number % num_classes,
        clip=number,
        seed=number,
    ).to(device)
