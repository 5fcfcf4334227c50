"""config.json beside weights: Hugging Face's VideoMAE and VideoMAE V2."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from avme.artifacts import read_json
from avme.errors import MismatchError

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


def videomae_config(file: Path) -> dict[str, Any]:
    """The configuration of a VideoMAE, empty where there is no file.

    Raises MismatchError where it is of another model.
    """
    config = read_json(file) if file.is_file() else {}
    kind = config.get("model_type", "videomae")
    if kind != "videomae":
        raise MismatchError(f"{file} is of a {kind}, expected a videomae")
    return config


def videomae_v2_config(file: Path) -> dict[str, Any]:
    """Sizes that VideoMAE V2 keeps under `model_config`, by Hugging Face's names.

    Raises MismatchError for what is no part of a VideoMAE.
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
