"""Process group of a run: one process, or several joined through torch.distributed.

A group is joined if `RANK` is set: gloo on CPUs, NCCL on GPUs. A single process opens none.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, TypeVar, cast

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.distributed_c10d import PrefixStore
from torch.distributed.rendezvous import rendezvous

from avme.errors import AvmeError, PeerFailedError, StoppedBySignal, SystemRequirementError
from avme.train.distributed.early_stop import StoppedEarly
from avme.train.distributed.stop_signals import active_request
from avme.train.distributed.torchrun_env import require_whole_group
from avme.train.distributed.watchdog import RankFailure, Watchdog, is_secondary_error

Result = TypeVar("Result")
_TIMEOUT = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Distributed:
    """Ranks of a run, as seen from this process."""

    rank: int = 0
    world: int = 1
    local_rank: int = 0
    local_world_size: int = 1
    watchdog: Watchdog | None = None

    @property
    def is_rank0(self) -> bool:
        """True for rank 0, which writes files and reports."""
        return self.rank == 0

    def run_on_rank0(self, work: Callable[[], Result]) -> Result:
        """Run `work` on rank 0; all ranks return its result or raise its error."""
        box: list[Any] = [None, None]
        if self.is_rank0:
            try:
                box[0] = work()
            except AvmeError as error:
                if self.world == 1:
                    raise
                box[1] = error
        if self.world > 1:
            dist.broadcast_object_list(box, src=0)
            if box[1] is not None:
                raise box[1]
        return cast(Result, box[0])

    def failed(self, error: BaseException) -> RankFailure:
        """Return the cause of the run's end: `error`, or an earlier failure of another rank."""
        if self.watchdog is None:
            return RankFailure(f"{type(error).__name__}: {error}", self.rank)
        return self.watchdog.failed(error)

    def wait(self) -> None:
        """Return after all ranks have called it."""
        if self.world > 1:
            dist.barrier()

    def mean(self, value: Tensor) -> Tensor:
        """Return the mean over ranks; all ranks must call it."""
        if self.world > 1:
            value = value.clone()
            dist.all_reduce(value)
            value /= self.world
        return value

    def all_gather(self, value: Result) -> list[Result]:
        """Return the values of all ranks, in rank order; all ranks must call it."""
        if self.world == 1:
            return [value]
        values: list[Any] = [None] * self.world
        dist.all_gather_object(values, value)
        return values


@contextmanager
def init_distributed(device: torch.device) -> Iterator[Distributed]:
    """Join the group of torchrun's environment, or run alone.

    Raises:
        UsageError: The environment describes an incomplete group.
        SystemRequirementError: Its address cannot be used.
        PeerFailedError: Another rank failed or died; raised within a minute.
    """
    require_whole_group(os.environ)
    if "RANK" not in os.environ:
        yield Distributed()
        return
    try:
        store, rank, world = next(rendezvous("env://", timeout=_TIMEOUT))
    except (dist.DistError, OSError) as error:
        where = f"{os.environ['MASTER_ADDR']}:{os.environ['MASTER_PORT']}"
        reason = str(error).splitlines()[0]
        raise SystemRequirementError(
            f"MASTER_ADDR:MASTER_PORT {where} cannot be used ({reason})"
        ) from error
    siblings = Watchdog(PrefixStore("siblings", store.clone()), rank, world)
    processes = Distributed(
        rank=rank,
        world=world,
        local_rank=int(os.environ.get("LOCAL_RANK", "0")),
        local_world_size=int(os.environ.get("LOCAL_WORLD_SIZE", "1")),
        watchdog=siblings,
    )
    try:
        dist.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            store=PrefixStore("group", store),
            rank=rank,
            world_size=world,
            timeout=_TIMEOUT,
        )
        if (request := active_request()) is not None:
            request.take_over()  # ranks stop together from now on
        yield processes
        processes.wait()  # rank 0 may host the store: ranks leave together
    except (StoppedBySignal, StoppedEarly):
        raise
    except BaseException as error:
        failure = siblings.failed(error)
        if is_secondary_error(error) and failure.rank != rank:
            raise PeerFailedError(str(failure)) from error
        raise
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()
        siblings.leave()


def pick_device(wanted: str) -> torch.device:
    """Return the device of this process.

    Raises SystemRequirementError if CUDA is requested but missing.
    """
    available = torch.cuda.is_available()
    if wanted == "cuda" and not available:
        raise SystemRequirementError(
            "device cuda: torch sees no CUDA device on this machine: use --device cpu"
        )
    if wanted == "cpu" or not available:
        return torch.device("cpu")
    local_rank = int(os.environ.get("LOCAL_RANK", "0"))
    device = torch.device(
        "cuda", local_rank % torch.cuda.device_count()
    )  # srun may show one GPU to each task
    torch.cuda.set_device(device)
    return device


def pick_precision(wanted: str, device: torch.device, *, is_sharded: bool = False) -> torch.dtype:
    """Return the dtype for autocast.

    "auto" is bfloat16 on GPUs that support it, float16 on others, and float32 on CPUs and for
    sharded models without bfloat16, whose losses are not scaled.

    Args:
        wanted: Setting `train.precision`.
        device: Device of the model.
        is_sharded: True for FSDP.
    """
    if wanted != "auto":
        return {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}[wanted]
    if device.type != "cuda":
        return torch.float32
    has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)
    if has_bf16:
        return torch.bfloat16
    return torch.float32 if is_sharded else torch.float16


def autocast(device: torch.device, precision: torch.dtype) -> torch.autocast:
    """Return a context that computes in `precision`, as chosen by `pick_precision`."""
    return torch.autocast(device.type, precision, enabled=precision != torch.float32)
