"""Rows, subsets and counts that follow from clips and lists."""

import csv
import io

import numpy as np

from avme.shards.contents import StoredClip
from avme.shards.csv_tables import PublishStats, clip_id_of, merge_by_id, write_rows
from avme.shards.record import ClipRecord


def good(clip_id: str, audio: str = "audible") -> StoredClip:
    record = ClipRecord(clip_id, "A", 0, "g01", num_bytes=1, frames=3, audio=audio)
    num_rows = 2 if audio == "audible" else 0
    return StoredClip(record, "shard-00000.h5", 0, num_rows, np.full(2, 4.0), np.full(2, 8.0))


def bad(clip_id: str) -> ClipRecord:
    return ClipRecord(clip_id, "A", 0, "g01", num_bytes=1, reason="empty", message="no, nothing")


def written(
    clips: list[StoredClip | ClipRecord], train: list[str], test: list[str]
) -> tuple[PublishStats, list[dict[str, str]], list[dict[str, str]]]:
    index, quarantine = io.StringIO(), io.StringIO()
    tally = write_rows(clips, {"1": (train, test)}, index=index, quarantine=quarantine)
    rows = [list(csv.DictReader(io.StringIO(table.getvalue()))) for table in (index, quarantine)]
    return tally, rows[0], rows[1]


def test_write_rows_good_and_bad_clips_go_to_their_tables() -> None:
    clips: list[StoredClip | ClipRecord] = [good("a"), bad("b"), good("c", "silent")]

    tally, index, quarantine = written(clips, ["c"], ["a"])

    assert [(row["id"], row["split1"], row["row"]) for row in index] == [
        ("a", "test", "0"),
        ("c", "train", "0"),
    ]
    assert quarantine == [{"id": "b", "reason": "empty", "message": "no, nothing"}]
    assert tally.counts() == {
        "clips": 2,
        "frames": 6,
        "audible": 1,
        "silent": 1,
        "none": 0,
        "quarantined": 1,
    }
    assert [record.id for record in tally.named] == ["b"]


def test_write_rows_listed_ids_without_a_good_clip_are_not_counted() -> None:
    tally, index, _ = written([bad("b"), good("c")], ["a", "b", "c", "c"], [])

    assert tally.listed == {("1", "train"): 1}
    assert [row["split1"] for row in index] == ["train"]


def test_write_rows_statistics_are_those_of_the_train_list() -> None:
    tally, _, _ = written([good("a"), good("b"), good("c", "none")], ["a", "c"], ["b"])

    assert tally.statistics()["1"] == {
        "mfcc_rows": 2,
        "mfcc_mean": [2.0, 2.0],
        "mfcc_deviation": [1.0, 1.0],
    }


def test_merge_by_id_good_and_bad_clips_of_several_shards_are_sorted() -> None:
    merged = merge_by_id([[good("a"), bad("d")], [bad("b"), good("c")]])

    assert [clip_id_of(clip) for clip in merged] == ["a", "b", "c", "d"]
