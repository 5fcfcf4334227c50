"""Rows of an index as clips; a row or a file that prep did not write is refused."""

import hashlib
from fractions import Fraction
from pathlib import Path

import pytest

from avme.errors import ArtifactError
from avme.shards.clip_entry import ClipEntry, parse_entries

HEADER = "id,class_name,label,group,frames,fps_num,fps_den,width,height,audio,shard,row\n"
ROWS = (
    "A/a,A,0,g,10,30000,1001,48,32,audible,shard-00000.h5,0\n",
    "B/b,B,1,h,4,25,1,48,32,silent,shard-00001.h5,3\n",
)


def parsed(path: Path, text: str) -> list[ClipEntry]:
    path.write_text(text)
    return list(parse_entries(path, hashlib.sha256(text.encode()).hexdigest()))


def test_parse_entries_returns_the_rows_in_their_order(tmp_path: Path) -> None:
    first, second = parsed(tmp_path / "index.csv", HEADER + "".join(ROWS))

    assert first == ClipEntry(
        id="A/a",
        class_name="A",
        label=0,
        group="g",
        num_frames=10,
        fps=Fraction(30000, 1001),
        width=48,
        height=32,
        audio="audible",
        shard="shard-00000.h5",
        row=0,
    )
    assert (second.id, second.row) == ("B/b", 3)
    assert (first.has_audio, second.has_audio) == (True, False)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("1001", "0"),
        ("shard-00000.h5", "../x.h5"),
        (",10,", ",ten,"),
        ("A/a", "../a"),
        (",row\n", "\n"),
    ],
)
def test_parse_entries_of_invalid_row_is_refused(before: str, after: str, tmp_path: Path) -> None:
    text = HEADER + ROWS[0]
    assert before in text

    with pytest.raises(ArtifactError, match=r"index\.csv cannot be read \(.*avme verify"):
        parsed(tmp_path / "index.csv", text.replace(before, after, 1))


def test_parse_entries_of_changed_file_raises_after_the_last_row(tmp_path: Path) -> None:
    (tmp_path / "index.csv").write_text(HEADER + "".join(ROWS))
    entries = parse_entries(tmp_path / "index.csv", "0" * 64)

    assert [next(entries).id, next(entries).id] == ["A/a", "B/b"]
    with pytest.raises(ArtifactError, match="has changed since it was written"):
        next(entries)
