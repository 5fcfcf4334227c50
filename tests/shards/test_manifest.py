"""A set of a stranger, whose checksums are right, may still not say what no set has."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avme.errors import ArtifactError
from avme.io.atomic import read_json
from avme.shards.dataset import PreparedDataset
from avme.shards.manifest import DATASET_SCHEMA, require_schema

HEADER = "id,class_name,label,group,frames,fps_num,fps_den,width,height,audio,shard,row\n"
LINE = "A/a,A,0,g,10,25,1,48,32,audible,shard-00000.h5,0\n"


@pytest.fixture
def folder(tmp_path: Path, reseal: Callable[..., None]) -> Path:
    """A set of one clip that nobody tests."""
    manifest = {
        "schema": 4,
        "name": "one",
        "classes": ["A"],
        "fingerprint": "f" * 64,
        "settings": {"num_cepstra": 2},
        "counts": {"clips": 1, "quarantined": 0},
        "shards": {"shard-00000.h5": {"sha256": "0" * 64, "bytes": 9, "clips": 1}},
        "ffmpeg": {"7.1": 1},
        "splits": {"1": {"train": 1, "test": 0}},
        "statistics": {"1": {"mfcc_mean": [1.0, 2.0], "mfcc_deviation": [0.5, 4.0]}},
    }
    (tmp_path / "splits").mkdir()
    (tmp_path / "splits" / "split1-train.txt").write_text("A/a\n")
    (tmp_path / "splits" / "split1-test.txt").write_text("")
    (tmp_path / "index.csv").write_text(HEADER + LINE)
    (tmp_path / "dataset.json").write_text('{"splits": {"1": {}}}')
    reseal(tmp_path, **manifest)
    return tmp_path


def test_manifest_written_by_prep_is_read(folder: Path) -> None:
    prepared = PreparedDataset.open(folder)

    assert (prepared.num_cepstra, len(prepared.entries)) == (2, 1)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", ["one"]),
        ("name", 1),
        ("name", "x" * 300),
        ("fingerprint", [["a"]]),
        ("classes", "A"),
        ("classes", [1]),
        ("classes", ["A", "A"]),
        ("counts", {"clips": 1}),
        ("counts.clips", True),
        ("counts.clips", -1),
        ("counts.clips", 10**30),
        ("shards", [1]),
        ("shards.shard-00000_h5.bytes", 1.5),
        ("shards.shard-00000_h5.clips", "1"),
        ("statistics", {}),
        ("statistics.1.mfcc_mean", 3),
        ("statistics.1.mfcc_mean", [1.0]),
        ("statistics.1.mfcc_mean", [1.0, "2"]),
        ("statistics.1.mfcc_mean", []),
        ("statistics.1.mfcc_deviation", [1.0, 0.0]),
        ("settings.num_cepstra", 2**40),
        ("settings.num_cepstra", "13"),
        ("settings", 3),
        ("ffmpeg", {"7.1": "all"}),
    ],
)
def test_manifest_with_value_of_another_type_or_range_names_it(
    folder: Path, reseal: Callable[..., None], key: str, value: object
) -> None:
    manifest: dict[str, Any] = read_json(folder / "dataset.json")
    *groups, name = key.split(".")
    index = manifest
    for group in groups:
        index = index[group.replace("_h5", ".h5")]
    index[name] = value
    reseal(folder, **manifest)

    with pytest.raises(ArtifactError, match=r"dataset\.json is not what `avme prep` writes") as got:
        PreparedDataset.open(folder)

    assert "\n" not in str(got.value)
    assert len(str(got.value)) < 300 + len(str(folder))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (",audible,", ",loud,"),
        (",A,0,", ",A,1,"),
        (",A,0,", ",A,-1,"),
        (",A,0,", ",B,0,"),
        (",10,25,", ",-10,25,"),
        (",10,25,", f",{10**12},25,"),
        (",25,1,", ",0,1,"),
        (",25,1,", ",25,0,"),
        (",48,32,", ",48,-32,"),
        (".h5,0", ".h5,-1"),
        (".h5,0", ".h5,x"),
        ("A/a,A", f"{'x' * 200_000},A"),
    ],
)
def test_manifest_with_impossible_row_is_refused(
    folder: Path, reseal: Callable[..., None], before: str, after: str
) -> None:
    assert before in LINE
    (folder / "index.csv").write_text(HEADER + LINE.replace(before, after))
    reseal(folder)

    with pytest.raises(ArtifactError, match=r"index\.csv"):
        PreparedDataset.open(folder)


def test_require_schema_accepts_the_current_one() -> None:
    require_schema(DATASET_SCHEMA, Path("dataset.json"))


@pytest.mark.parametrize("found", [1, 2, 3, DATASET_SCHEMA + 1, None, "4", "x" * 1000])
def test_require_schema_refuses_another_in_one_line(found: object) -> None:
    with pytest.raises(ArtifactError) as caught:
        require_schema(found, Path("data/pets/dataset.json"))

    assert str(caught.value) == (
        "data/pets/dataset.json: prepared with another version of avme (got schema "
        f"{found!r:.40}, expected 4). Prepare the dataset again: delete its folder or choose "
        "another with --out"
    )
