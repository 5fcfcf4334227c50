"""Weights to a file of another form; VideoMAE's and Hugging Face's hold the visual tower alone."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Literal

import torch
from safetensors.torch import save_file
from torch import Tensor

from avme.artifacts import replacing, write_json
from avme.config import FinetuneConfig, PretrainConfig
from avme.config.tree import flatten, nest
from avme.errors import MismatchError, UsageError
from avme.models.blocks import NORM_EPS
from avme.weights.files import SIDECAR
from avme.weights.names import Form, rule_for
from avme.weights.read import Weights
from avme.weights.start import Tally

_BRIDGE: Final = "decoder.bridge.weight"


def write_weights(weights: Weights, out: Path, form: Form) -> Tally:
    """Writes a .pth file, a folder or a .safetensors file that must not exist yet.

    Raises MismatchError where the form cannot say what the weights are.
    """
    if out.exists():
        raise UsageError(f"{out} exists already: choose another OUT, nothing is overwritten")
    wanted = {"official": (".pth", ".pt"), "huggingface": ("",), "avme": (".safetensors",)}[form]
    if out.suffix not in wanted:
        expected = "a folder" if form == "huggingface" else f"a name that ends in {wanted[0]}"
        raise UsageError(f"--to {form} writes {expected}, found {out}")
    heads = [f"model.{part}.heads" for part in _towers(weights)]
    if not all(key in weights.leaves for key in heads) and form != "official":
        raise MismatchError(
            f"{weights.file} does not say how many heads its attention has, nor is it of a known "
            f"size: expected small, base or large for --to {form}"
        )
    if form == "avme":
        _write_ours(weights, out)
        return Tally(tuple(weights.tensors), weights.dropped, (), weights.remarks)
    tower, remarks = _visual_tower(weights)
    named = _named(weights, tower, form)
    if form == "official":
        note = _window(weights) | _heads(weights)
        with replacing(out) as temporary:
            torch.save({"model": named, SIDECAR: note}, temporary)
    else:
        with replacing(out / "model.safetensors") as temporary:
            save_file(named, temporary, {"format": "pt"})
        write_json(out / "config.json", huggingface_config(weights))
    dropped = [*weights.dropped, *(name for name in weights.tensors if name not in tower)]
    return Tally(tuple(tower), tuple(dropped), (), (*weights.remarks, *remarks))


def huggingface_config(weights: Weights) -> dict[str, Any]:
    """config.json; the norms' epsilon is VideoMAE's, which Hugging Face's own files lack."""
    visual = _sizes(weights, "visual")
    config: dict[str, Any] = {
        "architectures": [
            "VideoMAEForPreTraining"
            if weights.stage == "pretrain"
            else "VideoMAEForVideoClassification"
        ],
        "model_type": "videomae",
        **_window(weights),
        "patch_size": visual["patch"],
        "num_channels": 3,
        "tubelet_size": visual["tubelet"],
        "hidden_size": visual["dim"],
        "num_hidden_layers": visual["depth"],
        "num_attention_heads": visual["heads"],
        "intermediate_size": int(visual["dim"] * visual["mlp_ratio"]),
        "layer_norm_eps": NORM_EPS,
        "qkv_bias": True,
        "use_mean_pooling": weights.stage == "finetune",
    }
    if weights.stage == "pretrain":
        decoder = _sizes(weights, "decoder")
        return config | {
            "decoder_hidden_size": decoder["dim"],
            "decoder_num_hidden_layers": decoder["depth"],
            "decoder_num_attention_heads": decoder["heads"],
            "decoder_intermediate_size": int(decoder["dim"] * decoder["mlp_ratio"]),
            "norm_pix_loss": _target_is_normalised(weights),
        }
    names = weights.classes or tuple(f"LABEL_{index}" for index in range(weights.num_classes))
    return config | {
        "id2label": {str(index): name for index, name in enumerate(names)},
        "label2id": {name: index for index, name in enumerate(names)},
    }


