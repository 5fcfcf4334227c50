"""Compiled blocks compute the same under the same names.

In processes of their own: the compiler cannot read through the suite's checks of shapes.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from avme.config import TrainConfig
from avme.models.blocks import Block
from avme.train.compile import set_up

pytestmark = pytest.mark.slow

_COMPILE = """
import torch
from torch import nn
from avme.models.blocks import Block
from avme.train.compile import compile_blocks

model = nn.Sequential(Block(16, 2, 2.0), nn.LayerNorm(16))
tokens = torch.randn(2, 5, 16)
expected, names = model(tokens), list(model.state_dict())
compile_blocks(model, torch.device("cpu"))
torch.testing.assert_close(model(tokens), expected)
assert list(model.state_dict()) == names
print("graphs", torch._dynamo.utils.counters["stats"]["unique_graphs"])
"""


def compiled(cache: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs it with an empty cache."""
    return subprocess.run(
        [sys.executable, "-c", _COMPILE],
        env=os.environ
        | {"TORCHINDUCTOR_CACHE_DIR": str(cache), "TORCHINDUCTOR_COMPILE_THREADS": "1"}
        | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_compiled_blocks_compute_the_same_under_the_same_names(tmp_path: Path) -> None:
    done = compiled(tmp_path)

    assert done.stdout == "graphs 2\n", done.stderr  # the trial and the block


def test_set_up_without_compiler_names_what_is_missing(tmp_path: Path) -> None:
    done = compiled(tmp_path, CXX="/no/such/compiler")

    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith(
        "avme.errors.SystemRequirementError: train.compile: torch cannot compile for cpu"
    )
    assert last.endswith("install one, or leave compiling out")


def test_checkpointing_reaches_every_block() -> None:
    model = nn.Sequential(Block(16, 2, 2.0), nn.Sequential(Block(16, 2, 2.0)))

    set_up(model, TrainConfig(activation_checkpointing=True), torch.device("cpu"))

    assert [part.recompute for part in model.modules() if isinstance(part, Block)] == [True, True]
