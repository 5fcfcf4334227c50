"""Rank of a process, and the files that it leaves to the launcher."""

import json
import os
from pathlib import Path

import pytest

from avme_cli.launch.early_error import FAILURES
from avme_cli.launch.rank import RankFailed, join_launcher, rank, ranks_here, write_failure


@pytest.fixture
def failures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make this process rank 2 of 4 of a launcher, and return the folder of the launcher."""
    monkeypatch.setenv("RANK", "2")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    monkeypatch.setenv(FAILURES, str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, (0, 1)),
        ({"RANK": "3", "LOCAL_WORLD_SIZE": "4"}, (3, 4)),
        ({"LOCAL_WORLD_SIZE": "4"}, (0, 1)),
        ({"RANK": "x", "LOCAL_WORLD_SIZE": "0"}, (0, 1)),
    ],
)
def test_rank_and_processes_are_those_of_a_whole_group(
    given: dict[str, str], expected: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("RANK", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    assert (rank(), ranks_here()) == expected


def test_leave_failure_without_launcher_returns_false(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FAILURES, raising=False)

    assert not write_failure("error: mine", 1)


def test_leave_failure_writes_the_line_the_code_and_the_rank(failures: Path) -> None:
    assert write_failure("error: clip 7 is broken", 4)

    left = json.loads((failures / "2.json").read_text())
    assert left.pop("time") > 0
    assert left == {
        "rank": 2,
        "line": "error: clip 7 is broken",
        "exit_code": 4,
        "is_echo": False,
    }


def test_leave_failure_in_a_missing_folder_returns_false(failures: Path) -> None:
    failures.rmdir()

    assert not write_failure("error: mine", 1)


def test_join_launcher_writes_the_process_id(failures: Path) -> None:
    join_launcher()

    assert (failures / "2.pid").read_text() == str(os.getpid())


def test_child_failed_has_the_exit_code_of_its_rank() -> None:
    assert RankFailed("error: theirs", 6).exit_code == 6
