"""Entropy of the fusion's attention, in both directions.

1 is uniform attention, as before training; 0 is attention to a single token. The training step is
unchanged: a few clips are encoded again, in evaluation mode and without gradients, only at logged
steps. Nothing random is drawn.

Shape letters: b clips, c colors, t frames, h and w pixels, r MFCC rows, f coefficients, k visible
tokens, q queries, s keys, d channels, e channels of one head.
"""

import math

import torch
from einops import rearrange
from jaxtyping import Bool, Float, Int64, UInt8
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from avme.models.autoencoder import MaskedAutoencoder
from avme.models.classifier import Classifier
from avme.models.fusion import (
    CrossAttention,
    PrenormFusion,
    PrenormLayer,
    TalkNetFusion,
    TalkNetLayer,
)
from avme.models.tubelets import as_floats, cut_tubelets, take_tubelets

MOST_CLIPS = 8


@torch.no_grad()
def fusion_entropy(
    model: nn.Module,
    video: UInt8[Tensor, "b c t h w"],
    mfcc: Float[Tensor, "b r f"],
    audio_valid: Bool[Tensor, "b r"],
    keep: Int64[Tensor, "b k"] | None = None,
) -> dict[str, Tensor]:
    """Return `entropy_visual_from_audio` and `entropy_audio_from_visual`, 0 to 1.

    Fractions of the maximum entropy, the log of the number of keys; empty for a fusion without
    attention. Means over heads, queries and up to eight clips, clips with audio first.

    Args:
        model: Autoencoder or classifier.
        video: Frames, 0 to 255.
        mfcc: MFCC rows of the window.
        audio_valid: True for rows with audio.
        keep: Indices of visible tokens; None is all.
    """
    whole = model.module if isinstance(model, DistributedDataParallel) else model
    if not isinstance(whole, MaskedAutoencoder | Classifier):
        return {}
    fusion, sizes = whole.fusion, whole.config.visual
    if whole.visual is None or whole.audio is None:
        return {}
    if not isinstance(fusion, PrenormFusion | TalkNetFusion):
        return {}
    chosen = audio_valid.any(dim=1).int().argsort(descending=True, stable=True)[:MOST_CLIPS]
    valid = audio_valid[chosen]  # may be on the host
    rows = chosen.to(video.device, non_blocking=True)
    tubelets = cut_tubelets(video[rows], sizes.tubelet_size, sizes.patch_size)
    seen = None if keep is None else keep[rows]
    pixels = as_floats(tubelets) if seen is None else take_tubelets(tubelets, seen)
    was_training = whole.training
    whole.eval()
    with torch.compiler.set_stance(
        "force_eager"
    ):  # otherwise blocks are recompiled for a few clips
        visual = whole.visual(pixels, seen)
        audio = whole.audio(mfcc[rows], valid)
    whole.train(was_training)
    found = {
        "visual_from_audio": _entropy(fusion.visual_from_audio, visual, audio),
        "audio_from_visual": _entropy(fusion.audio_from_visual, audio, visual),
    }
    has_audio = valid.any(dim=1).float().to(video.device, non_blocking=True)
    weight = torch.where(has_audio.any(), has_audio, torch.ones_like(has_audio))
    return {
        f"entropy_{name}": (value * weight).sum() / weight.sum() for name, value in found.items()
    }


def entropy(
    attention: CrossAttention, queries: Float[Tensor, "b q d"], source: Float[Tensor, "b s d"]
) -> Float[Tensor, " b"]:
    """Return the entropy of the attention, 0 to 1: a mean over heads and queries.

    The weights are computed explicitly here, which the model itself never needs.

    Args:
        attention: Attention layer.
        queries: Query tokens.
        source: Key tokens.
    """
    q = rearrange(attention.query(queries), "b q (head e) -> b head q e", head=attention.heads)
    k = rearrange(
        attention.key_value(source), "b s (two head e) -> two b head s e", two=2, head=q.shape[1]
    )[0]
    with torch.autocast(q.device.type, enabled=False):
        scores = (q.float() @ k.float().mT) / math.sqrt(q.shape[-1])
        log_share = scores.log_softmax(dim=-1)
        nats: Tensor = -(log_share.exp() * log_share).sum(dim=-1)
        return nats.mean(dim=(1, 2)) / math.log(max(source.shape[1], 2))


def _entropy(layer: PrenormLayer | TalkNetLayer, queries: Tensor, source: Tensor) -> Tensor:
    if isinstance(layer, PrenormLayer):
        return entropy(layer.attention, layer.norm_query(queries), layer.norm_source(source))
    return entropy(layer.attention, queries, source)
