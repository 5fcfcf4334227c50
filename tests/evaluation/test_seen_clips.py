"""Clips that a checkpoint was trained on are found by id and by content."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avme.errors import ArtifactError, MismatchError
from avme.evaluation.seen_clips import require_unseen, without_content
from avme.progress import NullReporter
from avme.shards.content_hashes import TRAIN_CONTENT, pack_hashes, read_hashes
from avme.shards.dataset import PreparedDataset


class Listening(NullReporter):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def facts(finished: PreparedDataset) -> dict[str, Any]:
    """Metadata of a checkpoint that was trained on split 1 of the dataset."""
    return {
        "dataset": finished.name,
        "fingerprint": finished.fingerprint,
        "split": "1",
        "train_list_sha256": finished.list_sha256("1", "train"),
    }


def test_require_unseen_accepts_own_test_list_and_other_datasets(
    facts: dict[str, Any], finished: PreparedDataset
) -> None:
    test, train = finished.subset("1", "test"), finished.subset("1", "train")

    require_unseen(test, finished, facts, "1", NullReporter())
    require_unseen(train, finished, {"dataset": "pets"}, "1", NullReporter())
    with pytest.raises(MismatchError, match=f"{len(train)} of {len(train)} test clips of split 2"):
        require_unseen(train, finished, facts, "2", NullReporter())


@pytest.mark.parametrize("changes", [{"split": None}, {"train_list_sha256": "0"}, {"split": "9"}])
def test_require_unseen_of_unknown_train_list_is_refused(
    changes: dict[str, Any], facts: dict[str, Any], finished: PreparedDataset
) -> None:
    line = f"list of split {(facts | changes)['split']} differs"

    with pytest.raises(MismatchError, match=line):
        require_unseen(finished.subset("1", "test"), finished, facts | changes, "1", NullReporter())


@pytest.fixture
def others(facts: dict[str, Any]) -> dict[str, Any]:
    """Metadata of a checkpoint that was trained on a dataset of another name."""
    return facts | {"dataset": "pets", "fingerprint": "f" * 64, "train_list_sha256": "0" * 64}


def test_require_unseen_of_other_name_finds_trained_files_by_content(
    others: dict[str, Any], finished: PreparedDataset
) -> None:
    entries = finished.subset("1", "test")
    hashes = read_hashes(finished, entries)
    assert hashes is not None
    report = Listening()

    for trained, names in (([hashes[1]], entries[1].id), (hashes, entries[0].id)):
        count = sum(one in trained for one in hashes)
        content = {TRAIN_CONTENT: pack_hashes(["0" * 64, *trained])}
        line = rf"{count} of {len(entries)} test clips .* trained on \(.*{names}"
        with pytest.raises(MismatchError, match=line):
            require_unseen(entries, finished, others | content, "1", report)
    content = {TRAIN_CONTENT: pack_hashes(["0" * 64])}
    require_unseen(entries, finished, others | content, "1", report)
    assert report.lines == []


def test_require_unseen_without_hashes_warns(
    others: dict[str, Any], finished: PreparedDataset, folder: Path, reseal: Callable[..., None]
) -> None:
    index = folder / "index.csv"
    with index.open(newline="") as file:
        rows = list(csv.DictReader(file))
    with index.open("w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(row | {"source_sha256": ""} for row in rows)
    reseal(folder)
    bare, report = PreparedDataset.open(folder), Listening()
    content = {TRAIN_CONTENT: pack_hashes(["0" * 64])}

    require_unseen(finished.subset("1", "test"), finished, others, "1", report)
    require_unseen(bare.subset("1", "test"), bare, others | content, "1", report)
    require_unseen(finished.subset("1", "test"), finished, {}, "1", report)

    assert [line.split(" has no content")[0] for line in report.lines] == [
        "warning: the checkpoint",
        f"warning: {folder}",
    ]


def test_require_unseen_with_damaged_hashes_is_refused(
    others: dict[str, Any], finished: PreparedDataset
) -> None:
    damaged = others | {TRAIN_CONTENT: "AAA"}

    with pytest.raises(ArtifactError, match=r"invalid content \(train_content: no list of hashes"):
        require_unseen(finished.subset("1", "test"), finished, damaged, "1", NullReporter())


def test_without_content_drops_hashes_at_every_depth() -> None:
    facts = {"split": "1", TRAIN_CONTENT: "AA", "init": {"step": 3, TRAIN_CONTENT: "BB"}}

    assert without_content(facts) == {"split": "1", "init": {"step": 3}}
    assert without_content(None) is None
