"""Example input: shapes that a model accepts, for one clip."""

from collections.abc import Callable

import torch

from avme.config import ClipConfig, ModelConfig
from avme.models.autoencoder import MaskedAutoencoder
from avme.models.example_input import example_clip
from avme.models.flops import count_flops
from avme.models.masking import TubeMask


def test_example_clip_on_meta_fits_the_model(
    clip: ClipConfig, make_model_config: Callable[..., ModelConfig]
) -> None:
    device = torch.device("meta")
    config = make_model_config()
    model = MaskedAutoencoder(config, clip)
    choice = TubeMask(model.grid, 0.75)(torch.tensor([1]))

    inputs = example_clip(clip, config.audio.num_cepstra, device)

    assert {tensor.device.type for tensor in inputs} == {"meta"}
    assert count_flops(model, *inputs, choice).forward > 0


def test_example_clip_on_cpu_has_audio_in_every_row(clip: ClipConfig) -> None:
    _, mfcc, valid = example_clip(clip, 13, torch.device("cpu"))

    assert valid.all()
    assert valid.shape[1] == 4 * clip.num_frames * clip.frame_stride
    assert not mfcc.any()
