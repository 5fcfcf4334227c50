"""`plan.json`, entry by entry, says what the json module says of it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avme.io.atomic import write_json
from avme.prep.plan_file import read_entries, write_plan

_VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
_HEADS = st.fixed_dictionaries(
    {
        "identity": st.dictionaries(st.text(), _VALUES | st.lists(_VALUES)),
        "ffmpeg": st.text(),
        "call": st.dictionaries(st.text(), st.lists(st.text()) | st.none()),
    }
)
_SHARDS = st.dictionaries(st.text(), st.lists(st.text(), min_size=1))
_CLIPS = st.dictionaries(st.text(), st.lists(_VALUES, min_size=1))


def plan_in(path: Path) -> dict[str, Any]:
    plan: dict[str, Any] = {}
    for section, name, value in read_entries(path):
        if name is not None:
            plan.setdefault(section, {})[name] = value
        elif section in ("shards", "clips"):
            plan.setdefault(section, {})
        else:
            plan[section] = value
    return plan


@pytest.mark.slow
@settings(max_examples=60, deadline=None)
@given(head=_HEADS, shards=_SHARDS, clips=_CLIPS, indent=st.sampled_from([None, 1, 2]))
def test_write_plan_equals_json_and_is_read_back(
    tmp_path_factory: pytest.TempPathFactory,
    head: dict[str, Any],
    shards: dict[str, list[str]],
    clips: dict[str, list[Any]],
    indent: int | None,
) -> None:
    folder = tmp_path_factory.mktemp("plan")
    plan = {**head, "shards": shards, "clips": clips}
    write_json(folder / "whole.json", plan)
    (folder / "other.json").write_text(json.dumps(plan, indent=indent, sort_keys=True), "utf-8")

    write_plan(folder / "plan.json", head, shards.items(), clips.items())

    assert (folder / "plan.json").read_bytes() == (folder / "whole.json").read_bytes()
    assert plan_in(folder / "plan.json") == plan
    assert plan_in(folder / "other.json") == plan


@pytest.mark.slow
def test_values_longer_than_a_piece_are_read(tmp_path: Path) -> None:
    plan = {"shards": {"a": ["x" * 70, "é"] * 4000}, "clips": {str(n): [n] for n in range(20_000)}}
    (tmp_path / "plan.json").write_text(json.dumps(plan, ensure_ascii=False), "utf-8")

    assert plan_in(tmp_path / "plan.json") == plan


@pytest.mark.parametrize(
    "damage",
    [
        "",
        "[]",
        "{",
        '{"shards": {"a": [}',
        '{"a" 1}',
        '{"a": 1',
        '{"a": 1} x',
        "{1: 2}",
        '{"a": 1 "b"}',
    ],
)
def test_read_entries_of_other_file_is_refused(tmp_path: Path, damage: str) -> None:
    (tmp_path / "plan.json").write_text(damage)

    with pytest.raises(ValueError, match=r"."):
        plan_in(tmp_path / "plan.json")
