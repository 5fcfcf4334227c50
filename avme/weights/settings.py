"""avme settings that describe weights of any form."""

from typing import Any

from avme.config import FinetuneConfig, PretrainConfig
from avme.config.dotted_keys import nest
from avme.config.resolve import resolve
from avme.errors import ConfigError, MismatchError
from avme.weights.load import ImportedWeights


def settings_of(weights: ImportedWeights) -> PretrainConfig | FinetuneConfig:
    """Return all settings of the stage of this model; unspecified ones have their defaults.

    Raises MismatchError if the heads are unknown or impossible, or for a bare encoder, which
    belongs to no stage.
    """
    if weights.stage == "encoder":
        raise MismatchError(
            f"{weights.file} is an encoder alone, which has neither decoder nor head: start from "
            "it with `avme finetune --init`"
        )
    if weights.form == "avme":
        model = PretrainConfig if weights.stage == "pretrain" else FinetuneConfig
        return model.model_validate(weights.config)
    require_heads(weights)
    frames, size = weights.window
    leaves: dict[str, Any] = weights.leaves | {
        "clip.num_frames": frames,
        "clip.image_size": size,
        "model.pos_embed_grid": list(weights.grid),
        "model.fusion.kind": "none",
        "model.fusion.heads": 1,
    }
    if weights.stride is not None:
        leaves["clip.frame_stride"] = weights.stride
    if weights.stage == "pretrain":
        leaves["loss.target"] = "normalized" if target_is_normalized(weights) else "pixel"
    else:
        leaves |= {"modality": "v", "head.pool": weights.pool}
    try:
        if weights.stage == "pretrain":
            return resolve(PretrainConfig, base=nest(leaves))
        return resolve(FinetuneConfig, base=nest(leaves))
    except ConfigError as error:
        raise MismatchError(f"{weights.file} is not a model of avme: {error}") from error


def require_heads(weights: ImportedWeights) -> None:
    """Raise MismatchError if the number of heads is unknown; shapes do not show it."""
    towers = ["visual", "decoder"] if weights.stage == "pretrain" else ["visual"]
    if not all(f"model.{tower}.heads" in weights.leaves for tower in towers):
        raise MismatchError(
            f"{weights.file} does not record its number of attention heads, and its size is "
            "unknown: expected small, base, large, huge or giant (`avme eval` takes --set heads=N)"
        )


def target_is_normalized(weights: ImportedWeights) -> bool:
    """Return True if the decoder predicts normalized pixels, VideoMAE's default."""
    if weights.form == "avme":
        return bool(weights.config["loss"]["target"] == "normalized")
    return bool(weights.config.get("norm_pix_loss", True))
