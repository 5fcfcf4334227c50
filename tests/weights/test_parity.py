"""What is read from every kind of file computes what transformers' VideoMAE computes.

transformers' decoder and classifier have norms with another epsilon than VideoMAE; the fixture
gives them VideoMAE's.
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from avme.config import ClipConfig, FusionConfig, ModelConfig
from avme.models.autoencoder import MaskedAutoencoder
from avme.models.classifier import Classifier
from avme.weights.export import write_weights
from avme.weights.load import read_weights
from avme.weights.load_into_model import load_into

pytestmark = pytest.mark.slow

MakeTheirs = Callable[..., Any]
MakeConfig = Callable[..., ModelConfig]
SaveAs = Callable[[nn.Module, str, Path], Path]
SPELLINGS = ("model", "module", "bare", "_orig_mod", "hf q_bias", "hf query.bias")
CLASSES = ("a", "b", "c", "d", "e")


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_pretraining_from_every_spelling_is_videomae(
    spelling: str,
    tmp_path: Path,
    clip: ClipConfig,
    make_model_config: MakeConfig,
    make_theirs: MakeTheirs,
    save_as: SaveAs,
    parity: Any,
) -> None:
    theirs = make_theirs()
    ours = MaskedAutoencoder(make_model_config(), clip)

    tally = load_into(ours, read_weights(save_as(theirs, spelling, tmp_path)))

    assert set(tally.mapped) == set(ours.state_dict())
    assert tally.new == ()
    assert len(tally.dropped) == (3 if spelling == "hf query.bias" else 0)
    parity.pretraining(ours, theirs, clip)


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_classifying_from_every_spelling_is_videomae(
    spelling: str,
    tmp_path: Path,
    clip: ClipConfig,
    make_model_config: MakeConfig,
    make_theirs: MakeTheirs,
    save_as: SaveAs,
    parity: Any,
) -> None:
    theirs = make_theirs("finetune")
    ours = Classifier(make_model_config(), clip, 5, "v")

    weights = replace(read_weights(save_as(theirs, spelling, tmp_path)), classes=CLASSES)
    tally = load_into(ours, weights, CLASSES)

    assert set(tally.mapped) == set(ours.state_dict())
    parity.classifying(ours, theirs, clip)


@pytest.mark.parametrize("fusion", ["concat", "cross-attention"])
def test_audio_visual_model_starts_as_videomae(
    fusion: str,
    tmp_path: Path,
    clip: ClipConfig,
    make_model_config: MakeConfig,
    make_theirs: MakeTheirs,
    save_as: SaveAs,
    parity: Any,
) -> None:
    theirs = make_theirs()
    ours = MaskedAutoencoder(make_model_config(kind=fusion), clip)

    tally = load_into(ours, read_weights(save_as(theirs, "model", tmp_path)))

    assert {name.split(".")[0] for name in tally.new} <= {"audio", "fusion"}
    assert "decoder.bridge.weight: the video half is copied, the audio half is zero" in (
        tally.warnings
    )
    parity.pretraining(ours, theirs, clip)


@pytest.mark.parametrize("stage", ["pretrain", "finetune"])
def test_vit_b_at_its_own_widths_there_and_back(
    stage: str, tmp_path: Path, make_theirs: MakeTheirs, save_as: SaveAs, parity: Any
) -> None:
    """A window of four frames of 64 pixels keeps it cheap."""
    sizes = {
        "image_size": 64, "patch_size": 16, "hidden_size": 768, "num_hidden_layers": 12,
        "num_attention_heads": 12, "intermediate_size": 3072, "decoder_hidden_size": 384,
        "decoder_num_hidden_layers": 4, "decoder_num_attention_heads": 6,
        "decoder_intermediate_size": 1536,
    }  # fmt: skip
    theirs = make_theirs(stage, **sizes)
    clip = ClipConfig(num_frames=4, image_size=64)
    config = ModelConfig(fusion=FusionConfig(kind="none"))
    first = read_weights(save_as(theirs, "hf q_bias", tmp_path / "theirs"))
    write_weights(first, tmp_path / "official.pth", "official")

    weights = read_weights(tmp_path / "official.pth")

    assert weights.leaves["model.visual.heads"] == 12
    if stage == "pretrain":
        autoencoder = MaskedAutoencoder(config, clip)
        load_into(autoencoder, weights)
        parity.pretraining(autoencoder, theirs, clip)
    else:
        classifier = Classifier(config, clip, 5, "v")
        load_into(classifier, replace(weights, classes=CLASSES), CLASSES)
        parity.classifying(classifier, theirs, clip)


@pytest.mark.parametrize("stage", ["pretrain", "finetune"])
@pytest.mark.parametrize("way", ["official", "huggingface", "avme"])
def test_there_and_back_changes_no_bit(
    stage: str, way: Any, tmp_path: Path, make_theirs: MakeTheirs, save_as: SaveAs
) -> None:
    theirs = make_theirs(stage)
    first = read_weights(save_as(theirs, "hf q_bias", tmp_path / "theirs"))
    name = {"official": "there.pth", "huggingface": "there", "avme": "there.safetensors"}[way]

    write_weights(first, tmp_path / name, way)
    there = read_weights(tmp_path / name)
    write_weights(there, tmp_path / "back", "huggingface")
    back = read_weights(tmp_path / "back")

    assert there.form == way
    for other in (there, back):
        assert other.settings()["model"] == first.settings()["model"]
        assert other.window == first.window
        assert set(other.tensors) == set(first.tensors)
        assert all(torch.equal(t, first.tensors[name]) for name, t in other.tensors.items())


@pytest.mark.parametrize("stage", ["pretrain", "finetune"])
def test_transformers_reads_exported_weights(
    stage: str, tmp_path: Path, make_theirs: MakeTheirs, save_as: SaveAs
) -> None:
    theirs = make_theirs(stage)
    weights = read_weights(save_as(theirs, "model", tmp_path / "theirs"))
    known = {"model.visual.heads": 4, "model.decoder.heads": 2}
    frozen = replace(weights, leaves=weights.leaves | known, window=(4, 16), grid=(2, 4, 4))
    write_weights(frozen, tmp_path / "folder", "huggingface")

    again, found = type(theirs).from_pretrained(tmp_path / "folder", output_loading_info=True)

    assert not any(found[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    state = theirs.state_dict()
    assert all(torch.equal(tensor, state[name]) for name, tensor in again.state_dict().items())
    assert again.config.num_attention_heads == 4
    assert again.config.layer_norm_eps == 1e-6
