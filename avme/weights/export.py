"""Export of weights to other formats; VideoMAE's and Hugging Face's hold the video model only."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from torch import Tensor

from avme.checkpoint.schema import FORMAT
from avme.errors import MismatchError
from avme.io.atomic import write_json
from avme.weights.huggingface.config import config_note
from avme.weights.huggingface.export import huggingface_config, preprocessor_config
from avme.weights.key_mapping import Form, rule_for
from avme.weights.load import ImportedWeights
from avme.weights.load_into_model import LoadReport
from avme.weights.output_path import require_output
from avme.weights.settings import require_heads, settings_of
from avme.weights.tensor_files import SIDECAR, write_pickle, write_safetensors

_BRIDGE: Final = "decoder.bridge.weight"


def write_weights(weights: ImportedWeights, out: Path, form: Form) -> LoadReport:
    """Write a .pth file, a folder or a .safetensors file, which must not exist.

    On an error nothing is left of `out`.

    Args:
        weights: Weights of any form.
        out: File or folder to write.
        form: Format.

    Raises:
        MismatchError: The format cannot represent the weights.
        OSError: The disk is full or the folder not writable.
    """
    require_output(out, form)
    if form != "official":
        require_heads(weights)
    if form == "avme":
        _write_ours(weights, out)
        return LoadReport(tuple(weights.tensors), weights.dropped, (), weights.warnings)
    tower, warnings = _visual_tower(weights, form)
    named = _named(weights, tower, form)
    if form == "official":
        note = _note(weights)
        write_pickle(out, {"model": named, SIDECAR: note})
    else:
        config = huggingface_config(weights)
        with _whole_or_absent(out):
            noted = {SIDECAR: json.dumps(config_note(config))}
            write_safetensors(out / "model.safetensors", named, noted)
            write_json(out / "preprocessor_config.json", preprocessor_config(weights))
            write_json(out / "config.json", config)
    dropped = [*weights.dropped, *(name for name in weights.tensors if name not in tower)]
    return LoadReport(tuple(tower), tuple(dropped), (), (*weights.warnings, *warnings))


@contextmanager
def _whole_or_absent(folder: Path) -> Iterator[None]:
    """Delete the new folder if the block fails, so that a second attempt can create it."""
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _visual_tower(weights: ImportedWeights, form: Form) -> tuple[dict[str, Tensor], list[str]]:
    """Return the tensors of the VideoMAE part, and the changes that were made."""
    frames, size = weights.window
    patch, tubelet = (
        weights.leaves[f"model.visual.{key}"] for key in ("patch_size", "tubelet_size")
    )
    if weights.grid != (frames // tubelet, size // patch, size // patch):
        raise MismatchError(
            f"{weights.file} stretches the positions of {weights.grid} over its window, which only "
            "--to avme can store"
        )
    for key, only, what in (
        ("model.visual.embed", "linear", "a linear tubelet embedding"),
        ("model.visual.positions", "flat", "flat positions"),
    ):
        if weights.leaves[key] != only:
            raise MismatchError(
                f"{weights.file} has {key} {weights.leaves[key]}: VideoMAE's forms hold {what} "
                "alone: choose --to avme"
            )
    tower = {
        name: tensor
        for name, tensor in weights.tensors.items()
        if not name.startswith(("audio.", "fusion."))
    }
    if weights.stage == "pretrain" and form == "official" and "visual.norm.weight" not in tower:
        raise MismatchError(
            f"{weights.file} has no norm after the last block, which VideoMAE's own form always "
            "has: choose --to huggingface"
        )
    if weights.stage == "pretrain":
        dim = weights.leaves["model.visual.dim"]
        if tower[_BRIDGE].shape[1] == dim:
            return tower, []
        tower[_BRIDGE] = tower[_BRIDGE][:, :dim].contiguous()
        return tower, [f"{_BRIDGE}: its audio half was dropped, which the decoder was trained with"]
    if weights.modality != "v" or weights.pool == "max" or "norm.running_mean" in tower:
        raise MismatchError(
            f"{weights.file} is a classifier of modality {weights.modality} with pool "
            f"{weights.pool}: VideoMAE's forms hold modality v, head.pool mean or first, and "
            "head.norm layer alone: fine-tune with --modality v --set head.pool=mean --set "
            "head.norm=layer, or convert the pretrain run"
        )
    if weights.stage == "encoder" and form == "huggingface" and "norm.weight" in tower:
        tower = {name: t for name, t in tower.items() if not name.startswith("norm.")}
        return tower, ["norm.weight, norm.bias: VideoMAEModel has no norm of the pooled token"]
    return tower, []


def _named(weights: ImportedWeights, tower: Mapping[str, Tensor], form: Form) -> dict[str, Tensor]:
    kernel = (
        weights.leaves["model.visual.tubelet_size"],
        weights.leaves["model.visual.patch_size"],
    )
    named: dict[str, Tensor] = {}
    for own, tensor in tower.items():
        rule = rule_for(own, form, weights.stage, kernel, weights.pool)
        parts = rule.to_theirs(tensor)
        named |= {n: p.contiguous().clone() for n, p in zip(rule.theirs, parts, strict=True)}
    if form == "huggingface" and weights.stage == "encoder":
        named = {name.removeprefix("videomae."): tensor for name, tensor in named.items()}
    return named


def _write_ours(weights: ImportedWeights, out: Path) -> None:
    settings = settings_of(weights).model_dump(mode="json")
    note = {"format": FORMAT, "classes": list(weights.classes), "config": settings}
    write_safetensors(out, weights.tensors, {SIDECAR: json.dumps(weights.facts | note)})


def _note(weights: ImportedWeights) -> dict[str, Any]:
    """Return what VideoMAE's own format cannot express: window, heads and classes."""
    frames, size = weights.window
    note = {"num_frames": frames, "image_size": size, **_heads(weights)}
    if weights.stride is not None:
        note[SIDECAR] = {"frame_stride": weights.stride}
    if not weights.classes:
        return note
    return note | {"id2label": {str(row): name for row, name in enumerate(weights.classes)}}


def _heads(weights: ImportedWeights) -> dict[str, Any]:
    names = {
        "model.visual.heads": "num_attention_heads",
        "model.decoder.heads": "decoder_num_attention_heads",
    }
    return {name: weights.leaves[key] for key, name in names.items() if key in weights.leaves}
