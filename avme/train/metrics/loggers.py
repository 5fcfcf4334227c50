"""Loggers of a run: metrics.jsonl, TensorBoard and, if requested, Weights & Biases.

A resumed run first removes lines and points beyond its checkpoint.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import UInt8

from avme.io.atomic import write_text
from avme.io.strict_json import parse_json
from avme.io.symlinks import own_file
from avme.train.metrics.wandb_run import WandbRun

_BOARD_THREAD = "_AsyncWriterThread"
_SECONDS_TO_FAIL = 1.0


class MetricLoggers:
    """Loggers of a run, for numbers and images by step; a context manager."""

    def __init__(self, folder: Path, first_step: int, wandb: WandbRun | None = None) -> None:
        from torch.utils.tensorboard import SummaryWriter  # slow import

        self.path = folder / "metrics.jsonl"
        self.num_lost = _cut_back(self.path, first_step)
        """Earlier lines of the run that could not be read, except for a truncated last one."""
        self._file = open(self.path, "a", encoding="utf-8", opener=own_file)  # noqa: SIM115
        # TensorBoard drops points from purge_step on, and the checkpoint's own point must stay.
        self._board = SummaryWriter(str(folder / "tb"), purge_step=first_step + 1)
        self._wandb = wandb
        self._hook = threading.excepthook
        threading.excepthook = self._without_tensorboards

    def write(self, kind: str, step: int, numbers: dict[str, Any]) -> None:
        """Write one line, and a point on each curve.

        Args:
            kind: `train` or `validation`.
            step: Number of steps done.
            numbers: Values such as loss and lr.
        """
        self._file.write(json.dumps({"kind": kind, "step": step, **numbers}) + "\n")
        self._file.flush()
        points = {name: value for name, value in numbers.items() if isinstance(value, int | float)}
        for name, value in points.items():
            self._board.add_scalar(f"{kind}/{name}", value, step)
        self._board.flush()  # after a kill the run resumes from a checkpoint after this point
        if self._wandb is not None:
            self._wandb.write(kind, step, points)

    def log_image(self, name: str, step: int, pixels: UInt8[np.ndarray, "h w 3"]) -> None:
        """Log an image; metrics.jsonl has numbers only.

        Args:
            name: Name of the image.
            step: Number of steps done.
            pixels: RGB, 0 to 255.
        """
        self._board.add_image(name, pixels, step, dataformats="HWC")
        self._board.flush()
        if self._wandb is not None:
            self._wandb.log_image(name, step, pixels)

    def __enter__(self) -> "MetricLoggers":
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        try:
            with suppress(OSError) if error else nullcontext():  # the disk may be full
                self._file.close()
            with suppress(OSError) if error else nullcontext():
                self._board.close()
        finally:
            if error:
                self._wait_for_failed_writer()
            threading.excepthook = self._hook
            if self._wandb is not None:
                self._wandb.close(failed=error is not None)

    def _without_tensorboards(self, failed: threading.ExceptHookArgs) -> None:
        """Suppress the traceback of TensorBoard's thread, raised again by the next flush."""
        if type(failed.thread).__name__ != _BOARD_THREAD:
            self._hook(failed)

    def _wait_for_failed_writer(self) -> None:
        """Wait for a failed writer thread, which may not have printed its traceback yet."""
        for thread in threading.enumerate():
            if type(thread).__name__ == _BOARD_THREAD:
                thread.join(_SECONDS_TO_FAIL)


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Read the lines of a metrics.jsonl; invalid ones, such as a truncated one, are left out."""
    return [line for line in _lines(path) if line is not None]


def _lines(path: Path) -> Iterator[dict[str, Any] | None]:
    """Yield every line, None for one that is not an object with a step."""
    if not path.exists():
        return
    with path.open("rb") as file:
        for text in file:
            try:
                line = parse_json(text, has_nan=True)
            except ValueError:
                line = None
            is_line = isinstance(line, dict) and type(line.get("step")) is int
            yield line if is_line else None


def _cut_back(path: Path, first_step: int) -> int:
    """Remove lines beyond the step; return how many others could not be read."""
    lines = list(_lines(path))
    kept = [line for line in lines if line is not None and line["step"] <= first_step]
    write_text(path, "".join(json.dumps(line) + "\n" for line in kept))
    return lines[:-1].count(None)  # a kill may truncate the last one
