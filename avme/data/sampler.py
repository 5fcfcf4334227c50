"""Which clip comes when: a function of seed and epoch alone.

Every epoch is a permutation of the list. A global batch is a stretch of it, cut into equal shares
for the ranks, so that one process and many see the same batches, and a run that starts again at a
step goes on exactly where it was.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from torch.utils.data import Sampler

from avme.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Draw:
    """One clip at one moment of a run; its seed decides all that is random about it."""

    clip: int
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """The endless sequence of global batches over a list of clips."""

    num_clips: int
    batch: int
    seed: int
    repeat: int = 1
    """Windows drawn from every clip in an epoch."""

    @property
    def steps_per_epoch(self) -> int:
        """Whole batches an epoch; a list shorter than a batch is drawn from several times."""
        return max(1, self.num_clips * self.repeat // self.batch)

    def global_batch(self, step: int) -> list[Draw]:
        """The draws of one optimiser step over all ranks."""
        epoch, place = divmod(step, self.steps_per_epoch)
        first = place * self.batch
        return [self._draw(epoch, index) for index in range(first, first + self.batch)]

    def _draw(self, epoch: int, index: int) -> Draw:
        round_, place = divmod(index, self.num_clips)
        clip = int(_permutation(self.num_clips, self.seed, epoch, round_)[place])
        return Draw(clip, seed_of(self.seed, epoch, clip, round_))


class RankBatches(Sampler[list[Draw]]):
    """The micro-batches of one rank, from `first_step` up to `last_step` (excluded)."""

    def __init__(
        self,
        order: Order,
        *,
        first_step: int,
        last_step: int,
        rank: int = 0,
        world: int = 1,
        micro_batch_size: int | None = None,
    ) -> None:
        require_equal_shares(order.batch, world)
        self.order, self.rank = order, rank
        self.steps = range(first_step, last_step)
        self.share = order.batch // world
        self.sizes = micro_batch_sizes(self.share, micro_batch_size)

    @property
    def micro_batches(self) -> int:
        """Micro-batches of one optimiser step."""
        return len(self.sizes)

    def __iter__(self) -> Iterator[list[Draw]]:
        for step in self.steps:
            draws = self.order.global_batch(step)
            mine = draws[self.rank * self.share : (self.rank + 1) * self.share]
            for end, size in zip(accumulate(self.sizes), self.sizes, strict=True):
                yield mine[end - size : end]

    def __len__(self) -> int:
        return len(self.steps) * self.micro_batches


def micro_batch_sizes(share: int, micro_batch_size: int | None) -> list[int]:
    """Numbers of clips into which the share of a process is cut: as few as possible, as equal as
    possible, none above `micro_batch_size`.

    Pairs of clips, which mixup and cutmix need whole, are only cut where whole ones would need more
    micro-batches; the clip without a neighbour of an odd share is then never alone. A micro-batch
    of one clip is left only if `micro_batch_size` is 1, or 2 of an odd share.
    """
    most = micro_batch_size or share
    parts = -(-share // most)
    pairs = [2 * count for count in _cut_evenly((share + 1) // 2, parts)]
    pairs[-1] -= share % 2
    return pairs if 0 < min(pairs) <= max(pairs) <= most else _cut_evenly(share, parts)


def _cut_evenly(count: int, parts: int) -> list[int]:
    """Sizes that differ by at most one, the larger ones last."""
    small, larger = divmod(count, parts)
    return [small + (part >= parts - larger) for part in range(parts)]


def require_equal_shares(batch: int, world: int) -> None:
    """Raises ConfigError where the processes cannot have equally many clips of a batch."""
    if batch % world:
        raise ConfigError(
            f"train.batch_size {batch} is not divisible by {world} processes: choose a multiple"
        )


def require_two_clips(batch: int, micro_batch_size: int | None, world: int) -> None:
    """Raise ConfigError where the batch norm of a classifier's head would see one clip at a time.

    Ranks share its statistics. That of the audio encoder sees many places of every clip.
    """
    if min(micro_batch_sizes(batch // world, micro_batch_size)) * world < 2:
        raise ConfigError(
            f"head.norm batch needs at least 2 clips at a time: train.batch_size {batch} in "
            f"micro-batches of {micro_batch_size} leaves one alone: choose an even "
            "train.batch_size, another train.micro_batch_size, or head.norm=layer"
        )


def seed_of(*parts: int) -> int:
    """A 63-bit seed that depends on all parts and their order."""
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
