"""A model cut over two processes learns as one that each of them holds in full."""

import math
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from avme.train.distributed.fsdp import block_policy

pytestmark = pytest.mark.slow

# Rank 1 has no sound at all, and every share of the first process is larger or as large.
TWO = """
import copy
import sys
import torch
from torch.nn.parallel import DistributedDataParallel
from avme.config import OptimConfig, PretrainConfig
from avme.errors import AvmeError
from avme.models.autoencoder import MaskedAutoencoder
from avme.models.masking import TubeMask
from avme.models.reconstruction_loss import reconstruction_loss
from avme.train.grad_norm import clip_gradients, gradient_norms
from avme.train.nan_guard import NanGuard
from avme.train.optim import build_optimizer
from avme.train.distributed.process_group import init_distributed
from avme.train.distributed.fsdp import (
    load_model,
    load_optimizer,
    local_shard,
    shard,
    unsharded,
    full_state,
)

CPU = torch.device("cpu")
visual = {"dim": 30, "depth": 3, "heads": 3, "patch_size": 4}
audio = {"widths": (8, 8, 8, 15), "blocks": (1, 1, 1, 1)}
decoder = {"dim": 15, "depth": 2, "heads": 3}
parts = {"visual": visual, "audio": audio, "fusion": {"heads": 3}, "decoder": decoder}
clip = {"num_frames": 4, "frame_stride": 2, "image_size": 16}
config = PretrainConfig.model_validate({"clip": clip, "model": parts})
optim = OptimConfig(layer_decay=0.75)


class Run:
    def __init__(self, processes, cut):
        torch.manual_seed(0)
        self.rank, self.cut = processes.rank, cut
        self.model = MaskedAutoencoder(config.model, config.clip)
        if cut:
            with torch.no_grad():
                next(self.model.parameters()).add_(processes.rank)  # the first one's are taken
            shard(self.model, CPU, torch.float32)
        self.optimizer = build_optimizer(self.model, optim, 3)
        self.call = self.model if cut else DistributedDataParallel(self.model)
        self.mask = TubeMask(self.model.grid, 0.75)

    def inputs(self, step):
        draw = torch.Generator().manual_seed(step)
        mine = slice(2 * self.rank, 2 * self.rank + 2)
        video = torch.randint(0, 256, (4, 3, 4, 16, 16), dtype=torch.uint8, generator=draw)
        mfcc = torch.randn(4, config.clip.span_rows, 13, generator=draw)
        valid = torch.ones(4, config.clip.span_rows, dtype=torch.bool)
        valid[2:] = False
        seeds = 4 * step + torch.arange(4)
        return video[mine], mfcc[mine], valid[mine], self.mask(seeds[mine])

    def step(self, step):
        self.model.train()
        for half in (2 * step, 2 * step + 1):
            made = self.call(*self.inputs(half), True)
            predicted = torch.cat([made.prediction.hidden, made.prediction.seen], dim=1)
            loss = reconstruction_loss(predicted, torch.cat([made.hidden, made.seen], 1), "pixel")
            (loss / 2).backward()
        norms = gradient_norms(self.model)
        clip_gradients(self.model, 0.1, norms["grad_norm"])
        for group in self.optimizer.param_groups:
            group["lr"] = 1e-3 * group["scale"]
        self.optimizer.step()
        self.optimizer.zero_grad()
        return torch.stack([loss.detach(), *norms.values()])

    def state(self):
        return full_state(self.model.state_dict()), full_state(self.optimizer.state_dict())


with init_distributed(CPU) as processes:
    full, cut = Run(processes, False), Run(processes, True)
    found = {"full": [full.step(n) for n in range(3)], "cut": [cut.step(n) for n in range(3)]}
    again = Run(processes, True)
    load_model(again.model, full.model.state_dict())
    load_optimizer(again.optimizer, copy.deepcopy(full.optimizer.state_dict()))
    found |= {"full_more": full.step(3), "again": again.step(3), "cut_more": cut.step(3)}
    with unsharded(cut.model), torch.inference_mode():
        for n in range(3 * processes.is_rank0):
            found["alone"] = cut.model.eval()(*cut.inputs(n)).prediction.hidden.clone()
    with torch.inference_mode():
        found["expected"] = full.model.eval()(*full.inputs(2)).prediction.hidden.clone()
    found |= {"full_end": full.step(4), "cut_end": cut.step(4)}
    held = sum(local_shard(p).numel() for p in cut.model.parameters())
    found["share"] = held / sum(p.numel() for p in full.model.parameters())
    found["full_state"], found["cut_state"] = full.state(), cut.state()
    guard = NanGuard(processes)
    guard.require_finite_weights(cut.model, 5)
    if not processes.is_rank0:
        with torch.no_grad():
            local_shard(cut.model.decoder.blocks[0].mlp.first.weight)[0, 0] = float("nan")
    try:
        guard.require_finite_weights(cut.model, 5)
    except AvmeError as error:
        found["refusal"] = str(error)
    torch.save(found, f"{sys.argv[1]}/{processes.rank}.pt")
"""


def test_fsdp_model_trains_as_an_unsharded_one(
    run_ranks: Callable[..., None], tmp_path: Path
) -> None:
    run_ranks(2, TWO, str(tmp_path))

    first, second = (torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in (0, 1))
    for found in (first, second):
        assert all(numbers[0] > 0 for numbers in found["full"])
        for ours, theirs in [
            (torch.stack(found["cut"]), torch.stack(found["full"])),
            (found["again"], found["full_more"]),
            (found["cut_more"], found["full_more"]),
            (found["cut_end"], found["full_end"]),
        ]:
            torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-7)
            torch.testing.assert_close(ours[..., 0], theirs[..., 0], rtol=1e-5, atol=0.0)
        assert 0.3 < found["share"] < 0.7
        assert "weights are not finite after step 5" in found["refusal"]
    assert math.isclose(first["share"] + second["share"], 1.0)
    torch.testing.assert_close(first["alone"], first["expected"], rtol=1e-3, atol=1e-5)
    assert "alone" not in second
    torch.testing.assert_close(first["cut_state"], first["full_state"], rtol=1e-3, atol=1e-6)
    assert all(
        not tensor.numel()
        for name, tensor in second["cut_state"][0].items()
        if name.endswith("mlp.first.weight")
    )


def test_gpus_gather_blocks_in_the_numbers_that_they_compute_in() -> None:
    halved = block_policy(torch.device("cuda"), torch.bfloat16)

    assert (halved.param_dtype, halved.reduce_dtype) == (torch.bfloat16, torch.float32)
    assert not halved.cast_forward_inputs
    for device, precision in [("cuda", torch.float32), ("cpu", torch.bfloat16)]:
        assert block_policy(torch.device(device), precision).param_dtype is None
