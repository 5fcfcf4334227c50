"""A file is whole or absent, and a folder is used only as its owner allows."""

import errno
import hashlib
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from avme.errors import ArtifactError, UsageError
from avme.io.atomic import read_json, replacing, write_json, write_text
from avme.io.hashing import sha256_of
from avme.io.run_status import open_run, state_of, write_status
from avme.shards.dataset_lookup import only_dataset


def test_a_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
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
        ('{"a": NaN}', "NaN is no number of JSON"),
        ('{"a": -Infinity}', "-Infinity is no number of JSON"),
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


def test_a_file_that_is_too_large_for_its_kind_is_not_parsed(tmp_path: Path) -> None:
    write_json(tmp_path / "large.json", {"a": "x" * 100})

    with pytest.raises(ArtifactError, match="has more than 99 bytes"):
        read_json(tmp_path / "large.json", most_bytes=99)
    assert read_json(tmp_path / "large.json", most_bytes=200)["a"] == "x" * 100


@pytest.mark.parametrize(
    "change",
    [{"state": ["running"]}, {"state": "odd"}, {"stage": 1}, {"updated": "x"}, {"updated": True}],
)
def test_a_status_of_other_types_is_refused_by_name(
    tmp_path: Path, change: dict[str, object]
) -> None:
    write_status(tmp_path, "pretrain", "finished")
    assert state_of(tmp_path) == "finished"
    write_json(tmp_path / "status.json", read_json(tmp_path / "status.json") | change)

    with pytest.raises(ArtifactError, match=r"status\.json .*: delete it"):
        state_of(tmp_path)


def test_a_failure_leaves_the_old_file_and_no_litter(tmp_path: Path) -> None:
    path = tmp_path / "file.txt"
    write_text(path, "old")

    with pytest.raises(UnicodeEncodeError), replacing(path) as temporary:
        temporary.write_text("new \udcff")

    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_file_that_cannot_even_be_begun_is_named_and_not_the_temporary_one(
    tmp_path: Path,
) -> None:
    path = tmp_path / ("n" * 250)  # too long with what is put around it

    with pytest.raises(OSError, match="too long") as caught:
        write_text(path, "text")

    assert caught.value.filename == str(path)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_names_the_file_and_not_its_temporary_name(tmp_path: Path) -> None:
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
def test_what_is_no_json_object_is_named(text: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(text.encode("latin-1"))

    with pytest.raises(ArtifactError, match=str(path)):
        read_json(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="does not exist"):
        read_json(tmp_path / "a.json")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir])
def test_what_is_no_file_is_named_and_not_waited_for(
    make: Callable[[Path], None], tmp_path: Path
) -> None:
    make(tmp_path / "a.json")

    with pytest.raises(ArtifactError, match=r"a\.json is no regular file"):
        read_json(tmp_path / "a.json")


def test_the_hash_is_sha256(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"abc")

    assert sha256_of(path) == hashlib.sha256(b"abc").hexdigest()


def test_a_new_run_gets_its_folder(tmp_path: Path) -> None:
    assert open_run(tmp_path / "a", "pretrain", resume=False, overwrite=False).is_dir()


def test_a_folder_in_use_is_refused_continued_or_replaced(tmp_path: Path) -> None:
    write_status(tmp_path / "a", "pretrain", "stopped", step=3)

    with pytest.raises(UsageError, match="--resume continues it, --overwrite replaces it"):
        open_run(tmp_path / "a", "pretrain", resume=False, overwrite=False)
    assert open_run(tmp_path / "a", "pretrain", resume=True, overwrite=False) == tmp_path / "a"
    assert read_json(tmp_path / "a" / "status.json")["step"] == 3
    write_text(tmp_path / "a/checkpoints/last.pt", "old")
    replaced = open_run(tmp_path / "a", "pretrain", resume=False, overwrite=True)
    assert [path.name for path in replaced.iterdir()] == ["status.json"]
    assert "step" not in read_json(replaced / "status.json")


def test_a_run_that_is_half_overwritten_is_called_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_status(tmp_path, "pretrain", "finished")
    write_text(tmp_path / "checkpoints/last.pt", "old")

    def killed(path: Path) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(shutil, "rmtree", killed)
    with pytest.raises(KeyboardInterrupt):
        open_run(tmp_path, "pretrain", resume=False, overwrite=True)

    who = f"process {os.getpid()} on {socket.gethostname()}"
    assert state_of(tmp_path) == f"killed (it was {who})"


def test_what_says_running_without_a_process_is_not_believed(tmp_path: Path) -> None:
    write_json(tmp_path / "status.json", {"stage": "pretrain", "state": "running"})

    assert state_of(tmp_path) == "killed (it was process ? on ?)"


def test_overwriting_spares_what_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")

    with pytest.raises(UsageError, match="was not written by avme"):
        open_run(tmp_path, "pretrain", resume=False, overwrite=True)

    assert (tmp_path / "thesis.tex").exists()


def test_there_must_be_something_to_resume(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="nothing to resume"):
        open_run(tmp_path / "a", "pretrain", resume=True, overwrite=False)


def test_resume_and_overwrite_exclude_each_other(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        open_run(tmp_path, "pretrain", resume=True, overwrite=True)


def test_one_set_is_chosen_and_several_are_listed(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="run `avme prep` first"):
        only_dataset(tmp_path)
    write_json(tmp_path / "pets" / "dataset.json", {})
    assert only_dataset(tmp_path) == tmp_path / "pets"
    write_json(tmp_path / "birds" / "dataset.json", {})
    with pytest.raises(UsageError, match=r"birds, pets"):
        only_dataset(tmp_path)


def test_a_status_finds_room_on_a_full_disk_where_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_status(tmp_path, "pretrain", "running")

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "replace", full)
    write_status(tmp_path, "pretrain", "failed", reason="x")

    assert read_json(tmp_path / "status.json")["state"] == "failed"
    assert [path.name for path in tmp_path.iterdir()] == ["status.json"]
    with pytest.raises(OSError, match="No space left"):
        write_status(tmp_path / "other", "pretrain", "running")
