"""A run folder tells the truth about its run, whatever ends it, and belongs to one at a time."""

import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from avme.checkpoint.file import load_checkpoint
from avme.config import FinetuneConfig, PretrainConfig
from avme.config.resolve import from_yaml, to_yaml
from avme.config.slurm import JobConfig
from avme.data.sampler import require_two_clips
from avme.errors import (
    ArtifactError,
    ConfigError,
    Interrupted,
    StoppedBySignal,
    SystemRequirementError,
    UsageError,
)
from avme.io.atomic import read_json
from avme.io.lock import holding
from avme.io.run_status import RUN_LOCK, require_finished_run, state_of, write_status
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset
from avme.stages.pretrain import pretrain
from avme.train.distributed.process_group import Distributed
from avme.train.run.folder import running
from avme.weights.checkpoint_files import read_file

MakeConfig = Callable[..., PretrainConfig]


class Listening(NullReporter):
    """Remembers what was said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def log(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture
def given(make_pretrain_config: MakeConfig, tmp_path: Path) -> dict[str, Any]:
    return {
        "stage": "pretrain",
        "config": make_pretrain_config(),
        "facts": {},
        "out": tmp_path / "run",
        "resume": False,
        "overwrite": False,
        "command": ["avme", "pretrain"],
        "processes": Distributed(),
        "report": NullReporter(),
    }


def test_running_names_the_process_and_its_step(given: dict[str, Any]) -> None:
    with running(**given) as run:
        run.write_running(Distributed(), 5)
        status = read_json(run.folder / "status.json")
        with pytest.raises(ArtifactError, match=f"is running as process {os.getpid()} on "):
            require_finished_run(run.folder)

    assert (status["state"], status["step"], status["processes"]) == ("running", 5, 1)
    assert (status["host"], status["pid"]) == (socket.gethostname(), os.getpid())
    assert read_json(given["out"] / "status.json")["state"] == "finished"


def test_running_records_a_failure_with_reason_and_rank(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="broken"), running(**given):
        raise ValueError("clip 7 is broken")

    status = read_json(given["out"] / "status.json")
    assert (status["state"], status["rank"]) == ("failed", 0)
    assert status["reason"] == "ValueError: clip 7 is broken"
    assert "clip 7 is broken" in (given["out"] / "train.log").read_text()


def test_running_escapes_names_in_the_log(given: dict[str, Any]) -> None:
    with running(**given) as run:
        run.report.log("class \x1b[2J\nfinished: 射箭")
    log = (given["out"] / "train.log").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="odd"), running(**given | {"overwrite": True}):
        raise ValueError("odd \x9b\u202e")

    assert log.replace("\n", "").isprintable()
    assert "class \\x1b[2J\\nfinished: 射箭\n" in log
    status = (given["out"] / "status.json").read_text(encoding="utf-8")
    assert status.replace("\n", "").isprintable()
    assert read_json(given["out"] / "status.json")["reason"] == "ValueError: odd \x9b\u202e"


def test_running_after_interruption_is_stopped(given: dict[str, Any]) -> None:
    with pytest.raises(KeyboardInterrupt), running(**given):
        raise KeyboardInterrupt

    assert read_json(given["out"] / "status.json")["state"] == "stopped"


@pytest.mark.parametrize("kind", [StoppedBySignal, Interrupted])
def test_stopped_run_names_the_command_that_resumes_it(
    kind: type[StoppedBySignal], given: dict[str, Any], tmp_path: Path
) -> None:
    command = ["avme", "pretrain", "--out", f"{tmp_path}/a b", "--overwrite"]

    with pytest.raises(kind) as caught, running(**given | {"command": command}):
        raise kind("stopped at step 3 of 8")

    out = f"'{tmp_path}/a b'"
    said = f"stopped at step 3 of 8: continue with: avme pretrain --out {out} --resume"
    assert str(caught.value) == said
    assert read_json(given["out"] / "status.json")["state"] == "stopped"


def test_stopped_run_with_too_long_command_names_its_file(given: dict[str, Any]) -> None:
    command = ["avme", "pretrain", *(f"--set=optim.lr={number}" for number in range(40))]

    with pytest.raises(StoppedBySignal) as caught, running(**given | {"command": command}):
        raise StoppedBySignal("stopped at step 3 of 8")

    file = given["out"] / "command.txt"
    assert str(caught.value).endswith(f"continue with the command in {file} and --resume")
    assert len(str(caught.value)) < 400
    assert file.read_text() == f"{' '.join(command)}\n"


LIMITED = """
import resource, sys
from pathlib import Path
from avme.config import PretrainConfig
from avme.config.resolve import from_yaml
from avme.errors import SystemRequirementError
from avme.stages.pretrain import pretrain

data, settings, runs = map(Path, sys.argv[1:4])
config = from_yaml(PretrainConfig, settings.read_text())
for limit in map(int, sys.argv[4:]):
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        pretrain(config, data=data, out=runs / str(limit))
    except SystemRequirementError as error:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
        print(limit, error, flush=True)
