"""Settings of pretraining."""

from contextlib import nullcontext
from typing import Any

import pytest

from avme.config import PretrainConfig
from avme.config.resolve import (
    resolve,
)
from avme.errors import ConfigError
from avme.models.autoencoder import grid_of
from avme.models.masking import TubeMask


def refusal(*sets: str, **layers: Any) -> str:
    with pytest.raises(ConfigError) as caught:
        resolve(PretrainConfig, sets=sets, **layers)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("scales", ["[]", "[0.0]", "[1.0, 1.5]", "[-1.0]"])
def test_crop_config_with_scale_outside_the_frame_is_refused(scales: str) -> None:
    assert refusal(f"crop.scales={scales}").startswith("crop.scales: ")


def test_pretrain_config_with_protocol_of_another_fusion_is_refused() -> None:
    assert refusal("train.protocol=visual") == (
        "protocol visual gives the model no audio: use --fusion none, found cross-attention"
    )
    assert refusal("train.protocol=constant", "model.fusion.kind=none") == (
        "protocol constant controls the fusion, found fusion none"
    )
    assert refusal("train.protocol=ucf51").startswith("train.protocol: ")


@pytest.mark.parametrize(
    ("protocol", "fusion"),
    [
        ("all", "none"),
        ("donor", "concat"),
        ("audio-only", "none"),
        ("visual", "none"),
        ("constant", "cross-attention"),
    ],
)
def test_pretrain_config_with_protocol_of_its_fusion_is_accepted(
    protocol: str, fusion: str
) -> None:
    sets = [f"train.protocol={protocol}", f"model.fusion.kind={fusion}"]

    assert resolve(PretrainConfig, sets=sets).train.protocol == protocol


def config(**sections: dict[str, Any]) -> PretrainConfig:
    """Settings of a grid of 4 x 4 positions."""
    clip = {"num_frames": 2, "image_size": 64}
    return PretrainConfig.model_validate({"clip": clip, **sections})


@pytest.mark.parametrize(("ratio", "hidden"), [(0.0624, 0), (0.0001, 0)])
def test_pretrain_config_with_mask_that_hides_nothing_is_refused(ratio: float, hidden: int) -> None:
    with pytest.raises(ValueError, match=f"hides {hidden} of 16 places"):
        config(mask={"ratio": ratio})


@pytest.mark.parametrize("ratio", [0.0625, 0.9999])
def test_pretrain_config_with_mask_that_leaves_a_position_is_accepted(ratio: float) -> None:
    masked = config(mask={"ratio": ratio})

    grid = grid_of(masked.model, masked.clip)
    assert 0 < TubeMask(grid, ratio).num_hidden < grid.rows * grid.columns


@pytest.mark.parametrize(("decoder_ratio", "is_valid"), [(0.0, True), (0.9, True), (0.92, False)])
def test_pretrain_config_with_decoder_ratio_predicts_at_least_one_token(
    decoder_ratio: float, is_valid: bool
) -> None:
    mask = {"ratio": 0.75, "decoder_ratio": decoder_ratio}

    with nullcontext() if is_valid else pytest.raises(ValueError, match="predicts none of 12"):
        config(mask=mask)


def test_pretrain_config_with_loss_on_all_tokens_needs_all_predicted() -> None:
    assert config(loss={"tokens": "all"})
    with pytest.raises(ValueError, match=r"leave mask\.decoder_ratio at 0, found 0\.5"):
        config(loss={"tokens": "all"}, mask={"decoder_ratio": 0.5})
