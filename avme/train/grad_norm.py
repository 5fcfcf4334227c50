"""Gradients to one length for each part of a model: is the audio encoder alive?"""

from collections import defaultdict

import torch
from torch import Tensor, nn
from torch.nn.utils import clip_grads_with_norm_, get_total_norm

from avme.train.distributed.fsdp import is_sharded, part_here, whole_lengths

_PART_OF = {"norm": "head"}
"""A classifier's last norm belongs to its head."""
_NULL = "audio.null"
"""The token of clips without sound, which learns where the audio encoder hears nothing at all."""


def gradient_norms(model: nn.Module) -> dict[str, Tensor]:
    """`grad_norm` of all parameters and `grad_norm_<part>` of each part, on their device.

    Parts are the model's children (visual, audio, fusion, decoder or head) and `audio_null`, in
    every process the same ones; a part without a gradient has length 0. The host does not wait for
    the device. Where the model is cut over processes, all must call it.
    """
    parts: dict[str, list[Tensor]] = defaultdict(list)
    device = torch.device("cpu")
    for name, parameter in model.named_parameters():
        part = "audio_null" if name == _NULL else name.split(".")[0]
        given = parts[_PART_OF.get(part, part)]
        device = parameter.device
        if parameter.grad is not None:
            given.append(part_here(parameter.grad))
    zero = torch.zeros((), device=device)
    names = [f"grad_norm_{part}" for part in sorted(parts)]
    lengths = [get_total_norm(parts[part]) if parts[part] else zero for part in sorted(parts)]
    if is_sharded(model):
        lengths = list(whole_lengths(torch.stack(lengths)))
    norms = dict(zip(names, lengths, strict=True))
    return {"grad_norm": get_total_norm(list(norms.values())), **norms}


def clip_gradients(model: nn.Module, longest: float, norm: Tensor) -> None:
    """Shortens the gradient of length `norm` to `longest` where it is longer."""
    clip_grads_with_norm_(model.parameters(), longest, norm)
