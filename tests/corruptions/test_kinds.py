"""Kinds and levels, and their table in the documents."""

import re
from pathlib import Path

import pytest

from avme.corruptions.kinds import KINDS, SEVERITIES, Kind

PAGE = Path(__file__).parents[2] / "docs" / "evaluation.md"


@pytest.mark.parametrize("kind", KINDS.values(), ids=list(KINDS))
def test_levels_of_a_kind_rise_or_fall_strictly(kind: Kind) -> None:
    steps = [b - a for a, b in zip(kind.levels, kind.levels[1:], strict=False)]

    assert len(kind.levels) == len(SEVERITIES)
    assert all(step > 0 for step in steps) or all(step < 0 for step in steps)


def test_table_of_the_page_is_that_of_the_code() -> None:
    text = PAGE.read_text(encoding="utf-8")
    row = re.compile(r"^\| `([a-z0-9-]+)` \| ([^|]+) \| ((?:[\d.]+ \| ){4}[\d.]+) \|$", re.M)

    told = {
        name: (quantity, [float(level) for level in levels.split(" | ")])
        for name, quantity, levels in row.findall(text)
    }

    assert told == {kind.name: (kind.quantity, list(kind.levels)) for kind in KINDS.values()}
