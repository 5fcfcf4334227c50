"""Partition of the shards, for array jobs that prepare one dataset together."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from avme.errors import UsageError

_Item = TypeVar("_Item")


@dataclass(frozen=True, slots=True)
class Partition:
    """Partition number `index` of `count`, counted from 1."""

    index: int
    count: int

    def __str__(self) -> str:
        return f"{self.index}/{self.count}"

    def select(self, items: Sequence[_Item]) -> list[_Item]:
        """Return every `count`-th item, so that partitions have equal sizes."""
        return list(items[self.index - 1 :: self.count])


def parse_partition(text: str) -> Partition:
    """Parse `2/8` to the second of eight partitions; raises UsageError otherwise."""
    found = re.fullmatch(r"(\d{1,9})/(\d{1,9})", text)
    share = Partition(int(found[1]), int(found[2])) if found else Partition(0, 0)
    if not 1 <= share.index <= share.count:
        raise UsageError(f"--part: found {text!r}, expected i/N with i from 1 to N, as in 2/8")
    return share
