"""Settings of fine-tuning."""

import pytest

from avme.config import FinetuneConfig
from avme.config.finetune import AugmentConfig
from avme.config.resolve import (
    resolve,
)
from avme.errors import ConfigError


@pytest.mark.parametrize("alone", ["train.batch_size=1", "train.micro_batch_size=1"])
def test_finetune_config_with_batch_norm_of_one_clip_is_refused(alone: str) -> None:
    with pytest.raises(ConfigError, match=r"head\.norm batch needs at least 2 clips at a time"):
        resolve(FinetuneConfig, sets=["head.norm=batch", alone])


@pytest.mark.parametrize(
    "impossible",
    [
        "train.seed=-1",
        f"train.seed={2**63}",
        "optim.betas=[0.9, 1.0]",
        "optim.betas=[-0.1, 0.9]",
        "augment.crop_scale=[0.5, 0.1]",
        "augment.crop_scale=[0.0, 1.0]",
        "augment.crop_ratio=[2.0, 0.5]",
        "augment.crop_ratio=[-1.0, 1.0]",
        "model.visual.mlp_ratio=0.001",
        "model.fusion.mlp_ratio=1e300",
        "train.batch_size=100000000",
        "label_fraction=0",
        "label_fraction=1.1",
    ],
)
def test_finetune_config_with_impossible_value_names_its_key(impossible: str) -> None:
    key = impossible.partition("=")[0]

    with pytest.raises(ConfigError, match=key.replace(".mlp_ratio", "").replace(".", r"\.")):
        resolve(FinetuneConfig, sets=[impossible])


@pytest.mark.parametrize("batch", [{"batch_size": 2}, {"batch_size": 4, "micro_batch_size": 2}])
def test_finetune_config_with_batch_norm_of_two_clips_is_accepted(batch: dict[str, int]) -> None:
    config = FinetuneConfig.model_validate({"head": {"norm": "batch"}, "train": batch})

    assert config.head.norm == "batch"


@pytest.mark.parametrize("name", ["crop_scale", "crop_ratio"])
def test_augment_config_with_descending_range_is_refused(name: str) -> None:
    assert AugmentConfig.model_validate({name: (0.5, 0.5)})
    with pytest.raises(
        ValueError, match=r"found \[0\.9, 0\.5\], expected the smaller number first"
    ):
        AugmentConfig.model_validate({name: (0.9, 0.5)})


@pytest.mark.parametrize(
    ("protocol", "modality", "message"),
    [
        ("visual", "av", "protocol visual gives the model no audio: use --modality v, found av"),
        ("visual", "a", "protocol visual gives the model no audio: use --modality v, found a"),
        ("constant", "v", "protocol constant controls the fusion: use --modality av, found v"),
        ("constant", "a", "protocol constant controls the fusion: use --modality av, found a"),
    ],
)
def test_finetune_config_with_protocol_of_another_modality_is_refused(
    protocol: str, modality: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as error:
        resolve(FinetuneConfig, sets=[f"train.protocol={protocol}", f"modality={modality}"])

    assert "\n" not in str(error.value)


@pytest.mark.parametrize("protocol", ["all", "audio-only", "donor"])
@pytest.mark.parametrize("modality", ["av", "v", "a"])
def test_finetune_config_with_protocol_of_any_modality_is_accepted(
    protocol: str, modality: str
) -> None:
    config = resolve(FinetuneConfig, sets=[f"train.protocol={protocol}", f"modality={modality}"])

    assert (config.train.protocol, config.modality) == (protocol, modality)


def test_finetune_config_with_residual_without_unimodal_heads_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"head\.residual needs the heads of head\.unimodal_weight"
    ):
        resolve(FinetuneConfig, sets=["head.residual=true"])

    assert resolve(FinetuneConfig, sets=["head.residual=true", "modality=v"]).head.residual
