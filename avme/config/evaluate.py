"""Settings of `avme eval`; the window is that of the checkpoint, if it states one."""

from typing import Annotated, Literal

from pydantic import Field

from avme.config.base import Settings

Rank = Annotated[int, Field(ge=1, le=1_000_000)]
Mode = Annotated[str, Field(max_length=100)]
"""Name of a mode or degradation, with its number."""


class EvalConfig(Settings):
    """Evaluation of a classifier."""

    topk: Annotated[tuple[Rank, ...], Field(max_length=100)] = (1, 5)
    segments: Annotated[int, Field(ge=1, le=10_000)] = 5
    """Windows per clip, evenly spaced; a short clip has only as many as differ."""
    crops: Annotated[int, Field(ge=1, le=3)] = 3
    """Square crops along the longer side of each window; 1 for an audio-only classifier."""
    list: Literal["test", "train"] = "test"
    """List of the split to score."""
    subset: Literal["all", "audio", "silent"] = "all"
    """Clips of the list to score: all, those with audible audio, or the others."""
    modality: Literal["av", "v", "a", "product"] | None = None
    """Inputs of an av classifier: v gives it no audio, a blank frames; none is the classifier's. Of
    one with unimodal heads, v and a are these heads, product their probabilities multiplied."""
    audio: Mode = "real"
    """Audio of the clips: real, null, silence, noise@SNR, shuffle, shuffle-within-class, offset=S,
    donor or presence-swap."""
    frames: Mode = "real"
    """Frames of the clips: real, static, shuffle, reverse, mean or blank."""
    degrade: Annotated[tuple[Mode, ...], Field(max_length=100)] = ()
    """Degradations, such as `jpeg=3`; with `controls` also `jpeg` for all five severities."""
    controls: bool = False
    """Score a battery of audio and frame modes, and judge their effects."""
    control_seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 0
    """Seed of permutations, donors and noise of `audio`, `frames` and the controls."""
    frame_stride: Annotated[int, Field(ge=1, le=65_536)] | None = None
    """Source frames from one frame to the next, for weights that do not state it; none is 4."""
    heads: Annotated[int, Field(ge=1, le=65_536)] | None = None
    """Attention heads, for weights that do not state them and are of no known size."""
    batch_size: Annotated[int, Field(ge=1, le=65_536)] = 8
    """Clips per batch and device, each with all its views."""
    precision: Literal["auto", "bf16", "fp16", "fp32"] = "auto"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    num_workers: Annotated[int, Field(ge=0, le=1024)] | None = None
