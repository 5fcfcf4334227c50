"""VideoMAE V2's folders: sizes under `model_config`, an encoder with a norm of the pooled token."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from avme.config import ClipConfig, ModelConfig
from avme.errors import MismatchError
from avme.models.classifier import Classifier
from avme.weights.load import read_weights
from avme.weights.load_into_model import load_into

MakeTheirs = Callable[..., Any]
MakeConfig = Callable[..., ModelConfig]
CLASSES = ("a", "b", "c", "d", "e")
V2_CONFIG = {
    "img_size": 16, "patch_size": 4, "in_chans": 3, "num_classes": 0, "embed_dim": 32, "depth": 2,
    "num_heads": 4, "mlp_ratio": 4, "qkv_bias": True, "init_values": 0.0, "tubelet_size": 2,
    "use_learnable_pos_emb": False, "use_mean_pooling": True, "num_frames": 4, "cos_attn": False,
}  # fmt: skip
"""The keys of config.json's `model_config` in OpenGVLab's folders of VideoMAE V2."""


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
        for name, tensor in parity.official(theirs.state_dict()).items()
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
    parity.encoding(weights, theirs.videomae, clip, make_model_config())
    model = Classifier(make_model_config(), clip, 5, "v")
    tally = load_into(model, weights, CLASSES)
    assert set(tally.new) == {"head.weight", "head.bias"}
    assert torch.equal(model.norm.weight, theirs.fc_norm.weight)
    (folder / "config.json").write_text(
        json.dumps({**config, "model_config": {**V2_CONFIG, "cos_attn": True}})
    )
    with pytest.raises(MismatchError, match="cos_attn is True, but avme's encoder has no cosine"):
        read_weights(folder)
