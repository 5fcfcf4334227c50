"""Sizes follow from shapes; heads and window from what stands beside them, or from VideoMAE."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from avme.config import ClipConfig, FinetuneConfig, ModelConfig, PretrainConfig
from avme.errors import ArtifactError, MismatchError
from avme.models.autoencoder import MaskedAutoencoder
from avme.models.classifier import Classifier
from avme.weights.checkpoint_files import StoredWeights
from avme.weights.export import write_weights
from avme.weights.infer_config import geometry_of
from avme.weights.key_mapping import Form
from avme.weights.load import read_weights
from avme.weights.load_into_model import load_into
from avme.weights.settings import settings_of

MakeTheirs = Callable[..., Any]
MakeConfig = Callable[..., ModelConfig]
CLASSES = ("a", "b", "c", "d", "e")


def stored(dim: int, inner: int, depth: int = 1, **config: Any) -> StoredWeights:
    """A fine-tuned file of which only the telling tensors are there."""
    tensors: dict[str, Tensor] = {
        "patch_embed.proj.weight": torch.empty(dim, 3, 2, 16, 16, device="meta"),
        "head.weight": torch.empty(7, dim, device="meta"),
    }
    for index in range(depth):
        tensors[f"blocks.{index}.mlp.fc1.weight"] = torch.empty(inner, dim, device="meta")
    return StoredWeights(
        file=Path("x.pth"), form="official", tensors=tensors, wrapping="bare", config=config
    )


@pytest.mark.parametrize(
    ("dim", "inner", "heads"),
    [(384, 1536, 6), (768, 3072, 12), (1024, 4096, 16), (1280, 5120, 16), (1408, 6144, 16)],
)
def test_geometry_of_published_sizes_has_their_heads_and_mlp(
    dim: int, inner: int, heads: int
) -> None:
    geometry = geometry_of(stored(dim, inner))

    assert geometry.visual["heads"] == heads
    assert geometry.shapes()["visual.blocks.0.mlp.first.weight"] == (inner, dim)
    assert (geometry.num_frames, geometry.size, geometry.num_classes) == (16, 224, 7)
    assert geometry.grid().tokens == 1568


def test_geometry_of_unknown_width_without_heads_warns() -> None:
    geometry = geometry_of(stored(96, 384))

    assert "heads" not in geometry.visual
    assert "does not record its number of heads" in geometry.warnings[0]
    assert geometry_of(stored(96, 384, num_attention_heads=3)).visual["heads"] == 3


def test_blocks_far_beyond_the_others_are_refused() -> None:
    file = stored(96, 384)
    file.tensors["blocks.999999999.norm1.bias"] = torch.empty(96, device="meta")

    with pytest.raises(ArtifactError, match="block 999999999 of visual"):
        geometry_of(file)


@pytest.mark.parametrize(
    ("config", "line"),
    [({"hidden_act": "relu"}, "hidden_act is relu"), ({"image_size": [224, 448]}, "square")],
)
def test_geometry_of_other_models_is_refused(config: dict[str, Any], line: str) -> None:
    with pytest.raises(ArtifactError, match=line):
        geometry_of(stored(96, 384, **config))


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
    tally = load_into(ours, weights)

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
def test_geometry_with_final_norm_contradicting_the_config_is_refused(
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
def test_geometry_of_bare_model_is_an_encoder(
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
    parity.encoding(weights, theirs, clip, make_model_config())
    write_weights(weights, tmp_path / "back", "huggingface")
    back = type(theirs).from_pretrained(tmp_path / "back")
    assert all(torch.equal(t, theirs.state_dict()[name]) for name, t in back.state_dict().items())
    with pytest.raises(MismatchError, match="an encoder alone"):
        write_weights(weights, tmp_path / "x.safetensors", "avme")
    with pytest.raises(MismatchError, match=r"lacks .* expected a pretrained autoencoder"):
        load_into(MaskedAutoencoder(make_model_config(), clip), weights)


def test_geometry_of_encoder_starts_both_stages(
    tmp_path: Path, clip: ClipConfig, make_model_config: MakeConfig, make_theirs: MakeTheirs
) -> None:
    make_theirs().videomae.save_pretrained(tmp_path)
    model = Classifier(make_model_config(kind="cross-attention"), clip, 5, "av")

    tally = load_into(model, read_weights(tmp_path), CLASSES)

    assert "visual.norm.weight" in tally.mapped
    assert {name.split(".")[0] for name in tally.new} == {"audio", "fusion", "norm", "head"}


@pytest.mark.slow
def test_geometry_of_videomae_v2_giant_keeps_its_sizes(
    tmp_path: Path, make_theirs: MakeTheirs, parity: Any
) -> None:
    """Width 1408, patches of 14, inner width 48/11 of it, decoder 512 wide; one block of each."""
    theirs = make_theirs(
        image_size=28, patch_size=14, num_frames=2, hidden_size=1408, num_hidden_layers=1,
        num_attention_heads=16, intermediate_size=6144, decoder_hidden_size=512,
        decoder_num_attention_heads=8, decoder_intermediate_size=2234,
    )  # fmt: skip
    torch.save({"model": parity.official(theirs.state_dict())}, tmp_path / "vit_g.pth")

    weights = read_weights(tmp_path / "vit_g.pth")

    assert (weights.window, weights.grid) == ((16, 224), (8, 16, 16))
    assert weights.leaves["model.visual.heads"] == 16
    assert weights.leaves["model.decoder.heads"] == 8
    for tower, inner in (("visual", 6144), ("decoder", 2234)):
        sizes = {k: weights.leaves[f"model.{tower}.{k}"] for k in ("dim", "mlp_ratio")}
        assert int(sizes["dim"] * sizes["mlp_ratio"]) == inner


@pytest.mark.parametrize("form", ["huggingface", "official"])
def test_geometry_of_first_token_pooling_is_kept(
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
    tally = load_into(ours, weights, CLASSES)

    assert settings.head.pool == "first"
    assert tally.new == ()
    parity.classifying(ours, theirs, clip)
