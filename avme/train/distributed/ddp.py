"""DistributedDataParallel: gradients averaged over ranks, without exchange of buffers."""

import inspect
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final

from torch import nn
from torch.nn.parallel import DistributedDataParallel

_LEAVE_BUFFERS: Final[dict[str, Any]] = (  # batch statistics are already global
    {"forward_sync_buffers": False}
    if "forward_sync_buffers" in inspect.signature(DistributedDataParallel.__init__).parameters
    else {"broadcast_buffers": False}  # torch before 2.14
)


def wrap_ddp(model: nn.Module) -> DistributedDataParallel:
    """Wrap a model so that its backward pass averages the gradients over all ranks.

    All ranks must call it; they start with rank 0's weights.
    """
    # no device_ids: host tensors of batches must stay on the host
    return DistributedDataParallel(model, **_LEAVE_BUFFERS)


def gradient_sync(model: nn.Module, *, enabled: bool) -> AbstractContextManager[None]:
    """Return a context in which backward passes of a wrapped model average gradients, or not.

    Other models are unaffected: a sharded model reduces its gradients at every backward pass.
    """
    if enabled or not isinstance(model, DistributedDataParallel):
        return nullcontext()
    return model.no_sync()
