"""Inputs of a model from windows: batches in the modality that is asked for.

Shape letters: b views, c colors, t frames, h and w pixels.
"""

from collections.abc import Iterator, Sequence
from itertools import islice

import torch
from einops import rearrange
from torch import Tensor

from avme.batch import AVBatch
from avme.config import FinetuneConfig, PretrainConfig
from avme.data.temporal_sampling import Window
from avme.evaluation.modality import ScoredModality
from avme.inference.media_window import MediaWindow

VIEWS_AT_A_TIME = 8


def chunks(windows: Iterator[MediaWindow]) -> Iterator[list[MediaWindow]]:
    """Yield views in batches."""
    while part := list(islice(windows, VIEWS_AT_A_TIME)):
        yield part


def ignores_audio(settings: PretrainConfig | FinetuneConfig) -> bool:
    """Return True if the model was trained with the null tokens instead of any audio."""
    return settings.train.protocol in ("visual", "constant")


def to_batch(
    windows: Sequence[MediaWindow], *, modality: ScoredModality | None = None, no_audio: bool
) -> AVBatch:
    """Return views as a batch on the CPU.

    Args:
        windows: Views of one size.
        modality: Inputs to blank; None for all.
        no_audio: Give the model no audio.
    """
    mfcc = torch.stack([window.mfcc for window in windows])
    valid = torch.stack([window.audio_valid for window in windows])
    if no_audio or (modality is not None and modality.audio == "null"):
        mfcc, valid = torch.zeros_like(mfcc), torch.zeros_like(valid)
    video = torch.stack([_frames(window, modality) for window in windows])
    nothing = torch.zeros(len(windows), dtype=torch.int64)
    return AVBatch(
        video=rearrange(video, "b t c h w -> b c t h w"),
        mfcc=mfcc,
        audio_valid=valid,
        label=nothing,
        clip=nothing,
        seed=nothing,
    )


def _frames(window: MediaWindow, modality: ScoredModality | None) -> Tensor:
    frames = rearrange(window.frames, "t h w c -> t c h w")
    if modality is not None and modality.frame_source is not None:
        whole = Window(0, len(frames), 1)
        return modality.frame_source.change_view(window.index, whole, frames)
    return frames
