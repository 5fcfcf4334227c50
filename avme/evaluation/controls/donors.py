"""Clips whose audio another clip hears: derangements across groups, and random donors.

Clips of a group are of one recording and share its room and music, so that a donor of the same
group would be nearly the right audio.

Shape letters: n clips, k clips of one class or with audio.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np
from jaxtyping import Bool, Int64

from avme.data.donor_audio import DonorPool
from avme.errors import UsageError
from avme.shards.dataset import ClipEntry

_MIXING_ROUNDS: Final = 64
"""Rounds of random exchanges; after some ten, owners no longer depend on the start."""


def derange(
    group: Sequence[str], among: Bool[np.ndarray, " n"], seed: int
) -> Int64[np.ndarray, " n"]:
    """Permute the audio of some clips so that each hears another group; others keep their own.

    Args:
        group: Group of every clip.
        among: Clips that exchange their audio.
        seed: Seed of the permutation.

    Raises:
        UsageError: No such permutation: a group has more than half of these clips.
    """
    owner = np.arange(len(group), dtype=np.int64)
    clips = np.flatnonzero(among)
    if not len(clips):
        raise UsageError("shuffle: no clip of the list has audio (got 0): there is none to permute")
    _, index = np.unique(np.asarray(group, dtype=np.str_)[clips], return_inverse=True)
    largest = int(np.bincount(index).max())
    if 2 * largest > len(clips):
        raise UsageError(
            f"shuffle: one group has {largest} of the {len(clips)} clips with audio (expected at "
            "most half): its clips cannot all hear other groups; score a list of more groups"
        )
    owner[clips] = clips[_derangement(index.astype(np.int64), np.random.default_rng(seed))]
    return owner


def derange_within_classes(
    group: Sequence[str],
    label: Sequence[int],
    among: Bool[np.ndarray, " n"],
    seed: int,
) -> Int64[np.ndarray, " n"]:
    """Give each clip the audio of its class from another group.

    The audio of a class is permuted; where a group has more than half of a class, every clip
    hears a random clip instead. A clip keeps its own if its class has no other group with audio.

    Args:
        group: Group of every clip.
        label: Class of every clip.
        among: Clips that exchange their audio.
        seed: Seed of the choice.
    """
    owner = np.arange(len(group), dtype=np.int64)
    names, labels = np.asarray(group, dtype=np.str_), np.asarray(label)
    for one in np.unique(labels[among]):
        clips = np.flatnonzero(among & (labels == one))
        _, index = np.unique(names[clips], return_inverse=True)
        sizes, draw = np.bincount(index), np.random.default_rng([seed, int(one)])
        if 2 * int(sizes.max()) <= len(clips):
            owner[clips] = clips[_derangement(index.astype(np.int64), draw)]
        elif len(sizes) > 1:
            for clip, own in zip(clips, index, strict=True):
                owner[clip] = draw.choice(clips[index != own])
    return owner


def draw_donors(entries: Sequence[ClipEntry], seed: int) -> Int64[np.ndarray, " n"]:
    """Draw a clip with audio from another group for each clip without; others keep their own.

    Args:
        entries: Clips; donors are among them.
        seed: Seed of the draws.

    Raises:
        UsageError: No clip of another group has audio.
    """
    pool = DonorPool(entries)
    if not pool.clips:
        raise UsageError(
            f"donor: no clip of the list has audio (got 0 of {len(entries)}): score a set with "
            "audio"
        )
    if lacking := pool.without_donor(entries):
        raise UsageError(
            f"donor: all clips with audio are of the group of {lacking[0].id} (group "
            f"{lacking[0].group}): score a list of more groups"
        )
    index = {entry.id: at for at, entry in enumerate(entries)}
    donors = (entry if entry.has_audio else pool.choose(entry, seed) for entry in entries)
    return np.fromiter((index[donor.id] for donor in donors), np.int64, len(entries))


def _derangement(
    group: Int64[np.ndarray, " k"], draw: np.random.Generator
) -> Int64[np.ndarray, " k"]:
    """Return a random permutation that leaves no position in its group; the largest has k / 2.

    Clips in order of shuffled groups, rotated by the size of the largest, are such a permutation.
    Random exchanges that keep the condition then remove the order.
    """
    count = len(group)
    order = np.lexsort((draw.permutation(count), draw.permutation(int(group.max()) + 1)[group]))
    owner = np.empty(count, dtype=np.int64)
    owner[order] = np.roll(order, int(np.bincount(group).max()))
    for _ in range(_MIXING_ROUNDS):
        shuffled = draw.permutation(count)
        one, two = shuffled[: count // 2], shuffled[count // 2 : 2 * (count // 2)]
        allowed = (group[owner[two]] != group[one]) & (group[owner[one]] != group[two])
        allowed &= draw.random(len(one)) < 0.5
        one, two = one[allowed], two[allowed]
        owner[one], owner[two] = owner[two], owner[one]
    return owner
