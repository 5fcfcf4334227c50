"""Layouts beside the usual ones: each computes what transformers' model computes, or is refused."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from avme.config import ClipConfig, FinetuneConfig, ModelConfig, PretrainConfig
from avme.errors import ArtifactError, MismatchError
from avme.models.autoencoder import MaskedAutoencoder
from avme.models.classifier import Classifier
from avme.models.tubelets import to_tubelets
from avme.weights.names import Form
from avme.weights.read import Weights, read_weights
from avme.weights.settings import settings_of
from avme.weights.start import start_with
from avme.weights.write import write_weights

MakeTheirs = Callable[..., Any]
MakeConfig = Callable[..., ModelConfig]
CLASSES = ("a", "b", "c", "d", "e")
V2_CONFIG = {
    "img_size": 16, "patch_size": 4, "in_chans": 3, "num_classes": 0, "embed_dim": 32, "depth": 2,
    "num_heads": 4, "mlp_ratio": 4, "qkv_bias": True, "init_values": 0.0, "tubelet_size": 2,
    "use_learnable_pos_emb": False, "use_mean_pooling": True, "num_frames": 4, "cos_attn": False,
}  # fmt: skip
"""The keys of config.json's `model_config` in OpenGVLab's folders of VideoMAE V2."""


def state_of(model: Any) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}


def compare_encoders(
    weights: Weights, theirs: Any, clip: ClipConfig, config: ModelConfig, parity: Any
) -> None:
    """All tokens of the tower, before any pooling."""
    model = Classifier(config, clip, 5, "v").eval()
    start_with(model, weights, CLASSES)
    video = parity.clips(clip)[0]
    with torch.inference_mode():
        assert model.visual is not None
        found = model.visual(to_tubelets(video, config.visual.tubelet, config.visual.patch))
        if "visual.norm.weight" in weights.tensors:
            norm = (weights.tensors["visual.norm.weight"], weights.tensors["visual.norm.bias"])
            found = nn.functional.layer_norm(found, (32,), *norm, eps=1e-6)
        expected = theirs(parity.as_they_see(video)).last_hidden_state
    assert parity.relative(found, expected) < 1e-5


@pytest.mark.parametrize("shard", ["20KB", "1GB"])
def test_pretraining_of_transformers_default_has_no_final_norm(
    shard: str,
    tmp_path: Path,
    clip: ClipConfig,
    make_model_config: MakeConfig,
    make_theirs: MakeTheirs,
    parity: Any,
) -> None:
    theirs = make_theirs(use_mean_pooling=True)
    theirs.save_pretrained(tmp_path / "folder", max_shard_size=shard)

    weights = read_weights(tmp_path / "folder")
    config = PretrainConfig.model_validate(settings_of(weights).model_dump())
    ours = MaskedAutoencoder(config.model, clip)
    tally = start_with(ours, weights)

    assert "visual.norm.weight" not in weights.tensors
    assert config.model.visual.final_norm is False
    assert tally.new == ()
    parity.pretraining(ours, theirs, clip)
    for form, name in (("huggingface", "again"), ("avme", "again.safetensors")):
        write_weights(weights, tmp_path / name, form)  # type: ignore[arg-type]
        again = read_weights(tmp_path / name)
        assert again.leaves["model.visual.final_norm"] is False
        assert again.tensors.keys() == weights.tensors.keys()
    with pytest.raises(MismatchError, match="no norm after the last block"):
        write_weights(weights, tmp_path / "again.pth", "official")


@pytest.mark.parametrize("pooled", [True, False])
def test_a_final_norm_must_be_there_exactly_where_the_configuration_has_it(
    pooled: bool, tmp_path: Path, make_theirs: MakeTheirs
) -> None:
    make_theirs(use_mean_pooling=pooled).save_pretrained(tmp_path)
    file = tmp_path / "config.json"
    config = json.loads(file.read_text())
    file.write_text(json.dumps({**config, "use_mean_pooling": not pooled}))

    line = "lacks videomae.layernorm.weight" if pooled else "unexpected videomae.layernorm"
    with pytest.raises(ArtifactError, match=line):
        read_weights(tmp_path)


@pytest.mark.parametrize("pooled", [True, False])
def test_a_bare_model_is_an_encoder(
    pooled: bool,
    tmp_path: Path,
    clip: ClipConfig,
    make_model_config: MakeConfig,
    make_theirs: MakeTheirs,
    parity: Any,
) -> None:
    theirs = make_theirs(use_mean_pooling=pooled).videomae
    theirs.save_pretrained(tmp_path / "folder", max_shard_size="30KB")

    weights = read_weights(tmp_path / "folder")

    assert weights.stage == "encoder"
    assert ("visual.norm.weight" in weights.tensors) != pooled
    compare_encoders(weights, theirs, clip, make_model_config(), parity)
    write_weights(weights, tmp_path / "back", "huggingface")
    back = type(theirs).from_pretrained(tmp_path / "back")
    assert all(torch.equal(t, theirs.state_dict()[name]) for name, t in back.state_dict().items())
    with pytest.raises(MismatchError, match="an encoder alone"):
        write_weights(weights, tmp_path / "x.safetensors", "avme")
    with pytest.raises(MismatchError, match=r"lacks .* expected a pretrained autoencoder"):
        start_with(MaskedAutoencoder(make_model_config(), clip), weights)


def test_an_encoder_starts_both_streams(
    tmp_path: Path, clip: ClipConfig, make_model_config: MakeConfig, make_theirs: MakeTheirs
) -> None:
    make_theirs().videomae.save_pretrained(tmp_path)
    model = Classifier(make_model_config(kind="cross-attention"), clip, 5, "av")

    tally = start_with(model, read_weights(tmp_path), CLASSES)

    assert "visual.norm.weight" in tally.mapped
    assert {name.split(".")[0] for name in tally.new} == {"audio", "fusion", "norm", "head"}


def test_videomae_v2s_folder_is_an_encoder_with_a_pooled_norm(
    tmp_path: Path,
    clip: ClipConfig,
    make_model_config: MakeConfig,
    make_theirs: MakeTheirs,
    parity: Any,
) -> None:
    theirs = make_theirs("finetune")
    named = {
        f"model.{name}": tensor
        for name, tensor in parity.official(state_of(theirs)).items()
        if not name.startswith("head.")
    }
    folder = tmp_path / "VideoMAEv2-Base"
    folder.mkdir()
    save_file(named, folder / "model.safetensors", {"format": "pt"})
    config = {"model_type": "VideoMAEv2_Base", "model_config": V2_CONFIG}
    (folder / "config.json").write_text(json.dumps(config))

    weights = read_weights(folder)

    assert (weights.stage, weights.window) == ("encoder", (4, 16))
    assert weights.leaves["model.visual.heads"] == 4
    compare_encoders(weights, theirs.videomae, clip, make_model_config(), parity)
    model = Classifier(make_model_config(), clip, 5, "v")
    tally = start_with(model, weights, CLASSES)
    assert set(tally.new) == {"head.weight", "head.bias"}
    assert torch.equal(model.norm.weight, theirs.fc_norm.weight)
    (folder / "config.json").write_text(
        json.dumps({**config, "model_config": {**V2_CONFIG, "cos_attn": True}})
    )
    with pytest.raises(MismatchError, match="cos_attn is True, but avme's encoder has no cosine"):
        read_weights(folder)


def test_the_giant_of_v2_keeps_its_sizes(
    tmp_path: Path, make_theirs: MakeTheirs, parity: Any
) -> None:
    """Width 1408, patches of 14, inner width 48/11 of it, decoder 512 wide; one block of each."""
    theirs = make_theirs(
        image_size=28, patch_size=14, num_frames=2, hidden_size=1408, num_hidden_layers=1,
        num_attention_heads=16, intermediate_size=6144, decoder_hidden_size=512,
        decoder_num_attention_heads=8, decoder_intermediate_size=2234,
    )  # fmt: skip
    torch.save({"model": parity.official(state_of(theirs))}, tmp_path / "vit_g.pth")

    weights = read_weights(tmp_path / "vit_g.pth")

    assert (weights.window, weights.grid) == ((16, 224), (8, 16, 16))
    assert weights.leaves["model.visual.heads"] == 16
    assert weights.leaves["model.decoder.heads"] == 8
    for tower, inner in (("visual", 6144), ("decoder", 2234)):
        sizes = {k: weights.leaves[f"model.{tower}.{k}"] for k in ("dim", "mlp_ratio")}
        assert int(sizes["dim"] * sizes["mlp_ratio"]) == inner


@pytest.mark.parametrize("form", ["huggingface", "official"])
def test_a_classifier_by_the_first_token_is_one_here_too(
    form: Form,
    tmp_path: Path,
    clip: ClipConfig,
    make_model_config: MakeConfig,
    make_theirs: MakeTheirs,
    parity: Any,
) -> None:
    """Fine-tuned from videomae-base, whose configuration has use_mean_pooling false."""
    theirs = make_theirs("finetune", use_mean_pooling=False)
    theirs.save_pretrained(tmp_path / "theirs")
    first = replace(read_weights(tmp_path / "theirs"), classes=CLASSES)
    out = tmp_path / ("there" if form == "huggingface" else "there.pth")
    write_weights(first, out, form)

    weights = read_weights(out)
    settings = FinetuneConfig.model_validate(settings_of(weights).model_dump())
    ours = Classifier(make_model_config(), clip, 5, "v", pool=settings.head.pool)
    tally = start_with(ours, weights, CLASSES)

    assert settings.head.pool == "first"
    assert tally.new == ()
    parity.classifying(ours, theirs, clip)
