"""A record survives its line in index.csv, and a broken line is named."""

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

from avme.errors import ArtifactError
from avme.shards.index import COLUMNS, read_records, read_rows, to_cells
from avme.shards.record import ClipRecord

FULL = ClipRecord(
    id='B/two, "three".avi',
    class_name="B",
    label=1,
    group="g02",
    num_bytes=305_416,
    source_sha256="a" * 64,
    frames=113,
    frames_from_header=None,
    fps_num=30_000,
    fps_den=1001,
    seconds=0.1 + 0.2,
    width=320,
    height=240,
    video_codec="mpeg4",
    audio="audible",
    audio_codec=None,
    audio_sample_rate_hz=44_100,
    audio_start_seconds=-0.02,
    rms_dbfs=-30.106,
    usable_audio=True,
    warnings="a line\nand another",
)
BARE = ClipRecord(id="A/one.avi", class_name="A", label=0, group="g01", num_bytes=7)


def write(folder: Path, *records: ClipRecord) -> None:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*COLUMNS, "shard", "row"])
    for row, record in enumerate(records):
        values = [getattr(record, name) for name in COLUMNS]
        writer.writerow([*values, "shard-00000.h5", row])
    (folder / "index.csv").write_text(text.getvalue(), encoding="utf-8", newline="")


def test_records_come_back_as_they_were_written(tmp_path: Path) -> None:
    write(tmp_path, FULL, BARE)

    assert read_records(tmp_path) == (FULL, BARE)


def test_cells_are_the_text_that_the_csv_module_writes(tmp_path: Path) -> None:
    write(tmp_path, FULL, BARE)

    rows = read_rows(tmp_path)

    assert [{name: row[name] for name in COLUMNS} for row in rows] == [
        to_cells(FULL),
        to_cells(BARE),
    ]


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        (",113,", ",many,", "A/one.avi"),
        ("True", "yes", "A/one.avi"),
        (",0\r\n", "\r\n", "line 2 has another number of cells"),
        ("id,", "name,", "has no column id"),
        ("rms_dbfs", "rms", "has no column rms_dbfs"),
    ],
)
def test_read_records_of_damaged_table_names_it(
    tmp_path: Path, before: str, after: str, told: str
) -> None:
    write(tmp_path, replace(FULL, id="A/one.avi", warnings=""))
    path = tmp_path / "index.csv"
    text = path.read_bytes().decode()
    path.write_bytes(text.replace(before, after).encode())

    with pytest.raises(ArtifactError, match=r"index\.csv") as caught:
        read_records(tmp_path)

    assert told in str(caught.value)
