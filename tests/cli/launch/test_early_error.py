"""Error line of a command that a signal ended early: once for all ranks."""

import json
import signal
from pathlib import Path

import pytest

from avme.train.distributed.early_stop import StoppedEarly
from avme_cli.launch import rank
from avme_cli.launch.early_error import FAILURES, print_early_error

ERROR = StoppedEarly(signal.SIGTERM)


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RANK", "SLURM_PROCID", FAILURES):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    "environment", [{}, {"RANK": "0"}, {"SLURM_PROCID": "0"}, {"RANK": "0", "SLURM_PROCID": "1"}]
)
def test_print_early_error_on_first_rank_writes_one_line(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    print_early_error(ERROR)

    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("error: stopped by SIGTERM before training started: ")
    assert err.count("\n") == 1


@pytest.mark.parametrize(
    "environment", [{"RANK": "1"}, {"SLURM_PROCID": "3"}, {FAILURES: "/nowhere"}]
)
def test_print_early_error_on_other_rank_or_below_launcher_is_silent(
    environment: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    print_early_error(ERROR)

    assert capfd.readouterr() == ("", "")


def test_print_early_error_below_launcher_leaves_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    assert rank.write_failure  # the module is imported, as after the command line
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv(FAILURES, str(tmp_path))

    print_early_error(StoppedEarly(signal.SIGINT))

    left = json.loads((tmp_path / "0.json").read_text())
    assert (left["rank"], left["exit_code"]) == (0, 130)
    assert left["line"].startswith("error: stopped by Ctrl-C before training started")
    assert capfd.readouterr() == ("", "")
