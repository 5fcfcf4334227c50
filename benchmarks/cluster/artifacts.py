"""What a set or a run holds, in a form in which two that must be equal are."""

import hashlib
import json
from pathlib import Path
from typing import Any, Final

_OF_TIME: Final = ("dataset.json", "prep.jsonl")
"""Files of a set that hold its name, or when it was made."""


def hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of every file of a set, by its path, but for those that differ anyhow."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name not in _OF_TIME and not _is_hidden(path, folder)
    }


def records(run: Path) -> list[dict[str, Any]]:
    """The lines of a run's metrics.jsonl, without what a clock measured."""
    from avme.train.metrics.metric_meter import MEASURED  # imports torch

    path = run / "metrics.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return [{k: v for k, v in json.loads(line).items() if k not in MEASURED} for line in lines]


def tensors(path: Path) -> bytes:
    """The bytes behind the header of a file of safetensors, which holds settings that differ."""
    if not path.is_file():
        return b""
    raw = path.read_bytes()
    return raw[8 + int.from_bytes(raw[:8], "little") :]


def _is_hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)
