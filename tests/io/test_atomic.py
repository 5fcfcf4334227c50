"""A file is whole or absent, and a folder is used only as its owner allows."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from avme.errors import ArtifactError
from avme.io.atomic import read_json, replacing, write_json, write_text


def test_replacing_shows_a_file_only_when_complete(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "file.txt"

    with replacing(path) as temporary:
        temporary.write_text("half")
        assert not path.exists()

    assert path.read_text() == "half"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"a": ' + "[" * 70 + "]" * 70 + "}", "nested more than 64 levels deep"),
        ('{"a": ' + "[" * 5000 + "]" * 5000 + "}", "nested more than 64 levels deep"),
        ('{"a": NaN}', "NaN is not a JSON number"),
        ('{"a": -Infinity}', "-Infinity is not a JSON number"),
        ('{"a": 1e999}', "1e999 is too large for a float"),
        ('{"a": ' + "9" * 5000 + "}", "is not JSON"),
        ('{"a": "\\ud800"}', "surrogates not allowed"),
        ("[]", "holds list, expected an object"),
    ],
)
def test_json_that_no_stage_writes_is_refused_in_a_line(
    tmp_path: Path, content: str, said: str
) -> None:
    (tmp_path / "odd.json").write_text(content)

    with pytest.raises(ArtifactError) as caught:
        read_json(tmp_path / "odd.json")

    assert said in str(caught.value)
    assert "odd.json" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_read_json_of_too_large_file_does_not_parse_it(tmp_path: Path) -> None:
    write_json(tmp_path / "large.json", {"a": "x" * 100})

    with pytest.raises(ArtifactError, match="has more than 99 bytes"):
        read_json(tmp_path / "large.json", most_bytes=99)
    assert read_json(tmp_path / "large.json", most_bytes=200)["a"] == "x" * 100


def test_replacing_after_failure_leaves_the_old_file_and_no_temporary(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_text(path, "old")

    with pytest.raises(UnicodeEncodeError), replacing(path) as temporary:
        temporary.write_text("new \udcff")

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_replacing_of_file_that_cannot_be_created_names_the_target(
    tmp_path: Path,
) -> None:
    path = tmp_path / ("n" * 250)  # too long with what is put around it

    with pytest.raises(OSError, match="too long") as caught:
        write_text(path, "text")

    assert caught.value.filename == str(path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_replacing_on_full_disk_names_the_target(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"

    def write() -> None:
        with replacing(path) as temporary:
            temporary.unlink()
            temporary.symlink_to("/dev/full")
            temporary.write_text("x" * 100_000)

    with pytest.raises(OSError, match="No space left") as caught:
        write()

    assert caught.value.filename == str(path)
    assert list(tmp_path.iterdir()) == []


def test_json_comes_back_as_it_was(tmp_path: Path) -> None:
    content = {"name": "Übung", "counts": [1, 2.5, None]}

    write_json(tmp_path / "a.json", content)

    assert read_json(tmp_path / "a.json") == content


def test_not_a_number_never_reaches_a_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"loss": float("nan")})

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", ["", "{", "[1]", "\xff"])
def test_read_json_of_other_content_is_refused_by_name(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(text.encode("latin-1"))

    with pytest.raises(ArtifactError, match=str(path)):
        read_json(path)


def test_read_json_of_missing_file_names_it(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="does not exist"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_read_json_of_pipe_or_folder_is_refused_without_waiting(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    make(tmp_path / "a.json")

    with pytest.raises(ArtifactError, match=r"a\.json is not a regular file"):
        read_json(tmp_path / "a.json")
