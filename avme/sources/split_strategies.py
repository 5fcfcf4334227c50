"""Derivation of splits: by UCF-101's group numbers, named subsets, or a random draw of groups.

A derived split never divides a group, which would test scenes that were trained on. Each function
appends its notes to `warnings`.
"""

from collections import Counter
from collections.abc import Iterable
from hashlib import blake2b, sha256
from typing import Protocol, TypeVar, runtime_checkable

import numpy as np
from jaxtyping import Bool, Int64

from avme.config import FinetuneConfig
from avme.errors import UsageError
from avme.message_text import some_of
from avme.sources.clip_table import ClipTable, Subset
from avme.sources.groups import GroupIndex, choose_groups
from avme.sources.splits import MOST_NAMED, Split, split_at, warn_of_shared_groups

_TEST_GROUPS = {"1": range(1, 8), "2": range(8, 15), "3": range(15, 22)}
_LARGE_FRACTION = 0.5
"""More than half a clip for any class with two clips."""


@runtime_checkable
class Grouped(Protocol):
    """Properties of a clip that holding out needs."""

    @property
    def id(self) -> str:
        """Clip id."""

    @property
    def class_name(self) -> str:
        """Class name."""

    @property
    def group(self) -> str:
        """Group, which is never divided between lists."""


Clip = TypeVar("Clip", bound=Grouped)


def splits_by_group_number(clips: ClipTable, warnings: list[str]) -> tuple[Split, ...]:
    """Return UCF-101's three splits as defined by its group numbers."""
    splits = []
    for name, numbers in _TEST_GROUPS.items():
        groups = {f"g{number:02d}" for number in numbers}
        tested = (group.rpartition("/")[2] in groups for group in clips.groups)
        split = _split_by(name, clips, _where(tested))
        if len(split.train) and len(split.test):
            splits.append(split)
    if not splits:
        raise UsageError(
            "no split follows from the group numbers (test: g01-07, g08-14 or g15-21, train: the "
            "others): give a folder of lists with --splits"
        )
    names = ", ".join(split.name for split in splits)
    warnings.append(f"no split lists found: the group numbers give split {names}")
    return tuple(splits)


def splits_by_subset(clips: ClipTable, warnings: list[str]) -> tuple[Split, ...]:
    """Return the split of folders or a list that name subsets.

    `val` is tested if nothing else is, else left out. Raises UsageError if train or test are empty.
    """
    tested: Subset = "test" if len(clips.indices_of("test")) else "val"
    split = split_at("1", clips, clips.indices_of("train"), clips.indices_of(tested))
    if not len(split.train) or not len(split.test):
        named = Counter(clips.subset(index) for index in range(len(clips)))
        found = ", ".join(f"{count} {part}" for part, count in sorted(named.items(), key=str))
        raise UsageError(f"found {found} clips on the disk, expected some train and some test")
    num_val = len(clips.indices_of("val"))
    if tested == "val":
        warnings.append(f"split 1: there are no test clips, {num_val} val clips are tested")
    elif num_val:
        warnings.append(f"split 1: {num_val} val clips neither train nor test")
    warnings.extend(warn_of_shared_groups(split, GroupIndex(clips)))
    return (split,)


def random_splits(
    clips: ClipTable, fraction: float, seed: int, warnings: list[str]
) -> tuple[Split, ...]:
    """Return a random split by group, with about `fraction` of every class in test.

    Args:
        clips: Table of clips.
        fraction: Fraction of test clips.
        seed: Seed.
        warnings: Receives a note on the draw.
    """
    order = _draw_order((clips.group(index) for index in range(len(clips))), len(clips), seed)
    held = choose_groups(order, clips.labels.astype(np.int64), fraction)
    if not held.any():
        if choose_groups(order, clips.labels.astype(np.int64), _LARGE_FRACTION).any():
            raise UsageError(
                f"test_fraction {fraction:g} is no more than half a clip, or less than half a "
                "group, of every class that has two groups: draw more with --set "
                f"test_fraction={_LARGE_FRACTION}, or add clips"
            )
        raise UsageError(
            "no clip can be tested without a class losing its last train clip: add clips, or make "
            "folders train/<class> and test/<class>"
        )
    warnings.append(
        f"no split given: {held.sum()} of {len(clips)} clips were drawn for test by whole groups "
        f"(test_fraction {fraction:g}, seed {seed})"
    )
    tested = {clips.class_names[label] for label in np.unique(clips.labels[held])}
    if untested := sorted(set(clips.class_names) - tested):
        warnings.append(f"classes without a test clip: {', '.join(untested)}")
    return (_split_by("1", clips, held),)


