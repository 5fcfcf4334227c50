"""What an earlier plan says holds for the clips that are there now, or they are made anew."""

from pathlib import Path

import pytest

from avme.config.prep import PrepConfig
from avme.errors import ArtifactError
from avme.io.atomic import read_json, write_json
from avme.prep.plan import Plan, make_plan
from avme.prep.request import Request, find_recipe
from avme.progress import NullReporter
from avme.sources.clip_table import ClipTable, SourceClip, build_clip_table
from avme.sources.splits import SourceResult

IDS = ("test/cat/1.mp4", "test/dog/2.mp4", "train/cat/3.mp4", "train/dog/4.mp4")


def clips_of(*, depth: int) -> ClipTable:
    """The same files, with classes told by the folders at a depth."""
    return build_clip_table(
        SourceClip(
            id=name,
            path=Path(name),
            class_name=name.split("/")[depth],
            group=name,
            subset=None,
            num_bytes=1,
            mtime_ns=1,
        )
        for name in IDS
    )


def planned(clips: ClipTable, folder: Path) -> Plan:
    config = PrepConfig(shard_clips=1)
    request = Request("folder", folder, out=folder.parent, name=folder.name, config=config)
    return make_plan(request, SourceResult(clips, ()), find_recipe(config), NullReporter())


def test_plan_diff_with_label_of_another_class_marks_the_clip_changed(tmp_path: Path) -> None:
    planned(clips_of(depth=0), tmp_path).write()

    same = planned(clips_of(depth=0), tmp_path)
    other = planned(clips_of(depth=1), tmp_path)

    assert same.changes.total == 0
    assert other.changes.changed == len(IDS)
    assert len(other.stale) == len(IDS)


@pytest.mark.parametrize(
    ("section", "value"),
    [
        ("identity", None),
        ("identity", "here"),
        ("identity", {"schema": 4}),
        ("identity", {"schema": 4, "source": ["here"]}),
        ("call", None),
        ("call", []),
        ("call", {"max_failed": 0.1}),
        ("ffmpeg", None),
        ("ffmpeg", 9),
        ("classes", None),
        ("classes", {"A": 0}),
        ("classes", [3]),
    ],
)
def test_plan_with_section_of_another_type_is_damaged(
    tmp_path: Path, section: str, value: object
) -> None:
    planned(clips_of(depth=0), tmp_path).write()
    facts = read_json(tmp_path / "plan.json")
    write_json(tmp_path / "plan.json", {**facts, section: value})

    with pytest.raises(ArtifactError, match=r"plan\.json is damaged"):
        planned(clips_of(depth=0), tmp_path)


def test_plan_of_another_schema_is_refused_with_both_versions(tmp_path: Path) -> None:
    planned(clips_of(depth=0), tmp_path).write()
    facts = read_json(tmp_path / "plan.json")
    write_json(tmp_path / "plan.json", facts | {"identity": facts["identity"] | {"schema": 1}})

    with pytest.raises(ArtifactError, match=r"plan\.json: .* \(got schema 1, expected 4\)"):
        planned(clips_of(depth=0), tmp_path)
