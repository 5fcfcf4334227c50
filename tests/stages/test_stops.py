"""A run that is told to stop, with all that belongs to it, writes a checkpoint and ends with 75."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from avme.checkpoint.file import load_checkpoint
from avme.config import PretrainConfig
from avme.config.resolve import to_yaml
from avme.io.atomic import read_json
from avme.shards.dataset import PreparedDataset

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("number", "processes", "code"),
    [(signal.SIGTERM, 2, 75), (signal.SIGINT, 2, 130), (signal.SIGINT, 1, 130)],
)
def test_signal_to_all_processes_stops_a_run_with_its_workers(
    number: signal.Signals,
    processes: int,
    code: int,
    finished: PreparedDataset,
    make_pretrain_config: Callable[..., PretrainConfig],
    start: Callable[..., Any],
    tmp_path: Path,
) -> None:
    settings, run = tmp_path / "settings.yaml", tmp_path / "run"
    seldom = {"repeat": 10_000, "log_every": 10_000, "checkpoint_minutes": 0.001}
    settings.write_text(to_yaml(make_pretrain_config(num_workers=1, **seldom)))
    argv = ["-m", "avme_cli", "pretrain", "--preset", "tiny", "--out", run.name]
    argv += ["--data", str(finished.folder), "--config", settings.name, "--procs", str(processes)]
    running = start(argv, cwd=tmp_path, session=True)
    last, previous = (run / f"checkpoints/{name}.pt" for name in ("last", "previous"))
    deadline = time.monotonic() + 120
    while not previous.is_file() and time.monotonic() < deadline:
        time.sleep(0.01)  # a second checkpoint: steps are made, and saved between two lines

    os.killpg(running.pid, number)

    assert running.wait() == code, running.said
    status = read_json(run / "status.json")
    assert status["state"] == "stopped"
    assert f"at step {load_checkpoint(last).step} of " in status["reason"]
    told = running.said.splitlines()[-1]
    assert "with a checkpoint written: continue with: avme pretrain --preset tiny --out" in told
    assert told.endswith(" --resume")