def hold_out(
    clips: Iterable[Clip], fraction: float, seed: int
) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    """Hold out about `fraction` of every class by group: (train, held out), sorted by id.

    The selection depends on `seed` and the group names alone. Every class has a clip left, and at
    most twice `fraction` of it is held out; a class may therefore give none.

    Args:
        clips: Clips with class and group.
        fraction: Fraction to hold out.
        seed: Seed.
    """
    found = sorted(clips, key=lambda clip: clip.id)
    classes = {name: label for label, name in enumerate(sorted({c.class_name for c in found}))}
    labels = np.fromiter((classes[clip.class_name] for clip in found), np.int64, len(found))
    held = choose_groups(_draw_order((c.group for c in found), len(found), seed), labels, fraction)
    return (
        tuple(clip for clip, is_held in zip(found, held, strict=True) if not is_held),
        tuple(clip for clip, is_held in zip(found, held, strict=True) if is_held),
    )


def draw_per_class(clips: Iterable[Clip], fraction: float) -> tuple[Clip, ...]:
    """Draw about `fraction` of every class, and at least one clip, in the order of `clips`.

    A class gives those of its clips whose hashed ids come first, so that the draw of a smaller
    fraction is part of that of a larger one.

    Args:
        clips: Clips with id and class.
        fraction: Fraction to draw, above 0.
    """
    found = tuple(clips)
    counts = Counter(clip.class_name for clip in found)
    due = {name: max(1, int(fraction * count + 0.5)) for name, count in counts.items()}
    drawn: set[str] = set()
    for clip in sorted(found, key=lambda clip: (_label_lot(clip.id), clip.id)):
        if due[clip.class_name]:
            due[clip.class_name] -= 1
            drawn.add(clip.id)
    return tuple(clip for clip in found if clip.id in drawn)


def divide_train_list(
    clips: Iterable[Clip], config: FinetuneConfig
) -> tuple[tuple[Clip, ...], tuple[Clip, ...], tuple[Clip, ...]]:
    """Divide the train list of a fine-tuning: (train, held out, unused), sorted by id.

    `label_fraction` applies to what `val_fraction` leaves, so that the held-out groups are the same
    at every fraction.
    """
    kept, held = hold_out(clips, config.val_fraction, config.train.seed)
    drawn = draw_per_class(kept, config.label_fraction)
    ids = {clip.id for clip in drawn}
    return drawn, held, tuple(clip for clip in kept if clip.id not in ids)


def warn_of_unheld_classes(
    kept: Iterable[Clip], held: Iterable[Clip], fraction: float
) -> tuple[str, ...]:
    """Return a warning on classes without held-out clips although more than half a clip is due.

    Args:
        kept: Remaining clips.
        held: Held-out clips.
        fraction: Fraction to hold out.
    """
    counts = Counter(clip.class_name for clip in kept)
    given = {clip.class_name for clip in held}
    names = sorted(
        name for name, count in counts.items() if name not in given and fraction * count > 0.5
    )
    if not names:
        return ()
    some = some_of(names, MOST_NAMED)
    count = f"{len(names)} class{'es' if len(names) > 1 else ''}"
    size = "all" if 2 * fraction >= 1 else f"more than {2 * fraction:.0%}"
    return (
        f"warning: no clip of {count} is held out, as each of their groups is {size} of its class: "
        f"{some}",
    )


def _draw_order(groups: Iterable[str], count: int, seed: int) -> Int64[np.ndarray, " n"]:
    """Return the number of each clip's group, in an order given by `seed` and the names alone."""
    lots = np.fromiter((_lot(group, seed) for group in groups), "S32", count)
    return np.unique(lots, return_inverse=True)[1].astype(np.int64)


def _split_by(name: str, clips: ClipTable, is_tested: Bool[np.ndarray, " n"]) -> Split:
    return split_at(name, clips, np.flatnonzero(~is_tested), np.flatnonzero(is_tested))


def _where(claims: Iterable[bool]) -> Bool[np.ndarray, " n"]:
    return np.fromiter(claims, np.bool_)


def _label_lot(clip_id: str) -> bytes:
    return blake2b(clip_id.encode(), key=b"label_fraction", digest_size=16).digest()


def _lot(group: str, seed: int) -> bytes:
    return sha256(f"{seed}/{group}".encode()).digest()
