"""Errors of torch, safetensors and the system become one line that says what to change."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from avme.checkpoint.file import load_checkpoint
from avme.errors import MismatchError, SystemRequirementError
from avme.system.torch_errors import machine_error

pytestmark = pytest.mark.slow

SAVE = """
import resource, sys
from pathlib import Path
import torch
from avme.errors import SystemRequirementError
from avme.checkpoint.file import Checkpoint, save_checkpoint
from avme.system.torch_errors import machine_error
from avme.weights.tensor_files import write_safetensors

folder = Path(sys.argv[1])

def checkpoint(step):
    return Checkpoint(
        stage="pretrain", config={}, facts={}, step=step, model={"weight": torch.zeros(100_000)}
    )

last, previous = folder / "last.pt", folder / "previous.pt"
save_checkpoint(last, checkpoint(1), previous=previous)
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
try:
    save_checkpoint(last, checkpoint(2), previous=previous)
except SystemRequirementError as error:
    print(error)
try:
    write_safetensors(folder / "weights.safetensors", {"weight": torch.zeros(100_000)}, {})
except Exception as error:
    print(machine_error(error, folder))
"""


@pytest.mark.parametrize("limit", [0, 1000, 399_000])
def test_full_disk_keeps_the_last_checkpoint_and_names_the_required_space(
    limit: int, tmp_path: Path
) -> None:
    """The system's limit on the size of a file stands for the disk, as anybody may set it."""
    argv = [sys.executable, "-c", SAVE, str(tmp_path), str(limit)]
    done = subprocess.run(argv, check=True, capture_output=True, text=True, timeout=120)

    assert done.stderr == ""
    first, second = done.stdout.splitlines()
    assert first.startswith(f"{tmp_path / 'last.pt'} cannot be written (File too large): ")
    assert "it needs 400 kB, " in first
    assert "--resume" in first
    assert second.startswith(
        f"{tmp_path / 'weights.safetensors'} cannot be written (File too large): "
    )
    assert load_checkpoint(tmp_path / "last.pt").step == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["last.pt"]


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"), "the GPU is out of"),
        (MemoryError(), "this machine is out of memory"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (OSError(errno.EDQUOT, "Disk quota exceeded"), "quota exceeded"),
        (PermissionError(errno.EACCES, "Permission denied", "/there/last.pt"), "/there/last.pt"),
        (SafetensorError("I/O error: No space left on device (os error 28)"), "No space left"),
    ],
)
def test_machine_error_names_the_resource(error: Exception, words: str, tmp_path: Path) -> None:
    found = machine_error(error, tmp_path)

    assert isinstance(found, SystemRequirementError)
    assert words.lower() in str(found).lower()
    assert "\n" not in str(found)


@pytest.mark.parametrize(
    "error",
    [
        ValueError("broken"),
        RuntimeError("shape '[3]' is invalid"),
        MismatchError("other data"),
        ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET)),
        OSError("no number"),
        SafetensorError("invalid header"),
    ],
)
def test_machine_error_of_other_errors_is_none(error: Exception, tmp_path: Path) -> None:
    assert machine_error(error, tmp_path) is None
