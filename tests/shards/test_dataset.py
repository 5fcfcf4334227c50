"""A prepared set is read only when it is finished, and its lists mean what they say."""

import json
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from avme.errors import ArtifactError, UsageError
from avme.io.atomic import write_json
from avme.io.hashing import list_sha256
from avme.io.json_checksum import with_checksum
from avme.shards.dataset import PreparedDataset, split_path

_INDEX = """id,class_name,label,group,frames,fps_num,fps_den,width,height,audio,shard,row
A/one.avi,A,0,g01,10,30000,1001,48,32,audible,shard-00000.h5,0
"B/two, three.avi",B,1,g02,4,25,1,48,32,none,shard-00000.h5,1
"""


@pytest.fixture
def folder(tmp_path: Path, reseal: Callable[..., None]) -> Path:
    """A finished set of two clips, written by hand."""
    manifest = {
        "schema": 4,
        "name": "pair",
        "classes": ["A", "B"],
        "fingerprint": "f" * 64,
        "settings": {"num_cepstra": 2},
        "counts": {"clips": 2, "quarantined": 0},
        "shards": {},
        "ffmpeg": {},
        "splits": {"1": {"train": 1, "test": 1}},
        "statistics": {"1": {"mfcc_mean": [1.0, 2.0], "mfcc_deviation": [0.5, 4.0]}},
    }
    (tmp_path / "dataset.json").write_text(json.dumps(manifest))
    (tmp_path / "index.csv").write_text(_INDEX)
    (tmp_path / "splits").mkdir()
    split_path(tmp_path, "1", "train").write_text("B/two, three.avi\n")
    split_path(tmp_path, "1", "test").write_text("A/one.avi\n")
    reseal(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("dataset.json", '"pair"', '"../pair"'),
        ("dataset.json", '{"1": {"train"', '{"../1": {"train"'),
        ("dataset.json", '"A"', '"A\\u001b[2J"'),
        ("index.csv", "A/one.avi", "../one.avi"),
        ("index.csv", "A/one.avi", "A/one\u2028.avi"),
        ("index.csv", ",A,", ",A\x1b[2J,"),
        ("index.csv", "shard-00000.h5", "other.h5"),
    ],
)
def test_names_that_lead_elsewhere_or_move_a_terminal_are_refused(
    file: str, old: str, new: str, folder: Path, reseal: Callable[..., None]
) -> None:
    text = (folder / file).read_text()
    if file == "dataset.json":
        text = json.dumps(json.loads(text))
    assert old in text
    text = text.replace(old, new, 1)
    if file == "dataset.json":
        write_json(folder / file, with_checksum(json.loads(text)))
    else:
        (folder / file).write_text(text)
        reseal(folder)

    with pytest.raises(ArtifactError, match="expected"):
        PreparedDataset.open(folder)


def test_subset_of_empty_list_is_an_error_unless_allowed(
    folder: Path, reseal: Callable[..., None]
) -> None:
    split_path(folder, "1", "train").write_text("")
    reseal(folder)
    prepared = PreparedDataset.open(folder)

    with pytest.raises(ArtifactError, match=r"split1-train\.txt lists no clip.*another split"):
        prepared.subset("1", "train")
    assert prepared.subset("1", "train", allow_empty=True) == ()


def test_entries_are_typed(folder: Path) -> None:
    first, second = PreparedDataset.open(folder).entries

    assert first.fps == Fraction(30_000, 1001)
    assert (second.id, second.label, second.audio) == ("B/two, three.avi", 1, "none")


def test_parts_are_the_lists(folder: Path) -> None:
    prepared = PreparedDataset.open(folder)

    assert prepared.splits == ("1",)
    assert [entry.id for entry in prepared.subset("1", "train")] == ["B/two, three.avi"]
    assert prepared.list_sha256("1", "test") == list_sha256(["A/one.avi"])
    assert prepared.shard_path(prepared.entries[0]) == folder / "shards" / "shard-00000.h5"


def test_statistics_come_as_arrays(folder: Path) -> None:
    mean, deviation = PreparedDataset.open(folder).mfcc_statistics("1")

    assert mean.dtype == np.float32
    assert mean.tolist() == [1.0, 2.0]
    assert deviation.tolist() == [0.5, 4.0]


@pytest.mark.parametrize("ask", ["part", "statistics"])
def test_dataset_with_unknown_split_names_the_known_ones(folder: Path, ask: str) -> None:
    prepared = PreparedDataset.open(folder)

    with pytest.raises(UsageError, match="no split '7': it has 1"):
        prepared.subset("7", "train") if ask == "part" else prepared.mfcc_statistics("7")


def test_open_of_missing_dataset_names_the_earlier_stage(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="is missing") as caught:
        PreparedDataset.open(tmp_path / "none")

    assert caught.value.exit_code == 5


def test_open_without_manifest_is_unfinished(folder: Path) -> None:
    (folder / "dataset.json").unlink()

    with pytest.raises(ArtifactError, match="unfinished"):
        PreparedDataset.open(folder)


def test_another_schema_is_refused(folder: Path) -> None:
    (folder / "dataset.json").write_text('{"schema": 99}')

    with pytest.raises(ArtifactError, match=r"dataset\.json: .* \(got schema 99, expected 4\)"):
        PreparedDataset.open(folder)


@pytest.mark.parametrize("index", ["id,label\nA/one.avi,0\n", _INDEX.replace(",10,", ",ten,")])
def test_open_with_damaged_index_names_it(
    folder: Path, index: str, reseal: Callable[..., None]
) -> None:
    (folder / "index.csv").write_text(index)
    reseal(folder)

    with pytest.raises(ArtifactError, match=r"index\.csv"):
        PreparedDataset.open(folder)


def test_split_list_with_clip_absent_from_the_index_is_named(
    folder: Path, reseal: Callable[..., None]
) -> None:
    split_path(folder, "1", "test").write_text("C/gone.avi\n")
    reseal(folder)

    with pytest.raises(ArtifactError, match=r"C/gone\.avi"):
        PreparedDataset.open(folder).subset("1", "test")


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("dataset.json", "0.5", "0.6"),
        ("dataset.json", '"A"', '"C"'),
        ("index.csv", "g01,10,", "g01,11,"),
        ("splits/split1-train.txt", "B/two", "B/too"),
    ],
)
def test_open_with_changed_file_names_it(folder: Path, name: str, before: str, after: str) -> None:
    path = folder / name
    path.write_text(path.read_text().replace(before, after))

    with pytest.raises(ArtifactError, match="has changed since it was written: `avme verify`"):
        PreparedDataset.open(folder).subset("1", "train")
