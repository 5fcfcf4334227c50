"""Tables that contradict the shards, their hashes or each other."""

from pathlib import Path

import pytest

from avme.io.atomic import read_json, write_json, write_text
from avme.io.hashing import list_sha256
from avme.progress import NullReporter
from avme.stages.verify import verify
from avme.verify.table_checks import check_manifest

pytestmark = pytest.mark.slow


def lines(folder: Path) -> list[str]:
    found = verify(folder, all_frames=False, seed=0, report=NullReporter())
    return [str(problem) for problem in found.problems]


def replace_in(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    write_text(path, text.replace(before, after, 1))


@pytest.mark.parametrize(
    ("column", "before", "after"),
    [("frames", ",10,10,25,1,", ",9,10,25,1,"), ("usable_audio", ",True,", ",False,")],
)
def test_check_tables_with_altered_index_row_names_clip_and_column(
    folder: Path, column: str, before: str, after: str
) -> None:
    replace_in(folder / "index.csv", before, after)

    (line,) = lines(folder)

    cells = f"{column} is {after.split(',')[1]!r}, expected {before.split(',')[1]!r}"
    assert line == f"index.csv: line 2, clip Archery/v_Archery_g01_c01.avi: {cells}"


@pytest.mark.parametrize(
    ("order", "told"),
    [
        ((0, 2, 3), "line 2, clip {1}: id is '{2}', expected '{1}'"),
        ((0, 1, 1, 2, 3), "line 3, clip {2}: id is '{1}', expected '{2}'"),
        ((0, 1, 3, 2), "line 3, clip {2}: id is '{3}', expected '{2}'"),
    ],
)
def test_check_tables_with_missing_repeated_or_swapped_lines_names_the_first(
    folder: Path, order: tuple[int, ...], told: str
) -> None:
    path = folder / "index.csv"
    rows = path.read_text().splitlines(keepends=True)
    write_text(path, "".join([rows[i] for i in order] + rows[4:]))

    expected = told.format(*(row.partition(",")[0] for row in rows))
    assert lines(folder) == [f"index.csv: {expected}"]


def test_check_tables_with_shorter_or_longer_index_names_its_end(folder: Path) -> None:
    path = folder / "index.csv"
    *rows, last = path.read_text().splitlines(keepends=True)
    clip = last.partition(",")[0]

    write_text(path, "".join(rows))
    (line,) = lines(folder)
    assert line == f"index.csv: line 13, clip {clip}: id is '', expected '{clip}'"

    write_text(path, "".join([*rows, last, last]))
    (line,) = lines(folder)
    assert line == f"index.csv: line 14, clip {clip}: id is '{clip}', expected ''"


@pytest.mark.parametrize("content", [None, "", "id,label\nA,0\n", "\x00\x01"])
def test_check_tables_with_unreadable_index_finds_one_problem(
    folder: Path, content: str | None
) -> None:
    (folder / "index.csv").unlink()
    if content is not None:
        (folder / "index.csv").write_text(content)

    (line,) = lines(folder)
    assert line.startswith("index.csv: ")


def test_check_tables_with_altered_list_names_its_hash(folder: Path) -> None:
    replace_in(folder / "splits" / "split2-train.txt", "Archery/", "Arrows/")

    (line,) = lines(folder)

    assert line.startswith("splits/split2-train.txt: has SHA-256 ")


def forge(folder: Path, split: str, part: str, ids: list[str]) -> None:
    """Write a list, and what `dataset.json` says about it."""
    write_text(folder / "splits" / f"split{split}-{part}.txt", "".join(f"{i}\n" for i in ids))
    manifest = read_json(folder / "dataset.json")
    manifest["splits"][split] |= {part: len(ids), f"{part}_sha256": list_sha256(ids)}
    write_json(folder / "dataset.json", manifest)


@pytest.mark.parametrize("strange", ["first", "Archery/v_Archery_g99_c99.avi"])
def test_check_tables_with_surplus_clip_in_list_names_the_count(folder: Path, strange: str) -> None:
    ids = (folder / "splits" / "split1-train.txt").read_text().splitlines()
    forge(folder, "1", "train", sorted([*ids, ids[0] if strange == "first" else strange]))

    told = "dataset.json: split 1 has 9 train clips, 8 are in the shards"
    assert told in lines(folder)


def test_check_tables_with_clip_of_other_subset_names_its_row(folder: Path) -> None:
    train, test = (
        (folder / "splits" / f"split1-{part}.txt").read_text().splitlines()
        for part in ("train", "test")
    )
    forge(folder, "1", "test", sorted([*test, train[0]]))

    found = "split1 is 'train', expected 'test'"
    assert any(line.endswith(f"clip {train[0]}: {found}") for line in lines(folder))


def test_check_tables_with_missing_list_names_it(folder: Path) -> None:
    (folder / "splits" / "split3-test.txt").unlink()

    (line,) = lines(folder)

    assert line == "splits/split3-test.txt: cannot be read (No such file or directory)"


def test_check_tables_with_other_subset_in_index_names_the_column(folder: Path) -> None:
    replace_in(
        folder / "index.csv", ",test,train,train,shard-00000.h5,0", ",,train,train,shard-00000.h5,0"
    )

    assert lines(folder) == [
        "index.csv: line 2, clip Archery/v_Archery_g01_c01.avi: split1 is '', expected 'test'"
    ]


def test_check_tables_with_altered_quarantine_names_the_line(folder: Path) -> None:
    (folder / "quarantine.csv").write_text("id,reason,message\nA/b.avi,changed,why\n")

    told = "quarantine.csv: line 2, clip A/b.avi: id is 'A/b.avi', expected ''"
    assert lines(folder) == [told]


@pytest.mark.parametrize(
    ("keys", "value", "told"),
    [
        (("counts", "frames"), 7, "dataset.json: counts.frames is 7, expected 78"),
        (("counts", "audible"), None, "dataset.json: counts.audible is None, expected 6"),
        (("counts", "lost"), 1, "dataset.json: counts.lost is 1, expected None"),
        (("statistics", "1", "mfcc_rows"), 3, "dataset.json: statistics.1 is {'mfcc_rows': 3, "),
        (("statistics", "2", "mfcc_mean"), [], "dataset.json: statistics.2 is {'mfcc_rows': "),
        (("classes",), ["Bowling", "Archery"], "dataset.json: its classes, settings, splits, shar"),
        (("shards", "shard-00002.h5", "clips"), 3, "holds 4 good clips, dataset.json records 3"),
        (("shards",), 5, "dataset.json: is not what `avme prep` writes"),
        (("splits",), {"1": {}}, "dataset.json: is not what `avme prep` writes"),
    ],
)
def test_check_tables_with_altered_manifest_names_the_value(
    folder: Path, keys: tuple[str, ...], value: object, told: str
) -> None:
    manifest = read_json(folder / "dataset.json")
    index = manifest
    for key in keys[:-1]:
        index = index[key]
    index[keys[-1]] = value
    write_json(folder / "dataset.json", manifest)

    assert any(told in line for line in lines(folder))


@pytest.mark.parametrize(
    ("name", "before", "after", "told"),
    [
        ("index.csv", ",audible,", ',"audible",', "index.csv: line 2, clip Archery/"),
        ("quarantine.csv", "message", "massage", "quarantine.csv: line 1: message is "),
        ("dataset.json", '"set"', '"pet"', "dataset.json: has changed since it was written (check"),
    ],
)
def test_check_tables_with_other_spelling_names_it(
    folder: Path, name: str, before: str, after: str, told: str
) -> None:
    replace_in(folder / name, before, after)

    (line,) = lines(folder)
    assert line.startswith(told)


def test_check_plan_with_unlisted_shard_names_it(folder: Path) -> None:
    (folder / "shards" / "shard-00009.h5").write_bytes(b"")
    (folder / "shards" / ".shard-00009.h5.1.tmp").write_bytes(b"")  # of a run that goes on

    assert lines(folder) == ["shards/shard-00009.h5: is not listed in dataset.json"]


def test_check_plan_with_other_shards_or_order_names_them(folder: Path) -> None:
    plan = read_json(folder / "plan.json")
    plan["shards"]["shard-00007.h5"] = plan["shards"].pop("shard-00002.h5")
    plan["shards"]["shard-00001.h5"].reverse()
    write_json(folder / "plan.json", plan)

    text = "\n".join(lines(folder))

    assert "plan.json: does not have shard-00002.h5" in text
    assert "dataset.json: does not list shard-00007.h5" in text
    assert "shards/shard-00001.h5: holds other clips than plan.json, in another order" in text


def test_check_manifest_with_other_classes_names_both_fingerprints(folder: Path) -> None:
    manifest = read_json(folder / "dataset.json")
    assert check_manifest(manifest) == []

    (problem,) = check_manifest(manifest | {"classes": ["Archery"]})

    assert problem.delete == problem.where == "dataset.json"
    assert problem.what.endswith(f"it records {manifest['fingerprint'][:12]}")
