"""`avme predict` on one file beside its floor: importing torch and decoding the file with PyAV.

Both are processes of their own, run in turns: from the start of Python to the first line that they
print, and to their end. Seconds by the clock depend on what else the machine does; seconds of
cores, children included, do not.

    python benchmarks/predict.py runs/finetune-ucf101-av video.mp4 --rounds 5
"""

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

FLOOR = """
import sys
import av
import torch

with av.open(sys.argv[1]) as container:
    for packet in container.demux():
        for frame in packet.decode():
            if isinstance(frame, av.VideoFrame):
                frame.to_ndarray(format="rgb24")
print("decoded", flush=True)
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """Cost of one process and its children."""

    answer_seconds: float
    """From the start to the first line of output."""
    wall_seconds: float
    core_seconds: float
    peak_kib: int
    """Largest process."""


def main() -> None:
    """Run both in turns and print medians."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("video", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    basis = [sys.executable, "-c", FLOOR, str(chosen.video)]
    predict = [sys.executable, "-m", "avme_cli", "--quiet", "predict"]
    predict += [str(chosen.checkpoint), str(chosen.video)]
    costs: dict[str, list[Cost]] = {"torch and PyAV": [], "avme predict": []}
    for _ in range(chosen.rounds):
        for name, words in zip(costs, (basis, predict), strict=True):
            costs[name].append(measure(words))
    names = ("answer_seconds", "wall_seconds", "core_seconds")
    least = [median_of(costs["torch and PyAV"], name) for name in names]
    heads = ("answer s", "end s", "core s")
    print(f"{'':16s}" + "".join(f" {head:>8s} {'ratio':>6s}" for head in heads) + f" {'MiB':>6s}")
    for row, rows in costs.items():
        cells = zip((median_of(rows, name) for name in names), least, strict=True)
        line = "".join(f" {value:8.2f} {value / floor:6.2f}" for value, floor in cells)
        print(f"{row:16s}{line} {median_of(rows, 'peak_kib') / 1024:6.0f}")


def measure(words: Sequence[str]) -> Cost:
    """Run a command to its end; raises CalledProcessError if it fails."""
    began = time.perf_counter()
    process = subprocess.Popen(words, stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    answer = time.perf_counter() - began
    process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, words)
    return Cost(answer, wall, used.ru_utime + used.ru_stime, used.ru_maxrss)


def median_of(rows: Sequence[Cost], name: str) -> float:
    """Return the median of a cost."""
    return median(float(getattr(row, name)) for row in rows)


if __name__ == "__main__":
    main()
