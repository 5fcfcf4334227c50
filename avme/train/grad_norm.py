"""Gradient norms by part of the model, to see whether the audio encoder learns."""

from collections import defaultdict

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from avme.train.distributed.fsdp import global_norms, is_sharded, local_shard

_PART_OF = {"norm": "head"}
"""Parts whose norm is counted with another part: a classifier's last norm with its head."""
_NULL = "audio.null"
"""Null token of clips without audio, the only part of the audio encoder that then learns."""


def gradient_norms(model: nn.Module) -> dict[str, Tensor]:
    """Return `grad_norm` of all parameters and `grad_norm_<part>` of each part, on their device.

    Parts are the model's children (visual, audio, fusion, decoder or head) and `audio_null`, the
    same on every rank; a part without a gradient has norm 0. The host does not wait for the device.
    For a sharded model all ranks must call it.
    """
    parts: dict[str, list[Tensor]] = defaultdict(list)
    device = torch.device("cpu")
    for name, parameter in model.named_parameters():
        part = "audio_null" if name == _NULL else name.split(".")[0]
        given = parts[_PART_OF.get(part, part)]
        device = parameter.device
        if parameter.grad is not None:
            given.append(local_shard(parameter.grad))
    zero = torch.zeros((), device=device)
    names = [f"grad_norm_{part}" for part in sorted(parts)]
    lengths = [get_total_norm(parts[part]) if parts[part] else zero for part in sorted(parts)]
    if is_sharded(model):
        lengths = list(global_norms(torch.stack(lengths)))
    norms = dict(zip(names, lengths, strict=True))
    return {"grad_norm": get_total_norm(list(norms.values())), **norms}


def clip_gradients(model: nn.Module, longest: float, norm: Tensor) -> None:
    """Scale down gradients whose norm exceeds a limit.

    Args:
        model: Model with gradients.
        longest: Maximum norm.
        norm: Their norm.
    """
    clip_grads_with_norm_(model.parameters(), longest, norm)
