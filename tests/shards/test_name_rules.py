"""Names of a stranger's set stay names: they lead nowhere, and nothing obeys them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avme.io.atomic import read_json, write_json
from avme.shards.name_rules import (
    require_clip_id,
    require_label,
    require_plain_name,
    require_shard_name,
    shard_name,
    shard_number,
)
from avme.shards.rebuild_command import require_plan

Check = Callable[[Any], str]

ARABIC_ZERO = chr(0x660)
REFUSED: list[tuple[Check, list[Any]]] = [
    (
        require_shard_name,
        [
            "../shard-00000.h5",
            "shard-00000.h5\n",
            "shard--1.h5",
            f"shard-{ARABIC_ZERO * 5}.h5",
            "a.h5",
            "",
            1,
        ],
    ),
    (require_plain_name, ["", ".", "..", "a/b", "a\\b", "a\nb", "a\x1b", "\u202e", "x" * 300, 1]),
    (require_label, ["a\nb", "\x1b[2J", "\udcff", "a\u2028", None, ["a"]]),
    (require_clip_id, ["", "/etc/x", "..", "../x", "a/../../x", "a/..", "a\nb", "\x1b", 7]),
]
TAKEN: list[tuple[Check, list[str]]] = [
    (require_shard_name, ["shard-00000.h5", "shard-123456.h5"]),
    (require_plain_name, ["ucf101", "1", "my set", "射箭", "...", "-x", "a..b"]),
    (require_label, ["", "Apply Eye/Makeup", "射箭", "$x$", "[red]", "=1+1", "👩‍🔬"]),
    (require_clip_id, ["a.avi", "a/b c.avi", "..a/b..", "a/...", "talks/a.mp4#5-7.25", "-i.avi"]),
]


@pytest.mark.parametrize(("check", "name"), [(c, name) for c, names in REFUSED for name in names])
def test_require_plain_name_of_path_or_formula_is_refused(check: Check, name: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        check(name)


@pytest.mark.parametrize(("check", "name"), [(c, name) for c, names in TAKEN for name in names])
def test_name_written_by_prep_passes_its_check(check: Check, name: str) -> None:
    assert check(name) == name


@pytest.mark.parametrize("number", [0, 99_999, 100_000])
def test_shards_are_numbered(number: int) -> None:
    assert shard_number(shard_name(number)) == number


def plan(**changes: Any) -> dict[str, Any]:
    identity = {"schema": 4, "source": "/videos", "layout": "folder", "settings.seed": 0}
    identity |= {k: v for k, v in changes.items() if k in ("source", "layout")}
    call: dict[str, Any] = {"splits": None, "root": None, "annotations": [], "max_failed": 0.1}
    call |= {k: v for k, v in changes.items() if k in call}
    return {
        "identity": identity | changes.get("identity", {}),
        "call": call,
        "shards": changes.get("shards", {"shard-00000.h5": []}),
        "clips": changes.get("clips", {"a/b.avi": []}),
    }


def test_plan_written_by_prep_passes() -> None:
    require_plan(plan())
    require_plan(plan(source="/my videos\nand more", splits="/lists", annotations=["/a.csv"]))


@pytest.mark.parametrize(
    "changes",
    [
        {"layout": "--slurm"},
        {"source": "-x"},
        {"source": ["a"]},
        {"splits": "lists"},
        {"annotations": ["/a.csv", "--slurm"]},
        {"max_failed": ["0.1"]},
        {"identity": {"settings.a b": 1}},
        {"identity": {"settings.seed": {"a": 1}}},
        {"shards": {"../../x": []}},
        {"clips": {"../x": []}},
    ],
)
def test_plan_with_names_that_form_a_command_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="found"):
        require_plan(plan(**changes))


def test_json_is_readable_and_moves_no_terminal(tmp_path: Path) -> None:
    content = {"name": "射箭 \u202e \x9b", "list": ["\x7f"]}

    write_json(tmp_path / "a.json", content | {"path": "x\udcff"})

    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert "射箭" in text
    assert text.replace("\n", "").isprintable()
    assert read_json(tmp_path / "a.json") == content | {"path": "x\\udcff"}
