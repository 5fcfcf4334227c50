"""Settings of avme that describe weights of other forms."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from torch import nn

from avme.config import FinetuneConfig, PretrainConfig
from avme.errors import MismatchError
from avme.weights.load import ImportedWeights, read_weights
from avme.weights.settings import require_heads, settings_of, target_is_normalized

MakeTheirs = Callable[..., Any]
SaveAs = Callable[[nn.Module, str, Path], Path]


@pytest.fixture
def weights(tmp_path: Path, make_theirs: MakeTheirs, save_as: SaveAs) -> ImportedWeights:
    return read_weights(save_as(make_theirs(), "hf q_bias", tmp_path / "pretrain"))


@pytest.fixture
def classifier(tmp_path: Path, make_theirs: MakeTheirs, save_as: SaveAs) -> ImportedWeights:
    return read_weights(save_as(make_theirs("finetune"), "hf q_bias", tmp_path / "finetune"))


def test_settings_of_pretrained_weights_have_sizes_of_transformers(
    weights: ImportedWeights,
) -> None:
    settings = settings_of(weights)

    assert isinstance(settings, PretrainConfig)
    visual, decoder = settings.model.visual, settings.model.decoder
    assert (visual.dim, visual.depth, visual.heads, visual.mlp_ratio) == (32, 2, 4, 4.0)
    assert (decoder.dim, decoder.depth, decoder.heads, decoder.mlp_ratio) == (16, 1, 2, 4.0)
    assert (settings.clip.num_frames, settings.clip.image_size, visual.patch_size) == (4, 16, 4)
    assert settings.model.fusion.kind == "none"


def test_settings_of_classifier_are_those_of_a_video_model(classifier: ImportedWeights) -> None:
    settings = settings_of(classifier)

    assert isinstance(settings, FinetuneConfig)
    assert (settings.modality, settings.head.pool) == ("v", "mean")


def test_settings_of_avme_files_are_the_stored_ones(pretrained_files: list[Path]) -> None:
    for file in pretrained_files:
        weights = read_weights(file)

        assert settings_of(weights).model_dump(mode="json") == weights.config


def test_settings_of_bare_encoder_are_refused(weights: ImportedWeights) -> None:
    with pytest.raises(MismatchError, match="is an encoder alone"):
        settings_of(replace(weights, stage="encoder"))


def test_settings_of_impossible_heads_are_refused(weights: ImportedWeights) -> None:
    leaves = weights.leaves | {"model.visual.heads": 5}

    with pytest.raises(MismatchError, match=r"not a model of avme: .*not divisible by 5 heads"):
        settings_of(replace(weights, leaves=leaves))


def test_require_heads_of_pretraining_needs_those_of_the_decoder(
    weights: ImportedWeights, classifier: ImportedWeights
) -> None:
    leaves = {key: value for key, value in weights.leaves.items() if key != "model.decoder.heads"}

    require_heads(weights)
    require_heads(replace(classifier, leaves=leaves))
    with pytest.raises(MismatchError, match="does not record its number of attention heads"):
        require_heads(replace(weights, leaves=leaves))


@pytest.mark.parametrize(
    ("config", "target"), [({}, "normalized"), ({"norm_pix_loss": False}, "pixel")]
)
def test_target_of_transformers_follows_norm_pix_loss(
    config: dict[str, Any], target: str, weights: ImportedWeights
) -> None:
    changed = replace(weights, config=config)

    settings = settings_of(changed)

    assert isinstance(settings, PretrainConfig)
    assert settings.loss.target == target
    assert target_is_normalized(changed) == (target == "normalized")


def test_target_of_avme_files_is_the_stored_one(pretrained_files: list[Path]) -> None:
    weights = read_weights(pretrained_files[0])

    assert target_is_normalized(weights)
    assert not target_is_normalized(replace(weights, config={"loss": {"target": "pixel"}}))