def _visual_tower(weights: Weights) -> tuple[dict[str, Tensor], list[str]]:
    """The tensors that a VideoMAE has, and what changed on the way."""
    frames, size = weights.window
    patch, tubelet = (weights.leaves[f"model.visual.{key}"] for key in ("patch", "tubelet"))
    if weights.grid != (frames // tubelet, size // patch, size // patch):
        raise MismatchError(
            f"{weights.file} stretches the positions of {weights.grid} over its window, which only "
            "--to avme can say"
        )
    tower = {
        name: tensor
        for name, tensor in weights.tensors.items()
        if not name.startswith(("audio.", "fusion."))
    }
    if weights.stage == "pretrain":
        dim = weights.leaves["model.visual.dim"]
        if tower[_BRIDGE].shape[1] == dim:
            return tower, []
        tower[_BRIDGE] = tower[_BRIDGE][:, :dim].contiguous()
        return tower, [f"{_BRIDGE}: its audio half was dropped, which the decoder was trained with"]
    if weights.modality != "v" or weights.pool != "mean" or "norm.running_mean" in tower:
        raise MismatchError(
            f"{weights.file} is a classifier of modality {weights.modality} with pool "
            f"{weights.pool}: VideoMAE's forms hold modality v, head.pool mean and head.norm layer "
            "alone; convert the pretrain run"
        )
    return tower, []


def _named(weights: Weights, tower: Mapping[str, Tensor], form: Form) -> dict[str, Tensor]:
    kernel = (weights.leaves["model.visual.tubelet"], weights.leaves["model.visual.patch"])
    named: dict[str, Tensor] = {}
    for own, tensor in tower.items():
        rule = rule_for(own, form, weights.stage, kernel)
        parts = rule.to_theirs(tensor)
        named |= {n: p.contiguous().clone() for n, p in zip(rule.theirs, parts, strict=True)}
    return named


def _target_is_normalised(weights: Weights) -> bool:
    if weights.form == "avme":
        return bool(weights.config["loss"]["target"] == "normalised")
    return bool(weights.config.get("norm_pix_loss", True))


def _write_ours(weights: Weights, out: Path) -> None:
    facts = weights.facts | {"classes": list(weights.classes)}
    said = facts | {"config": _own_settings(weights)}
    with replacing(out) as temporary:
        save_file(weights.tensors, temporary, {SIDECAR: json.dumps(said)})


def _own_settings(weights: Weights) -> dict[str, Any]:
    if weights.form == "avme":
        return weights.config
    frames, size = weights.window
    leaves = weights.leaves | {
        "clip.num_frames": frames,
        "clip.size": size,
        "model.positions": weights.grid,
        "model.fusion.kind": "none",
        "model.fusion.heads": 1,
    }
    model: type[PretrainConfig | FinetuneConfig] = PretrainConfig
    if weights.stage == "pretrain":
        target = "normalised" if _target_is_normalised(weights) else "pixel"
        leaves |= {"loss.target": target}
    else:
        model = FinetuneConfig
        leaves |= {"modality": "v"}
    config = nest(flatten(model().model_dump()) | leaves)
    return model.model_validate(config).model_dump(mode="json")


def _towers(weights: Weights) -> list[Literal["visual", "decoder"]]:
    return ["visual", "decoder"] if weights.stage == "pretrain" else ["visual"]


def _sizes(weights: Weights, part: str) -> dict[str, Any]:
    prefix = f"model.{part}."
    return {
        key.removeprefix(prefix): value
        for key, value in weights.leaves.items()
        if key.startswith(prefix)
    }


def _window(weights: Weights) -> dict[str, Any]:
    frames, size = weights.window
    return {"num_frames": frames, "image_size": size}


def _heads(weights: Weights) -> dict[str, Any]:
    names = {
        "model.visual.heads": "num_attention_heads",
        "model.decoder.heads": "decoder_num_attention_heads",
    }
    return {name: weights.leaves[key] for key, name in names.items() if key in weights.leaves}
