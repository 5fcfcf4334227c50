"""config.json of Hugging Face's VideoMAE and VideoMAE V2."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from avme.errors import ArtifactError, MismatchError
from avme.io.atomic import read_json

_CONFIG_SHA256: Final = "config_sha256"
_V2_NAMES: Final = {
    "num_heads": "num_attention_heads",
    "num_frames": "num_frames",
    "img_size": "image_size",
}
_V2_OTHERS: Final = {
    "cos_attn": "cosine attention",
    "use_learnable_pos_emb": "learned positions",
    "init_values": "layer scale",
}


def config_note(config: Mapping[str, Any]) -> dict[str, str]:
    """Return the note about config.json that model.safetensors stores."""
    return {_CONFIG_SHA256: _sha256(config)}


def require_same_config(weights: Path, noted: Mapping[str, Any]) -> None:
    """Raise ArtifactError if config.json differs from the one noted in the weights.

    save_pretrained of transformers writes no note; any config.json is accepted then.
    """
    file = weights.with_name("config.json")
    if _CONFIG_SHA256 not in noted or not file.is_file():
        return
    if _sha256(read_json(file)) != noted[_CONFIG_SHA256]:
        raise ArtifactError(
            f"{file} is not the one that {weights.name} was written with (damaged or edited): copy "
            "it again, or save the folder again with save_pretrained of transformers"
        )


def _sha256(config: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(config, sort_keys=True).encode()).hexdigest()


def videomae_config(file: Path) -> dict[str, Any]:
    """Read the configuration of a VideoMAE; empty without a file.

    Raises MismatchError for another model.
    """
    config = read_json(file) if file.is_file() else {}
    kind = config.get("model_type", "videomae")
    if kind != "videomae":
        raise MismatchError(f"{file} is of a {kind}, expected a videomae")
    return config


def videomae_v2_config(file: Path) -> dict[str, Any]:
    """Read the sizes that VideoMAE V2 stores under `model_config`, by Hugging Face's names.

    Raises MismatchError for anything that is not part of a VideoMAE.
    """
    config = read_json(file) if file.is_file() else {}
    given = config.get("model_config")
    if not isinstance(given, Mapping):
        return {}
    for key, what in _V2_OTHERS.items():
        if given.get(key):
            raise MismatchError(
                f"{file}: {key} is {given[key]}, but avme's encoder has no {what}: "
                "these weights cannot be used"
            )
    return {name: given[key] for key, name in _V2_NAMES.items() if given.get(key)}
