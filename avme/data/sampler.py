"""Sampler: the order of clips as a function of seed and epoch alone.

Every epoch is a permutation of the list. A global batch is a section of it, split into equal shares
for the ranks, so that any number of ranks sees the same batches, and a resumed run continues
exactly.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from torch.utils.data import Sampler

from avme.errors import ConfigError


@dataclass(frozen=True, slots=True)
class SampleDraw:
    """One draw of a clip; its seed determines all of its randomness."""

    clip: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleOrder:
    """Infinite sequence of global batches over a list of clips."""

    num_clips: int
    batch: int
    seed: int
    repeat: int = 1
    """Windows per clip and epoch."""

    @property
    def steps_per_epoch(self) -> int:
        """Return the complete batches per epoch; a list shorter than a batch is repeated."""
        return max(1, self.num_clips * self.repeat // self.batch)

    def global_batch(self, step: int) -> list[SampleDraw]:
        """Return the draws of one optimizer step over all ranks."""
        epoch, step_in_epoch = divmod(step, self.steps_per_epoch)
        first = step_in_epoch * self.batch
        return [self._draw(epoch, index) for index in range(first, first + self.batch)]

    def _draw(self, epoch: int, index: int) -> SampleDraw:
        round_, position = divmod(index, self.num_clips)
        clip = int(_permutation(self.num_clips, self.seed, epoch, round_)[position])
        return SampleDraw(clip, derive_seed(self.seed, epoch, clip, round_))


class DistributedBatchSampler(Sampler[list[SampleDraw]]):
    """Batch sampler of one rank: micro-batches from `first_step` up to `last_step` (excluded)."""

    def __init__(
        self,
        order: SampleOrder,
        *,
        first_step: int,
        last_step: int,
        rank: int = 0,
        world: int = 1,
        micro_batch_size: int | None = None,
    ) -> None:
        require_divisible_batch(order.batch, world)
        self.order, self.rank = order, rank
        self.steps = range(first_step, last_step)
        self.share = order.batch // world
        self.sizes = micro_batch_sizes(self.share, micro_batch_size)

    @property
    def micro_batches(self) -> int:
        """Number of micro-batches per optimizer step."""
        return len(self.sizes)

    def __iter__(self) -> Iterator[list[SampleDraw]]:
        for step in self.steps:
            draws = self.order.global_batch(step)
            mine = draws[self.rank * self.share : (self.rank + 1) * self.share]
            for end, size in zip(accumulate(self.sizes), self.sizes, strict=True):
                yield mine[end - size : end]

    def __len__(self) -> int:
        return len(self.steps) * self.micro_batches


def micro_batch_sizes(share: int, micro_batch_size: int | None) -> list[int]:
    """Split a rank's share into as few and as equal micro-batches as possible.

    None exceeds `micro_batch_size`. Pairs of clips, which mixup and cutmix need, are only split if
    keeping them would need more micro-batches; the unpaired clip of an odd share is then never
    alone. A micro-batch of one clip occurs only if `micro_batch_size` is 1, or 2 with an odd share.
    """
    most = micro_batch_size or share
    parts = -(-share // most)
    pairs = [2 * count for count in _cut_evenly((share + 1) // 2, parts)]
    pairs[-1] -= share % 2
    return pairs if 0 < min(pairs) <= max(pairs) <= most else _cut_evenly(share, parts)


def _cut_evenly(count: int, parts: int) -> list[int]:
    """Return sizes that differ by at most one, the larger ones last."""
    small, larger = divmod(count, parts)
    return [small + (part >= parts - larger) for part in range(parts)]


def require_divisible_batch(batch: int, world: int) -> None:
    """Raise ConfigError if a batch cannot be split equally between the ranks."""
    if batch % world:
        raise ConfigError(
            f"train.batch_size {batch} is not divisible by {world} processes: choose a multiple"
        )


def require_two_clips(batch: int, micro_batch_size: int | None, world: int) -> None:
    """Raise ConfigError if the batch norm of a classifier's head would get one clip at a time.

    Its statistics are shared by ranks. The audio encoder's see many positions of every clip.

    Args:
        batch: Clips per optimizer step.
        micro_batch_size: Maximum clips per rank in one pass.
        world: Number of ranks.
    """
    if min(micro_batch_sizes(batch // world, micro_batch_size)) * world < 2:
        raise ConfigError(
            f"head.norm batch needs at least 2 clips at a time: train.batch_size {batch} in "
            f"micro-batches of {micro_batch_size} leaves one alone: choose an even "
            "train.batch_size, another train.micro_batch_size, or head.norm=layer"
        )


def derive_seed(*parts: int) -> int:
    """Return a 63-bit seed that depends on all parts and their order."""
    digest = hashlib.blake2b(",".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


_last_permutation: dict[tuple[int, int, int, int], np.ndarray] = {}


def _permutation(num_clips: int, seed: int, epoch: int, round_: int) -> np.ndarray:
    key = (num_clips, seed, epoch, round_)
    if key not in _last_permutation:
        if len(_last_permutation) >= 4:
            _last_permutation.clear()
        _last_permutation[key] = np.random.default_rng([seed, epoch, round_]).permutation(num_clips)
    return _last_permutation[key]
