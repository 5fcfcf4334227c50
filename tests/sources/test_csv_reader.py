"""CSV files as people and spreadsheets write them."""

from pathlib import Path

import pytest

from avme.errors import UsageError
from avme.sources.csv_reader import read_columns, read_table


def written(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "clips.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["plain", "bom"])
@pytest.mark.parametrize("ending", ["\n", "\r\n"], ids=["lf", "crlf"])
def test_marks_line_ends_case_spaces_and_empty_lines_do_not_matter(
    tmp_path: Path, mark: str, ending: str
) -> None:
    lines = ["Label, PATH ,note", "dog, a.mp4,x", "", ",,", "cat,b.mp4,"]

    rows = read_table(written(tmp_path, mark + ending.join(lines)), ("path", "label"))

    assert [(row.text("path"), row.text("label"), row.line) for row in rows] == [
        ("a.mp4", "dog", 2),
        ("b.mp4", "cat", 5),
    ]


def test_quoted_values_keep_commas_and_quotes(tmp_path: Path) -> None:
    content = 'path,label\na.mp4,"bird chirping, tweeting"\nb.mp4,"say ""hi"" (twice)"\n'

    rows = read_table(written(tmp_path, content), ("path", "label"))

    assert [row.text("label") for row in rows] == ["bird chirping, tweeting", 'say "hi" (twice)']


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", r"clips\.csv:1: found an empty file, expected path, label"),
        (
            "a.mp4,dog\n",
            r"clips\.csv:1: found a row \('a\.mp4'\) in place of the header: put the line",
        ),
        ("path,label,label\n", r"clips\.csv:1: the column label appears twice"),
        ("path,label\na.mp4,bird, tweeting\n", r"clips\.csv:2: found 3 values, expected 2"),
        ('path,label\na.mp4,"dog\nb.mp4,cat\n', r"clips\.csv:3: not valid CSV"),
        ('path,label\na.mp4,"dog" x\n', r"clips\.csv:2: not valid CSV"),
        (b"path,label\n\xff.mp4,dog\n", r"clips\.csv is not UTF-8"),
    ],
)
def test_read_table_of_other_file_is_one_line_with_the_place(
    tmp_path: Path, content: str | bytes, message: str
) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        list(read_table(written(tmp_path, content), ("path", "label")))

    assert "\n" not in str(caught.value)


def test_read_table_of_missing_file_names_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone\.csv cannot be read"):
        read_table(tmp_path / "gone.csv", ("path",))


def test_read_columns_without_header_uses_the_given_names(tmp_path: Path) -> None:
    path = written(tmp_path, "x,1\r\ny,2\r\n")

    assert [row.values for row in read_columns(path, ("id", "start"))] == [
        {"id": "x", "start": "1"},
        {"id": "y", "start": "2"},
    ]
    with pytest.raises(
        UsageError, match=r"clips\.csv:1: found 2 values, expected id, start, label"
    ):
        list(read_columns(path, ("id", "start", "label")))


@pytest.mark.parametrize(("text", "seconds"), [("", None), ("65", 65.0), ("0.5", 0.5), (".5", 0.5)])
def test_times_are_seconds(tmp_path: Path, text: str, seconds: float | None) -> None:
    (row,) = read_table(written(tmp_path, f"path,start\na,{text}\n"), ("path",))

    assert row.seconds("start") == seconds
    assert row.seconds("end") is None


@pytest.mark.parametrize("text", ["1:05", "-1", "nan", "inf", "1_0", "1e3", "one"])
def test_read_table_with_invalid_seconds_is_refused(tmp_path: Path, text: str) -> None:
    (row,) = read_table(written(tmp_path, f"path,start\na,{text}\n"), ("path",))

    with pytest.raises(UsageError, match=r"clips\.csv:2: found start .*, expected seconds"):
        row.seconds("start")


@pytest.mark.parametrize(
    ("word", "part"),
    [("train", "train"), ("VAL", "val"), ("validate", "val"), ("Testing", "test")],
)
def test_sides_are_known_by_their_usual_names(tmp_path: Path, word: str, part: str) -> None:
    (row,) = read_table(written(tmp_path, f"split\n{word}\n"), ("split",))

    assert row.subset("split") == part


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ("path\tlabel\na.mp4\tcat\n", "tabs"),
        ("path;label\na.mp4;cat\n", "semicolons"),
        ("path|label\na.mp4|cat\n", "vertical bars"),
        ('"path";"label"\n"a.mp4";"cat"\n', "semicolons"),
        ('"path"\t"label"\n"a.mp4"\t"cat"\n', "tabs"),
    ],
)
def test_another_separator_is_named(tmp_path: Path, content: str, name: str) -> None:
    path = written(tmp_path, content)

    with pytest.raises(UsageError) as caught:
        list(read_table(path, ("path", "label")))

    assert str(caught.value) == (
        f"{path}:1: found values that are separated by {name}, expected commas: save the table as "
        "CSV with commas"
    )


def test_another_separator_without_a_header_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=":1: found values that are separated by tabs"):
        list(read_columns(written(tmp_path, "a\t1\tcat\ttrain\n"), ("id", "start", "label")))


@pytest.mark.parametrize(
    ("content", "advice"),
    [
        ("a.mp4,cat\nb.mp4,dog\n", "put the line path,label above it"),
        (
            "videos/a.avi 0\nvideos/b.avi 1\n",
            "put the line path,label above it and write commas in place of spaces",
        ),
    ],
)
def test_read_table_without_header_asks_for_one(tmp_path: Path, content: str, advice: str) -> None:
    """The second is a list of VideoMAE and mmaction2."""
    with pytest.raises(UsageError) as caught:
        list(read_table(written(tmp_path, content), ("path", "label")))

    assert str(caught.value).endswith(advice)
    assert ":1: found a row (" in str(caught.value)


def test_read_columns_without_required_column_asks_for_it(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="add label to the header line"):
        list(read_table(written(tmp_path, "path,class\na.mp4,cat\n"), ("path", "label")))
