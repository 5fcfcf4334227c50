"""Groups of clips: comparison of two subsets, and selection of whole groups to hold out.

Groups may differ in size and contain several classes. The deviation of a selection is the sum over
classes of the distance, in clips, between the held-out number and `fraction` of the class.

Shape letters: n clips, g groups, l classes, p pairs of a group and a class in it.
"""

from dataclasses import dataclass, field
from hashlib import blake2b
from heapq import nsmallest
from typing import Final

import numpy as np
from jaxtyping import Bool, Float64, Int64
from numpy.typing import NDArray

from avme.sources.clip_table import ClipTable

_ROUNDING: Final = 1e-9
_MOST_NAMED: Final = 3
_LEAST_DUE: Final = 0.5
"""A class with no more clips due than this need not give any."""


def choose_groups(
    group: Int64[np.ndarray, " n"], label: Int64[np.ndarray, " n"], fraction: float
) -> Bool[np.ndarray, " n"]:
    """Return a mask of the held-out clips.

    Groups are considered in the order of their numbers. First groups that bring no class above its
    share are selected, then those that lower the deviation. A class without any held-out clip then
    gives its best group, if more than half a clip is due. No group is selected that brings a class
    above twice its share or takes its last clip.

    Args:
        group: Group number of every clip.
        label: Class index of every clip.
        fraction: Fraction to hold out.
    """
    if not len(group):
        return np.zeros(0, dtype=np.bool_)
    choice = _Choice(_Pairs(group, label), fraction * np.bincount(label).astype(np.float64))
    choice.fill()
    while choice.approach():
        pass
    choice.cover()
    held: Bool[np.ndarray, " n"] = choice.is_held[group]
    return held


class _Pairs:
    """Clips per group and class, sorted by group and then by class."""

    def __init__(self, group: Int64[np.ndarray, " n"], label: Int64[np.ndarray, " n"]) -> None:
        width = int(label.max()) + 1
        keys, count = np.unique(group * width + label, return_counts=True)
        self.group, self.label = np.divmod(keys, width)
        self.count = count.astype(np.float64)
        self.begins = np.searchsorted(self.group, np.arange(int(group.max()) + 1))
        self.ends = np.append(self.begins[1:], len(keys))
        self.total = np.bincount(label).astype(np.float64)

    def of(self, group: int) -> tuple[Int64[np.ndarray, " p"], Float64[np.ndarray, " p"]]:
        """Return the classes of one group, and its clips of each."""
        here = slice(int(self.begins[group]), int(self.ends[group]))
        return self.label[here], self.count[here]


@dataclass(slots=True)
class _Choice:
    """Current selection."""

    pairs: _Pairs
    due: Float64[np.ndarray, " l"]
    held: Float64[np.ndarray, " l"] = field(init=False)
    most: Float64[np.ndarray, " l"] = field(init=False)
    is_held: Bool[np.ndarray, " g"] = field(init=False)

    def __post_init__(self) -> None:
        self.held = np.zeros_like(self.due)
        self.most = np.minimum(2 * self.due, self.pairs.total - 1) + _ROUNDING
        self.is_held = np.zeros(len(self.pairs.begins), dtype=np.bool_)

    def fill(self) -> None:
        """Select, in order, all groups that bring no class above its share."""
        share = np.minimum(self.due + _ROUNDING, self.most)
        for group in range(len(self.is_held)):
            label, count = self.pairs.of(group)
            if (self.held[label] + count <= share[label]).all():
                self._take(group)

    def approach(self) -> bool:
        """Select the best group of each class that lowers the deviation; False without any."""
        gain = self._gains()
        taken = False
        for group in self._best(gain, gain > _ROUNDING, np.ones_like(self.due, dtype=np.bool_)):
            if self._gain(group) > _ROUNDING:
                self._take(group)
                taken = True
        return taken

    def cover(self) -> None:
        """Select the best group of each class that gives none but should."""
        lacking = (self.held == 0) & (self.due > _LEAST_DUE)
        gain = self._gains()
        for group in self._best(gain, np.isfinite(gain), lacking):
            label, _ = self.pairs.of(group)
            if (lacking[label] & (self.held[label] == 0)).any() and np.isfinite(self._gain(group)):
                self._take(group)

    def _take(self, group: int) -> None:
        label, count = self.pairs.of(group)
        self.held[label] += count
        self.is_held[group] = True

    def _gain(self, group: int) -> float:
        """Return the decrease of the deviation by a group; minus infinity if it is too large."""
        label, count = self.pairs.of(group)
        held, due = self.held[label], self.due[label]
        if (held + count > self.most[label]).any():
            return -np.inf
        return float((np.abs(held - due) - np.abs(held + count - due)).sum())

    def _gains(self) -> Float64[np.ndarray, " g"]:
        """Return `_gain` of all groups; minus infinity for selected ones."""
        label, count = self.pairs.label, self.pairs.count
        held, due = self.held[label], self.due[label]
        gain = np.abs(held - due) - np.abs(held + count - due)
        gain[held + count > self.most[label]] = -np.inf
        gains = np.add.reduceat(gain, self.pairs.begins)
        gains[self.is_held] = -np.inf
        return gains

    def _best(
        self,
        gain: Float64[np.ndarray, " g"],
        is_candidate: Bool[np.ndarray, " g"],
        wanted: Bool[np.ndarray, " l"],
    ) -> list[int]:
        """Return the candidate with the largest gain, the first of equal ones, in every wanted
        class."""
        pairs = self.pairs
        usable = np.flatnonzero(is_candidate[pairs.group] & wanted[pairs.label])
        group, label = pairs.group[usable], pairs.label[usable]
        order = np.lexsort((group, -np.round(gain[group], 6), label))
        first = np.unique(label[order], return_index=True)[1]
        return sorted({int(number) for number in group[order][first]})


class GroupIndex:
    """Group number of every clip: 8 bytes per clip."""

    def __init__(self, clips: ClipTable) -> None:
        self._clips = clips
        names = (clips.group(index).encode() for index in range(len(clips)))
        digests = (blake2b(name, digest_size=16).digest() for name in names)
        distinct = np.unique(np.fromiter(digests, "S16", len(clips)), return_inverse=True)
        self._numbers = distinct[1]

    def shared(
        self, train: NDArray[np.integer], test: NDArray[np.integer]
    ) -> tuple[int, list[str]]:
        """Return the number of groups in both sets of indices, and the first names of them."""
        numbers, first = np.unique(self._numbers[train], return_index=True)
        both = first[np.isin(numbers, self._numbers[test])]
        names = (self._clips.group(int(index)) for index in train[both])
        return len(both), nsmallest(_MOST_NAMED, names)
