"""VideoMAE of transformers as a baseline: same sizes, random weights, attention by SDPA.

It gets normalized floats and the mask, on the device, in its own format; the loss, with the target,
is its own.

Shape letters: b clips, c colors, t frames, h and w pixels, n tokens.
"""

import importlib
import warnings
from typing import Any

import torch
from einops import rearrange
from jaxtyping import Bool, Float
from torch import Tensor, nn

from avme.batch import AVBatch
from avme.bench.optional_import import LOADING_ERRORS, reason_of
from avme.config import PretrainConfig
from avme.models.autoencoder import grid_of
from avme.models.masking import TubeMask
from avme.models.tubelets import IMAGENET_DEVIATION, IMAGENET_MEAN
from avme.train.batch_loss import BatchLoss, LossOf


def import_transformers() -> Any:
    """Import the VideoMAE classes of transformers; raises as imports do."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        videomae = importlib.import_module("transformers.models.videomae")
        videomae.VideoMAEForPreTraining  # noqa: B018  (imported when it is asked for)
    return videomae


def why_no_transformers() -> str | None:
    """Return the reason why it is unavailable, in a short clause; None if it is available."""
    try:
        import_transformers()
    except LOADING_ERRORS as error:
        return reason_of(error, "transformers")
    return None


def build_videomae(config: PretrainConfig, batch: AVBatch) -> tuple[nn.Module, LossOf]:
    """Build the model of the sizes of `config`, and a step on the clips of `batch`."""
    videomae = import_transformers()
    visual, decoder, clip = config.model.visual, config.model.decoder, config.clip
    settings = videomae.VideoMAEConfig(
        image_size=clip.image_size,
        patch_size=visual.patch_size,
        num_frames=clip.num_frames,
        tubelet_size=visual.tubelet_size,
        hidden_size=visual.dim,
        num_hidden_layers=visual.depth,
        num_attention_heads=visual.heads,
        intermediate_size=int(visual.dim * visual.mlp_ratio),
        decoder_hidden_size=decoder.dim,
        decoder_num_hidden_layers=decoder.depth,
        decoder_num_attention_heads=decoder.heads,
        decoder_intermediate_size=int(decoder.dim * decoder.mlp_ratio),
        norm_pix_loss=config.loss.target == "normalized",
        use_mean_pooling=False,  # only so that the encoder ends with VideoMAE's norm
        attn_implementation="sdpa",
    )
    pixels = to_float(batch)
    mask = to_mask(config, batch).to(pixels.device)

    def step(model: nn.Module, _batch: AVBatch, _step: int, _logged: bool) -> BatchLoss:
        return BatchLoss(loss=model(pixels, bool_masked_pos=mask).loss)

    return videomae.VideoMAEForPreTraining(settings), step


def layers_of(model: nn.Module) -> list[nn.Module]:
    """Return its transformer blocks, to compile them."""
    return [part for part in model.modules() if type(part).__name__ == "VideoMAELayer"]


def to_float(batch: AVBatch) -> Float[Tensor, "b t c h w"]:
    """Normalize frames with ImageNet's statistics."""
    mean, deviation = (
        torch.tensor(numbers, device=batch.video.device)[:, None, None, None]
        for numbers in (IMAGENET_MEAN, IMAGENET_DEVIATION)
    )
    floats = (batch.video.float() / 255.0 - mean) / deviation
    return rearrange(floats, "b c t h w -> b t c h w").contiguous()


def to_mask(config: PretrainConfig, batch: AVBatch) -> Bool[Tensor, "b n"]:
    """Return a mask that is True for masked tokens: the same as in avme."""
    grid = grid_of(config.model, config.clip)
    hide = TubeMask(grid, config.mask.ratio)(batch.seed).hide
    return torch.zeros(len(batch), grid.tokens, dtype=torch.bool).scatter(1, hide, True)