"""


@pytest.mark.slow
def test_wherever_a_disk_is_full_a_run_ends_in_one_line(
    finished: PreparedDataset,
    pretrained: Path,
    make_pretrain_config: MakeConfig,
    start: Callable[..., Any],
    tmp_path: Path,
) -> None:
    """The system's limit on the size of a file stands for the disk: each limit, just below the
    size of one of the files, fails at that file."""
    settings = tmp_path / "settings.yaml"
    settings.write_text(to_yaml(make_pretrain_config(epochs=1)))
    names = ("config.yaml", "weights.safetensors", "checkpoints/last.pt", "metrics.jsonl")
    sizes = [(pretrained / name).stat().st_size for name in names]
    limits = sorted({0, 100, max(sizes) // 3, *(size - 10 for size in sizes)})
    indices = (str(index) for index in (finished.folder, settings, tmp_path))

    done = start(["-c", LIMITED, *indices, *map(str, limits)])

    assert done.wait() == 0, done.said
    assert "Traceback" not in done.said
    lines = done.printed.splitlines()
    assert [int(line.split()[0]) for line in lines] == limits
    assert all("File too large" in line for line in lines)


@pytest.mark.parametrize("way", ["resume", "overwrite"])
def test_running_in_used_folder_is_refused(way: str, given: dict[str, Any]) -> None:
    with running(**given) as run:
        with (
            pytest.raises(UsageError, match="another `avme pretrain` is running on"),
            running(**given | {way: True}),
        ):
            pass
        assert read_json(run.folder / "status.json")["state"] == "running"
        assert state_of(run.folder) == f"running as process {os.getpid()} on {socket.gethostname()}"
    assert not list(given["out"].glob(".*"))


def test_killed_run_is_reported_as_killed(tmp_path: Path) -> None:
    write_status(tmp_path, "pretrain", "running", pid=4711, host="there")

    with pytest.raises(ArtifactError, match=r"is killed \(it was process 4711 on there\)"):
        require_finished_run(tmp_path)
    with holding(tmp_path, RUN_LOCK), pytest.raises(ArtifactError, match="is running as process"):
        require_finished_run(tmp_path)


@pytest.mark.slow
def test_resume_logs_the_last_state_and_changed_settings(
    finished: PreparedDataset, pretrained: Path, make_pretrain_config: MakeConfig, tmp_path: Path
) -> None:
    out = shutil.copytree(pretrained, tmp_path / "run")
    write_status(out, "pretrain", "running", pid=4711, host="there")
    torn = out / "checkpoints" / ".last.pt.there.4711.1.tmp"
    torn.write_bytes(b"half")
    report = Listening()
    config = make_pretrain_config(log_every=5, max_saved=3)
    config = config.model_copy(update={"slurm": JobConfig(nodes=2)})  # of the job, not of the run

    pretrain(config, data=finished.folder, out=out, preset="tiny", resume=True, report=report)

    assert f"{out} was killed (it was process 4711 on there)" in report.lines
    changed = "changed since the run was started: train.log_every 1 -> 5, train.max_saved None -> 3"
    assert changed in report.lines
    assert from_yaml(PretrainConfig, (out / "config.yaml").read_text()) == config
    assert not torn.exists()


@pytest.mark.slow
def test_slurm_settings_are_not_stored_with_the_weights(pretrained: Path) -> None:
    kept = read_file(pretrained / "weights.safetensors").config

    assert kept == load_checkpoint(pretrained / "checkpoints/last.pt").config
    assert set(PretrainConfig.model_fields) - set(kept) == {"slurm"}


@pytest.mark.parametrize(
    ("batch", "micro_batch_size", "world", "fits"),
    [(9, 4, 1, True), (9, 2, 1, False), (3, 2, 1, False), (6, 2, 2, True), (2, None, 2, True)],
)
def test_single_clip_with_batch_norm_is_refused_before_writing(
    batch: int,
    micro_batch_size: int | None,
    world: int,
    fits: bool,
    make_finetune_config: Callable[..., FinetuneConfig],
    given: dict[str, Any],
) -> None:
    train = {"batch_size": batch, "micro_batch_size": micro_batch_size, "device": "cpu"}
    config = make_finetune_config(head={"norm": "batch"}, train=train)

    if fits:
        require_two_clips(batch, micro_batch_size, world)
        return
    with (
        pytest.raises(ConfigError, match=r"head\.norm batch needs at least 2 clips at a time"),
        running(**given | {"config": config, "processes": Distributed(world=world)}),
    ):
        pass
    assert not given["out"].exists()


@pytest.mark.parametrize(
    "allocate",
    [lambda: torch.empty(2**50), lambda: np.empty(2**50), lambda: [0] * 2**55],
    ids=["torch", "numpy", "python"],
)
def test_memory_that_is_not_there_is_an_error_of_the_machine_that_names_settings(
    allocate: Callable[[], object], given: dict[str, Any]
) -> None:
    with (
        pytest.raises(SystemRequirementError, match=r"out of memory.*train\.micro_batch_size"),
        running(**given),
    ):
        allocate()

    status = read_json(given["out"] / "status.json")
    assert status["state"] == "failed"
    assert "out of memory" in status["reason"]


def test_indivisible_batch_is_refused_before_writing(
    given: dict[str, Any],
) -> None:
    three = Distributed(world=3)

    with (
        pytest.raises(ConfigError, match=r"train\.batch_size 4 is not divisible by 3 processes"),
        running(**given | {"processes": three}),
    ):
        pass

    assert not given["out"].exists()
