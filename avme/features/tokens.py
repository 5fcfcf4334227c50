"""Tokens of the stages of a model, without a mask, and their pooling.

A stage is a place in the network: after the video encoder, after the audio encoder, or after the
fusion. The autoencoder of a pretraining and the classifier of a fine-tuning have the same ones.

Shape letters: b clips, k tokens, t time slots, d channels.
"""

from collections.abc import Sequence
from typing import Any, Final, Literal, cast, get_args

import torch
from einops import rearrange, reduce
from jaxtyping import Float32
from torch import Tensor

from avme.batch import AVBatch
from avme.models.build import Network
from avme.models.tubelets import to_tubelets

Stage = Literal["visual", "audio", "fused"]
Pool = Literal["mean", "slots"]
STAGES: Final[tuple[Stage, ...]] = get_args(Stage)


def stages_of(model: Network) -> tuple[Stage, ...]:
    """Return the stages that the model has; the last one is the deepest."""
    parts = {"visual": model.visual, "audio": model.audio, "fused": model.fusion}
    return tuple(stage for stage in STAGES if parts[stage] is not None)


def encode_tokens(model: Network, batch: AVBatch, stages: Sequence[Stage]) -> dict[Stage, Tensor]:
    """Return the tokens of each stage, shape (b, k, d), in the precision of the model.

    Args:
        model: Autoencoder or classifier, in evaluation mode.
        batch: Clips on the device of the model.
        stages: Stages that the model has; only their encoders are computed.
    """
    tokens: dict[Stage, Tensor] = {}
    parts = cast(Any, model)
    if "audio" in stages or "fused" in stages:
        tokens["audio"] = parts.audio(batch.mfcc, batch.audio_valid)
    if "visual" in stages or "fused" in stages:
        sizes = model.config.visual
        tokens["visual"] = parts.visual(
            to_tubelets(batch.video, sizes.tubelet_size, sizes.patch_size)
        )
    if "fused" in stages:
        tokens["fused"] = parts.fusion(tokens["visual"], tokens["audio"])
    return {stage: tokens[stage] for stage in stages}


def pool_tokens(tokens: Tensor, pool: Pool, slots: int) -> Float32[Tensor, "b *t d"]:
    """Return the mean token of each clip, or of each of its time slots, in single precision.

    Args:
        tokens: Tokens of a stage, ordered by time slot, shape (b, k, d).
        pool: `mean` for one vector per clip, `slots` for one per time slot.
        slots: Number of time slots.
    """
    tokens = tokens.to(torch.float32)
    if pool == "mean":
        return reduce(tokens, "b k d -> b d", "mean")
    return rearrange(tokens, "b (t r) d -> b t r d", t=slots).mean(dim=2)
