"""Settings of `avme eval`; the window comes from the checkpoint where it names one."""

from typing import Annotated, Literal

from pydantic import Field

from avme.config.base import Settings

Rank = Annotated[int, Field(ge=1, le=1_000_000)]


class EvalConfig(Settings):
    """From a classifier to its top-k."""

    topk: Annotated[tuple[Rank, ...], Field(max_length=100)] = (1, 5)
    segments: Annotated[int, Field(ge=1, le=10_000)] = 5
    """Windows spread evenly over every clip; of a short clip, as many as it has distinct ones."""
    crops: Annotated[int, Field(ge=1, le=3)] = 3
    """Squares along the longer side of every window; 1 for a classifier of audio alone."""
    part: Literal["test", "train"] = "test"
    """List of the split that is scored."""
    stride: Annotated[int, Field(ge=1, le=65_536)] | None = None
    """Source frames from one frame to the next, for weights that do not name theirs; else 4."""
    heads: Annotated[int, Field(ge=1, le=65_536)] | None = None
    """Attention heads, for weights that neither name theirs nor are of a known size."""
    batch_size: Annotated[int, Field(ge=1, le=65_536)] = 8
    """Clips at a time per device; all views of a clip count as one."""
    precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    num_workers: Annotated[int, Field(ge=0, le=1024)] | None = None
