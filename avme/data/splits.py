"""Which clips train and which test, where no list says so: derived so that groups stay whole.

A split across a group would ask for scenes that were trained on, and is refused here; lists and
folders that people give are the field's yardstick, and are only warned about.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Protocol, TypeVar, runtime_checkable

from avme.data.discover import Part, SourceClip
from avme.errors import UsageError

_TEST_GROUPS = {"1": range(1, 8), "2": range(8, 15), "3": range(15, 22)}


@runtime_checkable
class Grouped(Protocol):
    """What a split must know of a clip."""

    @property
    def id(self) -> str:
        """Names the clip."""

    @property
    def class_name(self) -> str:
        """What it shows."""

    @property
    def group(self) -> str:
        """Clips of one group never stand on both sides."""


Clip = TypeVar("Clip", bound=Grouped)


@dataclass(frozen=True, slots=True)
class Split:
    """Two lists of clip ids, both sorted."""

    name: str
    train: tuple[str, ...]
    test: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Splits:
    """All splits of a set, and what people should be told about them."""

    splits: tuple[Split, ...]
    remarks: tuple[str, ...]


def split_between(name: str, clips: Iterable[Grouped], tested: set[str]) -> Split:
    """The clips whose ids are in `tested`, and all others."""
    ids = sorted(clip.id for clip in clips)
    return Split(
        name=name,
        train=tuple(i for i in ids if i not in tested),
        test=tuple(i for i in ids if i in tested),
    )


def splits_by_group_number(clips: Sequence[SourceClip]) -> Splits:
    """UCF-101's three splits as its group numbers define them."""
    splits = []
    for name, numbers in _TEST_GROUPS.items():
        groups = {f"g{number:02d}" for number in numbers}
        split = split_between(name, clips, {clip.id for clip in clips if clip.group in groups})
        if split.train and split.test:
            splits.append(split)
    if not splits:
        raise UsageError(
            "no split follows from the group numbers (test: g01-07, g08-14 or g15-21, train: the "
            "others): give a folder of lists with --splits"
        )
    names = ", ".join(split.name for split in splits)
    return Splits(tuple(splits), (f"no split lists found: the group numbers give split {names}",))


def splits_by_folder(clips: Sequence[SourceClip]) -> Splits:
    """One split from folders called train and test; `val` joins train, which is carved anew."""
    split = split_between("1", clips, {clip.id for clip in clips if clip.part == "test"})
    return Splits((split,), warn_of_shared_groups(split, clips))


def splits_by_part(clips: Sequence[SourceClip]) -> Splits:
    """One split from a list that names sides; `val` is tested if nothing else is, else left out.

    Raises UsageError where nothing trains or nothing is tested.
    """
    named = Counter(clip.part for clip in clips)
    tested: Part = "test" if named["test"] else "val"
    if not named["train"] or not named[tested]:
        found = ", ".join(f"{count} {part}" for part, count in sorted(named.items(), key=str))
        raise UsageError(f"found {found} clips on the disk, expected some train and some test")
    split = Split(
        name="1",
        train=_by_part(clips, "train"),
        test=_by_part(clips, tested),
    )
    remarks = []
    if tested == "val":
        remarks.append(f"split 1: no test clips are listed, {named['val']} val clips are tested")
    elif named["val"]:
        remarks.append(f"split 1: {named['val']} val clips neither train nor test")
    return Splits((split,), (*remarks, *warn_of_shared_groups(split, clips, in_class=False)))


def splits_by_chance(clips: Sequence[SourceClip], fraction: float, seed: int) -> Splits:
    """One split that puts whole groups into test, about `fraction` of every class."""
    _, held = hold_out(clips, fraction, seed)
    if not held:
        raise UsageError(
            "no clip can be tested without a class losing its last train clip: add clips, or make "
            "folders train/<class> and test/<class>"
        )
    remarks = [
        f"no split given: {len(held)} of {len(clips)} clips were drawn for test by whole groups "
        f"(test_fraction {fraction:g}, seed {seed})"
    ]
    untested = {clip.class_name for clip in clips} - {clip.class_name for clip in held}
    if untested:
        remarks.append(f"classes without a test clip: {', '.join(sorted(untested))}")
    return Splits((split_between("1", clips, {clip.id for clip in held}),), tuple(remarks))


def hold_out(
    clips: Iterable[Clip], fraction: float, seed: int
) -> tuple[tuple[Clip, ...], tuple[Clip, ...]]:
    """Carves about `fraction` of every class out by whole groups: (kept, held out).

    Groups come in an order that depends on `seed` alone. One is taken if a class in it still has
    too few held-out clips and no class would lose its last kept one.
    """
    groups: defaultdict[str, list[Clip]] = defaultdict(list)
    for clip in clips:
        groups[clip.group].append(clip)
    kept = Counter(clip.class_name for members in groups.values() for clip in members)
    wanted = {name: fraction * count for name, count in kept.items()}
    held: Counter[str] = Counter()
    chosen: set[str] = set()
    for group in sorted(groups, key=lambda name: _lot(name, seed)):
        here = Counter(clip.class_name for clip in groups[group])
        needed = any(held[name] + 0.5 < wanted[name] for name in here)
        if needed and all(kept[name] > count for name, count in here.items()):
            chosen.add(group)
            held.update(here)
            kept.subtract(here)
    members = [clip for group in groups.values() for clip in group]
    return (
        _by_id(clip for clip in members if clip.group not in chosen),
        _by_id(clip for clip in members if clip.group in chosen),
    )


def warn_of_shared_groups(
    split: Split, clips: Iterable[Grouped], *, in_class: bool = True
) -> tuple[str, ...]:
    """A sentence if groups stand on both sides of a split that people gave.

    With `in_class`, groups of one name in two classes are two groups, as in UCF-101.
    """
    of = {clip.id: f"{clip.class_name}/{clip.group}" if in_class else clip.group for clip in clips}
    both = sorted({of[i] for i in split.train} & {of[i] for i in split.test})
    if not both:
        return ()
    some = ", ".join(both[:3]) + (", ..." if len(both) > 3 else "")
    return (
        f"warning: split {split.name} has {len(both)} groups in train and test ({some}): "
        "its accuracy will flatter",
    )


def list_sha256(ids: Iterable[str]) -> str:
    """Fingerprint of a list of ids, one a line."""
    digest = sha256()
    for clip_id in ids:
        digest.update(f"{clip_id}\n".encode())
    return digest.hexdigest()


def _by_part(clips: Iterable[SourceClip], part: Part) -> tuple[str, ...]:
    return tuple(sorted(clip.id for clip in clips if clip.part == part))


def _lot(group: str, seed: int) -> bytes:
    return sha256(f"{seed}/{group}".encode()).digest()


def _by_id(clips: Iterable[Clip]) -> tuple[Clip, ...]:
    return tuple(sorted(clips, key=lambda clip: clip.id))
