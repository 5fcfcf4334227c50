"""A folder of ours holds folders and regular files: nothing in it leads to other places."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from avme.errors import ArtifactError
from avme.io.atomic import replacing
from avme.io.lock import holding, is_held
from avme.io.run_status import write_status
from avme.io.symlinks import find_links, open_unlinked, own_file, require_no_links

MARKER = "marker of another folder"


@pytest.fixture
def marker(tmp_path: Path) -> Path:
    path = tmp_path / "elsewhere" / "marker"
    path.parent.mkdir()
    path.write_text(MARKER)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "run" / "checkpoints" / "deep").mkdir(parents=True)
    (tmp_path / "run" / "status.json").write_text("{}")
    return tmp_path / "run"


def bind(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(path))  # names of sockets must be short


@pytest.mark.parametrize(
    ("name", "make"),
    [
        ("command.txt", lambda path, marker: path.symlink_to(marker)),
        ("checkpoints/deep/last.pt", lambda path, marker: path.symlink_to(marker)),
        ("tb", lambda path, marker: path.symlink_to(marker.parent)),
        ("wandb", lambda path, marker: path.symlink_to(marker.parent)),
        ("eval", lambda path, marker: path.symlink_to("nowhere")),
        ("audit", lambda path, marker: path.symlink_to("checkpoints")),
        ("train.log", lambda path, marker: os.mkfifo(path)),
        ("env.json", lambda path, marker: bind(path)),
    ],
)
def test_find_links_names_everything_but_files_and_folders(
    name: str, make: Callable[[Path, Path], None], folder: Path, marker: Path
) -> None:
    make(folder / name, marker)

    with pytest.raises(ArtifactError) as caught:
        require_no_links(folder)

    assert str(caught.value).startswith(f"{folder / name} is ")
    assert caught.value.exit_code == 5
    assert [path for path in find_links(folder)] == [folder / name]


def test_require_no_links_allows_the_folder_itself_to_be_one(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(folder)

    require_no_links(tmp_path / "link")
    require_no_links(tmp_path / "nothing")
    (folder / "a").symlink_to("b")
    with pytest.raises(ArtifactError, match="link/a is a link"):
        require_no_links(tmp_path / "link")


def test_links_that_wandb_makes_in_its_folder_stay(folder: Path) -> None:
    (folder / "wandb").mkdir()
    (folder / "wandb" / "latest-run").symlink_to("run-1")

    require_no_links(folder)

    (folder / "checkpoints" / "wandb").mkdir()
    (folder / "checkpoints" / "wandb" / "latest-run").symlink_to("run-1")
    with pytest.raises(ArtifactError, match="checkpoints/wandb/latest-run is a link"):
        require_no_links(folder)


@pytest.mark.parametrize("flags", [os.O_WRONLY | os.O_APPEND | os.O_CREAT, os.O_RDWR, os.O_RDONLY])
@pytest.mark.parametrize("kind", ["link", "dangling", "pipe", "folder"])
def test_open_unlinked_follows_no_link_and_waits_for_no_pipe(
    flags: int, kind: str, folder: Path, marker: Path
) -> None:
    path = folder / "file"
    if kind == "link":
        path.symlink_to(marker)
    elif kind == "dangling":
        path.symlink_to(marker.with_name("new"))
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        path.mkdir()

    with pytest.raises((ArtifactError, IsADirectoryError), match=str(path)):
        open_unlinked(path, flags)

    assert [each.name for each in marker.parent.iterdir()] == ["marker"]


def test_own_file_with_second_name_is_not_appended_to(folder: Path, marker: Path) -> None:
    os.link(marker, folder / "command.txt")

    with (
        pytest.raises(ArtifactError, match=r"command\.txt has 2 names \(hard links\)"),
        open(folder / "command.txt", "a", opener=own_file),
    ):
        pass

    assert marker.read_text() == MARKER
    with open(folder / "new.txt", "a", opener=own_file) as file:
        file.write("line")
    assert (folder / "new.txt").read_text() == "line"


@pytest.mark.parametrize("target", ["marker", "new"])
def test_lock_behind_a_link_is_refused(target: str, folder: Path, marker: Path) -> None:
    (folder / ".run.lock").symlink_to(marker.with_name(target))

    with pytest.raises(ArtifactError, match=r"\.run\.lock is a link"), holding(folder, "run"):
        pass
    with pytest.raises(ArtifactError, match=r"\.run\.lock is a link"):
        is_held(folder, "run")

    assert [each.name for each in marker.parent.iterdir()] == ["marker"]


def test_lock_replaced_by_a_pipe_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / ".run.lock")

    with pytest.raises(ArtifactError, match="is not a regular file"):
        is_held(folder, "run")


def test_replacing_creates_a_new_temporary_file_and_replaces_a_link(
    folder: Path, marker: Path
) -> None:
    path = folder / "weights"
    path.symlink_to(marker)
    with replacing(path) as temporary:
        planted = temporary
    path.unlink()
    planted.symlink_to(marker)
    path.symlink_to(marker)

    with replacing(path) as temporary:
        assert temporary == planted
        temporary.write_text("new")

    assert marker.read_text() == MARKER
    assert not path.is_symlink()
    assert path.read_text() == "new"


def test_status_on_full_disk_is_not_written_through_a_link(
    folder: Path, marker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    for make in (os.symlink, os.link):
        (folder / "status.json").unlink()
        make(marker, folder / "status.json")
        with pytest.raises(ArtifactError, match=r"status\.json"):
            write_status(folder, "pretrain", "failed")

    assert marker.read_text() == MARKER
