"""status.json and the opening of run folders."""

import errno
import os
import shutil
import socket
from pathlib import Path

import pytest

from avme.errors import ArtifactError, UsageError
from avme.io.atomic import read_json, write_json, write_text
from avme.io.run_status import open_run, state_of, write_status


@pytest.mark.parametrize(
    "change",
    [{"state": ["running"]}, {"state": "odd"}, {"stage": 1}, {"updated": "x"}, {"updated": True}],
)
def test_state_of_status_with_other_types_is_refused_by_name(
    tmp_path: Path, change: dict[str, object]
) -> None:
    write_status(tmp_path, "pretrain", "finished")
    assert state_of(tmp_path) == "finished"
    write_json(tmp_path / "status.json", read_json(tmp_path / "status.json") | change)

    with pytest.raises(ArtifactError, match=r"status\.json .*: delete it"):
        state_of(tmp_path)


def test_open_run_creates_a_new_folder(tmp_path: Path) -> None:
    assert open_run(tmp_path / "a", "pretrain", resume=False, overwrite=False).is_dir()


def test_open_run_of_used_folder_refuses_resumes_or_overwrites(tmp_path: Path) -> None:
    write_status(tmp_path / "a", "pretrain", "stopped", step=3)

    with pytest.raises(UsageError, match="--resume continues it, --overwrite replaces it"):
        open_run(tmp_path / "a", "pretrain", resume=False, overwrite=False)
    assert open_run(tmp_path / "a", "pretrain", resume=True, overwrite=False) == tmp_path / "a"
    assert read_json(tmp_path / "a" / "status.json")["step"] == 3
    write_text(tmp_path / "a/checkpoints/last.pt", "old")
    replaced = open_run(tmp_path / "a", "pretrain", resume=False, overwrite=True)
    assert [path.name for path in replaced.iterdir()] == ["status.json"]
    assert "step" not in read_json(replaced / "status.json")


def test_state_of_partly_overwritten_run_is_killed(
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


def test_state_of_running_without_process_is_killed(tmp_path: Path) -> None:
    write_json(tmp_path / "status.json", {"stage": "pretrain", "state": "running"})

    assert state_of(tmp_path) == "killed (it was process ? on ?)"


def test_open_run_with_overwrite_spares_other_folders(tmp_path: Path) -> None:
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


def test_write_status_on_full_disk_replaces_the_old_one(
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
