"""metrics.jsonl and TensorBoard hold every step once, whatever happened in between."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from avme.train.metrics.loggers import MetricLoggers, read_metrics


def test_numbers_come_back(tmp_path: Path) -> None:
    with MetricLoggers(tmp_path, first_step=0) as record:
        record.write("train", 10, {"loss": 0.5})

    assert read_metrics(tmp_path / "metrics.jsonl") == [{"kind": "train", "step": 10, "loss": 0.5}]
    assert any((tmp_path / "tb").iterdir())


def test_metric_loggers_after_restart_remove_lines_beyond_the_checkpoint(tmp_path: Path) -> None:
    with MetricLoggers(tmp_path, first_step=0) as record:
        for step in (10, 20, 30):
            record.write("train", step, {"loss": 1.0})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"kind": "train", "st')  # cut off by a kill

    with MetricLoggers(tmp_path, first_step=20) as record:
        record.write("train", 30, {"loss": 2.0})

    lines = read_metrics(tmp_path / "metrics.jsonl")
    assert [(line["step"], line["loss"]) for line in lines] == [(10, 1.0), (20, 1.0), (30, 2.0)]


def test_lines_that_cannot_be_read_are_left_out_and_counted(tmp_path: Path) -> None:
    with MetricLoggers(tmp_path, first_step=0) as record:
        for step in (10, 20):
            record.write("train", step, {"loss": float("inf")})
        assert record.num_lost == 0
    path = tmp_path / "metrics.jsonl"
    bad = (b"\xff", b"[]", b"{}", b'{"step": true}', b'{"step": "1"}', b"[" * 5000 + b"]" * 5000)
    path.write_bytes(b"\n".join((*bad, path.read_bytes() + b'{"kind": "tr')))

    with MetricLoggers(tmp_path, first_step=20) as record:
        assert record.num_lost == len(bad)

    assert [line["step"] for line in read_metrics(path)] == [10, 20]


def board(folder: Path) -> EventAccumulator:
    """As TensorBoard reads it."""
    return EventAccumulator(str(folder / "tb")).Reload()


def test_metric_loggers_after_restart_show_every_point_and_image_once(tmp_path: Path) -> None:
    picture = np.zeros((4, 6, 3), dtype=np.uint8)
    with MetricLoggers(tmp_path, first_step=0) as record:
        for step in (10, 20, 30):
            record.write("train", step, {"loss": 1.0})
            record.log_image("reconstruction", step, picture)

    # Within a second, TensorBoard orders the files of one process as text: 10 comes before 9.
    time.sleep(1.1)
    with MetricLoggers(tmp_path, first_step=20) as record:
        for step in (30, 40):
            record.write("train", step, {"loss": 2.0})
            record.log_image("reconstruction", step, picture)

    shown = board(tmp_path)
    points = [(point.step, point.value) for point in shown.Scalars("train/loss")]
    assert points == [(10, 1.0), (20, 1.0), (30, 2.0), (40, 2.0)]
    assert [image.step for image in shown.Images("reconstruction")] == [10, 20, 30, 40]


def test_metric_loggers_of_killed_run_keep_their_events(tmp_path: Path) -> None:
    record = MetricLoggers(tmp_path, first_step=0)
    record.write("train", 10, {"loss": 0.5})

    assert [point.step for point in board(tmp_path).Scalars("train/loss")] == [10]
    record.__exit__(None, None, None)


FULL = """
import resource, sys
from pathlib import Path
from avme.train.metrics.loggers import MetricLoggers

limit = int(sys.argv[2])
try:
    with MetricLoggers(Path(sys.argv[1]), first_step=0) as record:
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        for step in range(1, 1000):
            record.write("train", step, {"loss": 1.0})
except OSError as error:
    print(error)
"""


@pytest.mark.slow
@pytest.mark.parametrize("limit", [0, 100, 2000])
def test_metric_loggers_on_full_disk_raise_without_traceback(limit: int, tmp_path: Path) -> None:
    """At 2000 bytes it is TensorBoard's file, written by a thread, that finds no room first."""
    argv = [sys.executable, "-c", FULL, str(tmp_path), str(limit)]

    done = subprocess.run(argv, capture_output=True, text=True, timeout=240)

    assert (done.returncode, done.stderr) == (0, "")
    assert "File too large" in done.stdout
    assert all(line["loss"] == 1.0 for line in read_metrics(tmp_path / "metrics.jsonl"))


def test_metric_loggers_hide_the_traceback_of_the_event_thread(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """TensorBoard hands on the error of its thread before the thread has ended."""
    printed: list[str] = []
    monkeypatch.setattr(threading, "excepthook", lambda failed: printed.append(str(failed)))

    class _AsyncWriterThread(threading.Thread):
        def run(self) -> None:
            time.sleep(0.1)
            raise OSError("No space left on device")

    record = MetricLoggers(tmp_path, first_step=0)
    thread = _AsyncWriterThread(daemon=True)
    thread.start()
    record.__exit__(OSError, None, None)

    thread.join()
    assert printed == []
