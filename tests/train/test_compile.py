"""Compiled blocks compute the same under the same names.

In processes of their own: the compiler cannot read through the suite's checks of shapes.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from avme.config import TrainConfig
from avme.models.layers.blocks import Block
from avme.train.compile import set_up

pytestmark = pytest.mark.slow

_COMPILE = """
import sys
import torch
import torch._inductor.config
from torch import nn
from avme.models.layers.blocks import Block
from avme.train.compile import compile_blocks

torch._inductor.config.cpp.vec_isa_ok = False  # a third of the time: torch would test the compiler
if sys.argv[1:]:
    torch._inductor.config.cpp.cxx = tuple(sys.argv[1:])

model = nn.Sequential(Block(16, 2, 2.0), nn.LayerNorm(16))
tokens = torch.randn(2, 5, 16)
expected, names = model(tokens), list(model.state_dict())
compile_blocks(model, torch.device("cpu"))
torch.testing.assert_close(model(tokens), expected)
assert list(model.state_dict()) == names
print("graphs", torch._dynamo.utils.counters["stats"]["unique_graphs"])
"""


def compiled(start: Callable[..., Any], cache: Path, *compiler: str) -> Any:
    """Runs it with an empty cache."""
    cold = {"TORCHINDUCTOR_CACHE_DIR": str(cache), "TORCHINDUCTOR_COMPILE_THREADS": "1"}
    return start(["-c", _COMPILE, *compiler], env=cold)


def test_compiled_blocks_compute_the_same_under_the_same_names(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    done = compiled(start, tmp_path)

    assert done.wait() == 0, done.said
    assert done.printed == "graphs 2\n"  # the trial and the block


def test_set_up_without_compiler_names_what_is_missing(
    start: Callable[..., Any], tmp_path: Path
) -> None:
    done = compiled(start, tmp_path, "/no/such/compiler")

    assert done.wait() == 1
    last = done.said.strip().splitlines()[-1]
    assert last.startswith(
        "avme.errors.SystemRequirementError: train.compile: torch cannot compile for cpu"
    )
    assert last.endswith("install one, or leave compiling out")


def test_checkpointing_reaches_every_block() -> None:
    model = nn.Sequential(Block(16, 2, 2.0), nn.Sequential(Block(16, 2, 2.0)))

    set_up(model, TrainConfig(activation_checkpointing=True), torch.device("cpu"))

    assert [part.recompute for part in model.modules() if isinstance(part, Block)] == [True, True]
