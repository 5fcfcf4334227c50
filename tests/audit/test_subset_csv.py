"""Some clips of a set as a table that `avme prep csv` reads back to the same clips."""

import shlex
from pathlib import Path

import pytest

from avme.audit.subset_csv import finetune_command, subset_command, subset_table
from avme.config.prep import PrepConfig
from avme.shards.record import ClipRecord
from avme.sources.csv_file import read_csv_clips


def record(clip_id: str, group: str = "g") -> ClipRecord:
    return ClipRecord(id=clip_id, class_name='a "b", c', label=0, group=group, num_bytes=1)


@pytest.mark.parametrize("clip_id", ["a/v.mp4", "a/v.mp4#5-7.25", 'v #2,"x".mp4#0-', "a#1-2.mp4"])
def test_subset_table_names_clips_that_are_found_again(clip_id: str, tmp_path: Path) -> None:
    for name in ("a/v.mp4", 'v #2,"x".mp4', "a#1-2.mp4"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    table = tmp_path / "some.csv"

    table.write_text(subset_table([record(clip_id)], {"train": [clip_id]}, [clip_id]))

    listing = read_csv_clips(table, tmp_path)
    assert list(listing.clips.ids) == [clip_id]
    assert listing.clips.class_names == ('a "b", c',)
    assert listing.clips.group(0) == "g"
    assert listing.clips.subset(0) == "train"


def test_subset_table_holds_only_kept_and_listed_clips() -> None:
    records = [record(name) for name in ("a", "b", "c", "d")]

    text = subset_table(records, {"train": ["a", "b"], "test": ["c"]}, {"b", "c", "d"})

    assert [line.split(",")[0] for line in text.splitlines()] == ["path", "b", "c"]


def test_subset_command_keeps_settings_and_root() -> None:
    identity = {"layout": "hmdb51", "source": "/my videos", "settings.short_side": 256}
    plan = {
        "identity": identity,
        "call": {"splits": "/lists", **PrepConfig().limits()},
        "clips": [],
    }

    words = shlex.split(subset_command(plan, Path("audit/some.csv"), Path("data/new")))

    beginning = ["avme", "prep", "csv", "audit/some.csv", "--out", "data/new", "--root"]
    assert words == [*beginning, "/my videos", "--set", "short_side=256"]


def test_subset_table_of_a_table_keeps_its_root() -> None:
    identity = {"layout": "csv", "source": "/lists/all.csv"}
    plan = {"identity": identity, "call": {"root": None, **PrepConfig().limits()}, "clips": []}

    assert "--root /lists" in subset_command(plan, Path("some.csv"), Path("data/new"))
    plan["call"] = {"root": "/videos", **PrepConfig().limits()}
    assert "--root /videos" in subset_command(plan, Path("some.csv"), Path("data/new"))


def test_fine_tuning_names_a_split_that_is_not_the_default_and_a_run_of_its_own() -> None:
    first = shlex.split(finetune_command(Path("data/my pets"), "1", ["--modality", "v"]))
    second = shlex.split(finetune_command(Path("data/my pets"), "2", [], "dropout-0.5"))

    assert first == ["avme", "finetune", "--data", "data/my pets", "--modality", "v"]
    assert second[4:] == ["--split", "2", "--out", "runs/finetune-my pets-av-dropout-0.5"]
