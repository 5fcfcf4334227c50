"""Tokens of a stage are those of the network without a mask."""

from typing import Any

import numpy as np
import pytest
import torch
from einops import rearrange

from avme.batch import AVBatch
from avme.config import ClipConfig, ModelConfig
from avme.features.tokens import encode_tokens, pool_tokens, stages_of
from avme.models.autoencoder import MaskedAutoencoder
from avme.models.classifier import Classifier, Modality
from avme.models.masking import TokenMask
from avme.models.tubelets import to_tubelets

CLIP = ClipConfig(num_frames=4, frame_stride=2, image_size=16)


def model_config(kind: str = "cross-attention") -> ModelConfig:
    return ModelConfig.model_validate(
        {
            "visual": {"dim": 32, "depth": 2, "heads": 4, "patch_size": 4},
            "audio": {"widths": (4, 8, 8, 16), "blocks": (1, 1, 1, 1)},
            "fusion": {"kind": kind, "heads": 4},
            "decoder": {"dim": 16, "depth": 1, "heads": 2},
        }
    )


def make_batch(clips: int = 3) -> AVBatch:
    generator = torch.Generator().manual_seed(0)
    size = (clips, 3, CLIP.num_frames, CLIP.image_size, CLIP.image_size)
    valid = torch.ones(clips, CLIP.span_rows, dtype=torch.bool)
    valid[1] = False
    index = torch.arange(clips)
    return AVBatch(
        video=torch.randint(0, 256, size, dtype=torch.uint8, generator=generator),
        mfcc=torch.randn(clips, CLIP.span_rows, 13, generator=generator) * valid[..., None],
        audio_valid=valid,
        label=index,
        clip=index,
        seed=index,
    )


def test_tokens_of_autoencoder_equal_its_encoder_with_every_token_visible() -> None:
    torch.manual_seed(0)
    model = MaskedAutoencoder(model_config(), CLIP).eval()
    batch = make_batch()
    every = torch.arange(model.grid.tokens).expand(3, -1)
    choice = TokenMask(every, every[:, :0], every[:, :0])
    seen = to_tubelets(batch.video, 2, 4)

    with torch.no_grad():
        tokens = encode_tokens(model, batch, ["visual", "audio", "fused"])
        expected = model.encode(seen, batch.mfcc, batch.audio_valid, choice)

    torch.testing.assert_close(tokens["fused"], expected)
    assert tokens["visual"].shape == (3, 32, 32)
    assert tokens["audio"].shape == (3, CLIP.span_rows // 4, 32)


@pytest.mark.parametrize("modality", ["av", "v", "a"])
def test_tokens_of_classifier_are_those_that_it_pools(modality: Modality) -> None:
    torch.manual_seed(0)
    model = Classifier(model_config(), CLIP, 5, modality).eval()
    batch = make_batch()
    stages = stages_of(model)

    with torch.no_grad():
        tokens = encode_tokens(model, batch, stages)
        expected = model.pool(batch.video, batch.mfcc, batch.audio_valid)

    last: Any = {"av": "fused", "v": "visual", "a": "audio"}[modality]
    assert (
        stages == {"av": ("visual", "audio", "fused"), "v": ("visual",), "a": ("audio",)}[modality]
    )
    torch.testing.assert_close(pool_tokens(tokens[last], "mean", 2), expected)


def test_tokens_of_one_stage_compute_no_other_encoder() -> None:
    model = MaskedAutoencoder(model_config(), CLIP).eval()
    batch = make_batch()
    model.visual = None  # type: ignore[assignment]

    with torch.no_grad():
        assert set(encode_tokens(model, batch, ["audio"])) == {"audio"}


def test_stages_of_video_only_network_is_visual() -> None:
    assert stages_of(MaskedAutoencoder(model_config("none"), CLIP)) == ("visual",)


def test_pool_by_slot_is_mean_of_each_slot_in_numpy() -> None:
    tokens = torch.randn(2, 12, 5, generator=torch.Generator().manual_seed(0))

    by_slot = pool_tokens(tokens, "slots", 3)

    expected = rearrange(tokens.numpy(), "b (t r) d -> b t r d", t=3).mean(axis=2)
    np.testing.assert_allclose(by_slot.numpy(), expected, rtol=1e-6)
    torch.testing.assert_close(by_slot.mean(dim=1), pool_tokens(tokens, "mean", 3))


def test_pool_of_half_precision_tokens_is_computed_in_single() -> None:
    tokens = torch.full((1, 4096, 1), 1.0, dtype=torch.bfloat16)
    tokens[:, 0] = 3.0

    pooled = pool_tokens(tokens, "mean", 1)

    assert pooled.dtype == torch.float32
    assert pooled.item() == pytest.approx(1 + 2 / 4096, abs=1e-6)
