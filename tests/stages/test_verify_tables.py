"""`verify` on tables that say something else than the shards, or than each other."""

from pathlib import Path

import pytest

from avme.io.atomic import read_json, write_json, write_text
from avme.progress import Quiet
from avme.stages.verify import verify


def lines(folder: Path) -> list[str]:
    found = verify(folder, every_picture=False, seed=0, report=Quiet())
    return [str(problem) for problem in found.problems]


def replace_in(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    write_text(path, text.replace(before, after, 1))


@pytest.mark.parametrize(
    ("column", "before", "after"),
    [("frames", ",10,10,25,1,", ",9,10,25,1,"), ("usable_audio", ",True,", ",False,")],
)
def test_an_altered_index_row_is_named_by_clip_and_column(
    folder: Path, column: str, before: str, after: str
) -> None:
    replace_in(folder / "index.csv", before, after)

    (line,) = lines(folder)

    assert line.startswith("clip Archery/v_Archery_g01_c01.avi in index.csv: ")
    assert f"{column} is {after.split(',')[1]!r}, its shard says {before.split(',')[1]!r}" in line


def test_lines_that_are_gone_twice_or_unknown_are_named(folder: Path) -> None:
    path = folder / "index.csv"
    header, first, second, *rest = path.read_text().splitlines(keepends=True)
    strange = first.replace("g01_c01.avi", "g99_c99.avi")
    write_text(path, "".join([header, second, second, strange, *rest]))

    text = "\n".join(lines(folder))

    assert "index.csv: has 2 lines for clip Archery/v_Archery_g01_c02.avi, expected one" in text
    assert "index.csv: lacks clip Archery/v_Archery_g01_c01.avi of shard-00000.h5" in text
    assert "index.csv: lists clip Archery/v_Archery_g99_c99.avi, which no shard holds" in text


@pytest.mark.parametrize("content", [None, "", "id,label\nA,0\n", "\x00\x01"])
def test_an_index_that_is_none_is_one_problem(folder: Path, content: str | None) -> None:
    (folder / "index.csv").unlink()
    if content is not None:
        (folder / "index.csv").write_text(content)

    assert any(line.startswith("index.csv: ") for line in lines(folder))


def test_an_altered_list_is_named_with_the_id_that_nobody_knows(folder: Path) -> None:
    replace_in(folder / "splits" / "split2-train.txt", "Archery/", "Arrows/")

    first, second = lines(folder)

    assert first.startswith("splits/split2-train.txt: 8 ids with SHA-256 ")
    assert second == (
        "splits/split2-train.txt: lists clip Arrows/v_Archery_g01_c01.avi, which index.csv lacks"
    )


def test_a_clip_on_both_sides_is_named(folder: Path) -> None:
    train, test = (folder / "splits" / f"split1-{part}.txt" for part in ("train", "test"))
    clip_id = train.read_text().splitlines()[0]
    write_text(test, test.read_text() + f"{clip_id}\n")

    assert f"splits/{test.name}: lists clip {clip_id}, which the other side lists too" in lines(
        folder
    )


def test_a_missing_list_is_named(folder: Path) -> None:
    (folder / "splits" / "split3-test.txt").unlink()

    (line,) = lines(folder)

    assert line == "splits/split3-test.txt: cannot be read (No such file or directory)"


def test_a_side_in_the_index_that_the_lists_contradict_is_named(folder: Path) -> None:
    replace_in(
        folder / "index.csv", ",test,train,train,shard-00000.h5,0", ",,train,train,shard-00000.h5,0"
    )

    assert lines(folder) == [
        "clip Archery/v_Archery_g01_c01.avi in index.csv: split1 is '', its lists say 'test'"
    ]


def test_an_altered_quarantine_is_named(folder: Path) -> None:
    (folder / "quarantine.csv").write_text("id,reason,message\nA/b.avi,changed,why\n")

    assert lines(folder) == ["quarantine.csv: lists clip A/b.avi, which is not bad"]


@pytest.mark.parametrize(
    ("keys", "value", "told"),
    [
        (("counts", "frames"), 7, "dataset.json: counts 7 frames, the shards hold 78"),
        (("counts", "sound"), None, "dataset.json: counts None sound, the shards hold 6"),
        (("statistics", "1", "mfcc_rows"), 3, "dataset.json: mfcc_rows of split 1 is not that"),
        (("statistics", "2", "mfcc_mean"), [], "dataset.json: mfcc_mean of split 2 is not that"),
        (("classes",), ["Bowling", "Archery"], "dataset.json: class 0 is Bowling, the shards say"),
        (("classes",), ["Bowling", "Archery"], "dataset.json: its classes, settings, splits, shar"),
        (("shards", "shard-00002.h5", "clips"), 3, "holds 4 good clips, dataset.json says 3"),
        (("shards",), 5, "dataset.json: is not what `avme prep` writes"),
        (("splits",), {"1": {}}, "dataset.json: is not what `avme prep` writes"),
    ],
)
def test_an_altered_manifest_is_named(
    folder: Path, keys: tuple[str, ...], value: object, told: str
) -> None:
    manifest = read_json(folder / "dataset.json")
    place = manifest
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = value
    write_json(folder / "dataset.json", manifest)

    assert any(told in line for line in lines(folder))


@pytest.mark.parametrize(
    ("name", "before", "after", "told"),
    [
        ("index.csv", ",sound,", ',"sound",', "index.csv: has SHA-256 "),
        ("quarantine.csv", "message", "massage", "quarantine.csv: has SHA-256 "),
        ("dataset.json", '"set"', '"pet"', "dataset.json: has changed since it was written (check"),
    ],
)
def test_a_change_that_contradicts_no_shard_is_named(
    folder: Path, name: str, before: str, after: str, told: str
) -> None:
    replace_in(folder / name, before, after)

    (line,) = lines(folder)
    assert line.startswith(told)
