"""State of a process after the start of a command."""

import os
from types import SimpleNamespace
from typing import Any

import pytest

from avme.errors import UsageError
from avme.progress import NullReporter
from avme_cli.launch.startup import start


class Context(SimpleNamespace):
    """The parts of a context that `start` uses."""

    def with_resource(self, resource: Any) -> None:
        self.resources = [*getattr(self, "resources", ()), resource]


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [each for each in os.environ if each.startswith(("SLURM_", "OMP_", "AVME_"))]:
        monkeypatch.delenv(name)
    for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "LOCAL_WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "environ", os.environ.copy())  # threads are limited there


def started(command: str, *, quiet: bool = False) -> Any:
    context: Any = Context(invoked_subcommand=command)
    start(context, verbose=False, quiet=quiet)
    return context


def test_start_quiet_reports_no_progress() -> None:
    assert isinstance(started("verify", quiet=True).obj, NullReporter)
    assert not isinstance(started("verify").obj, NullReporter)


def test_start_on_another_rank_writes_no_results(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not hasattr(started("verify"), "resources")

    monkeypatch.setenv("RANK", "1")

    assert len(started("verify").resources) == 1


@pytest.mark.parametrize("command", ["pretrain", "finetune", "eval"])
def test_start_of_a_distributed_command_refuses_half_a_group(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RANK", "0")

    started("audit")
    with pytest.raises(UsageError, match="RANK=0 but no WORLD_SIZE"):
        started(command)


def test_start_in_a_slurm_step_joins_its_group(monkeypatch: pytest.MonkeyPatch) -> None:
    step = {
        "JOB_ID": "7",
        "STEP_ID": "0",
        "STEP_NUM_TASKS": "2",
        "STEP_NODELIST": "node1",
        "STEP_TASKS_PER_NODE": "2",
        "PROCID": "1",
        "LOCALID": "1",
    }
    for name, value in step.items():
        monkeypatch.setenv(f"SLURM_{name}", value)

    started("verify")
    assert "RANK" not in os.environ

    started("pretrain")
    assert (os.environ["RANK"], os.environ["WORLD_SIZE"]) == ("1", "2")
