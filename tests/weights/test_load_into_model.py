"""Weights into models: what is taken, what starts fresh, and what is refused."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import torch
from torch import nn

from avme.checkpoint.file import Checkpoint
from avme.config import ClipConfig, FinetuneConfig, MaskConfig, ModelConfig, PretrainConfig
from avme.errors import MismatchError
from avme.models.autoencoder import MaskedAutoencoder
from avme.models.classifier import Classifier
from avme.progress import NullReporter
from avme.weights.load import read_weights
from avme.weights.load_into_model import by_part, load_into, require_geometry, start_from

MakeTheirs = Callable[..., Any]
MakeConfig = Callable[..., ModelConfig]
SaveAs = Callable[[nn.Module, str, Path], Path]
CLASSES = ("a", "b", "c", "d", "e")


@pytest.fixture
def pretrained(tmp_path: Path, make_theirs: MakeTheirs, save_as: SaveAs) -> Path:
    return save_as(make_theirs(), "model", tmp_path / "pretrained")


@pytest.fixture
def finetuned(tmp_path: Path, make_theirs: MakeTheirs, save_as: SaveAs) -> Path:
    return save_as(make_theirs("finetune"), "module", tmp_path / "finetuned")


def test_by_part_names_parts_and_few_tensors() -> None:
    names = ("visual.a", "visual.b", "visual.c", "norm.weight", "norm.bias")

    assert by_part(names) == "visual 3, norm.weight, norm.bias"
    assert by_part(()) == "none"


def test_load_into_classifier_takes_the_encoder_and_a_fresh_head(
    pretrained: Path, clip: ClipConfig, make_model_config: MakeConfig
) -> None:
    model = Classifier(make_model_config(), clip, 5, "v")
    head = model.head.weight.clone()

    tally = load_into(model, read_weights(pretrained))

    assert set(tally.new) == {"norm.weight", "norm.bias", "head.weight", "head.bias"}
    assert torch.equal(model.head.weight, head)
    assert tally.lines()[1].endswith("visual.norm.weight, visual.norm.bias, decoder 19")
    assert not any(name.startswith("decoder") for name in tally.mapped)


@pytest.mark.parametrize(
    ("classes", "modality", "pool", "norm", "kept"),
    [
        (5, "v", "mean", "layer", True),
        (4, "v", "mean", "layer", True),
        (5, "v", "first", "layer", False),
        (5, "v", "max", "layer", False),
        (5, "v", "mean", "batch", False),
        (5, "av", "mean", "layer", False),
    ],
)
def test_load_into_keeps_a_head_of_the_same_classes_only(
    classes: int,
    modality: Literal["v", "av"],
    pool: Literal["mean", "max", "first"],
    norm: Literal["layer", "batch"],
    kept: bool,
    finetuned: Path,
    clip: ClipConfig,
    make_model_config: MakeConfig,
) -> None:
    config = make_model_config(kind="cross-attention")
    model = Classifier(config, clip, classes, modality, pool=pool, norm=norm)
    weights = replace(read_weights(finetuned), classes=CLASSES)

    tally = load_into(model, weights, CLASSES[:classes])

    assert ("head.weight" in tally.mapped) == kept
    assert ("head.weight" in tally.new) != kept
    assert ("head.weight" in tally.dropped) != kept
    if modality == "av":
        assert "visual.norm.weight" in tally.new


def test_load_into_pretraining_from_fine_tuned_file_is_refused(
    finetuned: Path, clip: ClipConfig, make_model_config: MakeConfig
) -> None:
    with pytest.raises(MismatchError, match=r"lacks visual\.norm\.weight and .* autoencoder"):
        load_into(MaskedAutoencoder(make_model_config(), clip), read_weights(finetuned))


def test_load_into_from_avme_weights_keeps_audio_and_fusion(
    pretrained_files: list[Path], clip: ClipConfig, make_model_config: MakeConfig
) -> None:
    weights = read_weights(pretrained_files[1])
    config = PretrainConfig.model_validate(weights.config)

    whole = load_into(MaskedAutoencoder(config.model, clip), weights)
    seeing = load_into(MaskedAutoencoder(make_model_config(), clip), weights)

    assert (whole.new, whole.dropped) == ((), ())
    assert {name.split(".")[0] for name in seeing.dropped} == {"audio", "fusion"}
    assert seeing.warnings == ("decoder.bridge.weight: its audio half was dropped",)


def test_load_into_with_talknet_fusion_warns_of_another_start(
    pretrained: Path, clip: ClipConfig, make_model_config: MakeConfig
) -> None:
    config = make_model_config(kind="cross-attention", variant="talknet")

    tally = load_into(MaskedAutoencoder(config, clip), read_weights(pretrained))

    assert "talknet does not start as VideoMAE" in tally.warnings[-1] + tally.warnings[-2]


def test_load_into_partly_fitting_fusion_is_refused(
    pretrained_files: list[Path], clip: ClipConfig
) -> None:
    weights = read_weights(pretrained_files[0])
    settings = weights.config
    settings["model"]["fusion"]["variant"] = "talknet"
    config = PretrainConfig.model_validate(settings)

    with pytest.raises(MismatchError, match="lacks fusion"):
        load_into(MaskedAutoencoder(config.model, clip), weights)


def test_settings_of_another_tower_are_refused_and_others_are_not(
    tmp_path: Path, make_theirs: MakeTheirs, save_as: SaveAs, make_model_config: MakeConfig
) -> None:
    weights = read_weights(save_as(make_theirs(), "hf q_bias", tmp_path))
    clip = ClipConfig(num_frames=4, image_size=16)
    model = make_model_config()
    other_decoder = model.model_copy(
        update={"decoder": model.decoder.model_copy(update={"depth": 3})}
    )

    require_geometry(PretrainConfig(model=model, clip=clip, mask=MaskConfig(ratio=0.75)), weights)
    require_geometry(FinetuneConfig(model=other_decoder, clip=clip), weights)
    conv = {"visual": model.visual.model_copy(update={"embed": "conv"})}
    with pytest.raises(MismatchError, match=r"model\.visual\.embed is linear there, conv here"):
        require_geometry(FinetuneConfig(model=model.model_copy(update=conv), clip=clip), weights)
    longer = ClipConfig(num_frames=8, image_size=16)
    with pytest.raises(MismatchError, match="has positions on 2 x 4 x 4 places, the window has 4"):
        require_geometry(FinetuneConfig(model=model, clip=longer), weights)
    stretched = model.model_copy(update={"pos_embed_grid": (2, 4, 4)})
    require_geometry(FinetuneConfig(model=stretched, clip=longer), weights)
    with pytest.raises(MismatchError, match=r"model\.decoder\.depth is 1 there, 3 here"):
        require_geometry(
            PretrainConfig(model=other_decoder, clip=clip, mask=MaskConfig(ratio=0.75)), weights
        )


def test_another_window_stretches_the_positions_that_the_weights_know(
    tmp_path: Path, make_theirs: MakeTheirs, save_as: SaveAs, make_model_config: MakeConfig
) -> None:
    weights = read_weights(save_as(make_theirs(), "hf q_bias", tmp_path))
    config = make_model_config().model_copy(update={"pos_embed_grid": weights.grid})
    clip = ClipConfig(num_frames=8, frame_stride=2, image_size=32)
    model = MaskedAutoencoder(config, clip)

    load_into(model, weights)

    own = MaskedAutoencoder(make_model_config(), clip)
    assert weights.grid == (2, 4, 4)
    assert model.visual.positions.shape == own.visual.positions.shape == (4 * 8 * 8, 32)
    assert not torch.allclose(model.visual.positions, own.visual.positions, atol=0.1)
    assert not torch.allclose(model.decoder.positions, own.decoder.positions, atol=0.1)


def pretrained_checkpoint(config: ModelConfig, clip: ClipConfig) -> Checkpoint:
    torch.manual_seed(0)
    model = MaskedAutoencoder(config, clip)
    return Checkpoint(stage="pretrain", config={}, facts={}, step=1, model=model.state_dict())


def test_start_from_checkpoint_copies_all_but_norm_and_head(
    clip: ClipConfig, make_model_config: MakeConfig
) -> None:
    config = make_model_config(kind="cross-attention")
    start, model = pretrained_checkpoint(config, clip), Classifier(config, clip, 5, "av")
    fresh = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    start_from(model, start, NullReporter())

    for name, tensor in model.state_dict().items():
        own = name.startswith(("norm.", "head."))
        assert torch.equal(tensor, fresh[name] if own else start.model[name]), name


def test_start_from_checkpoint_without_audio_is_refused(
    clip: ClipConfig, make_model_config: MakeConfig
) -> None:
    start = pretrained_checkpoint(make_model_config(), clip)
    model = Classifier(make_model_config(kind="cross-attention"), clip, 5, "av")

    with pytest.raises(MismatchError, match=r"has no audio\..* choose a --modality"):
        start_from(model, start, NullReporter())


def test_start_from_nothing_leaves_the_model_unchanged(
    clip: ClipConfig, make_model_config: MakeConfig
) -> None:
    model = Classifier(make_model_config(), clip, 5, "v")
    fresh = {name: tensor.clone() for name, tensor in model.state_dict().items()}

    start_from(model, None, NullReporter())

    torch.testing.assert_close(model.state_dict(), fresh, rtol=0.0, atol=0.0)
