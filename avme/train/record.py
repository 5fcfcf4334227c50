"""What a run leaves behind while it runs: metrics.jsonl and TensorBoard's files.

A run that goes on from a checkpoint first takes back the lines that lie beyond it.
"""

import json
from pathlib import Path
from typing import Any

from avme.artifacts import write_text


class Record:
    """Numbers by step; used as a context so that files are closed."""

    def __init__(self, folder: Path, first_step: int) -> None:
        from torch.utils.tensorboard import SummaryWriter  # slow to import

        self.path = folder / "metrics.jsonl"
        _cut_back(self.path, first_step)
        self._file = self.path.open("a", encoding="utf-8")
        self._board = SummaryWriter(str(folder / "tb"), purge_step=first_step)

    def write(self, kind: str, step: int, numbers: dict[str, Any]) -> None:
        """One line, e.g. kind `train` with loss and lr; also a point on each curve."""
        self._file.write(json.dumps({"kind": kind, "step": step, **numbers}) + "\n")
        self._file.flush()
        for name, number in numbers.items():
            if isinstance(number, int | float):
                self._board.add_scalar(f"{kind}/{name}", number, step)

    def __enter__(self) -> "Record":
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        self._board.close()


def read_record(path: Path) -> list[dict[str, Any]]:
    """The lines of a metrics.jsonl; a last line that was cut off is left out."""
    if not path.exists():
        return []
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        try:
            lines.append(json.loads(line))
        except json.JSONDecodeError:
            break
    return lines


def _cut_back(path: Path, first_step: int) -> None:
    kept = [line for line in read_record(path) if line["step"] <= first_step]
    write_text(path, "".join(json.dumps(line) + "\n" for line in kept))
