"""Sample inputs of an export graph: batches of 1 and 3 clips, with and without audio.

Shape letters: b clips.
"""

from collections.abc import Iterator
from typing import Final, Literal

import torch
from torch import Tensor

from avme.config import FinetuneConfig, PretrainConfig
from avme.export.graph import Input

Audio = Literal["all", "none", "mixed"]
CASES: Final[tuple[tuple[int, Audio], ...]] = (
    (1, "all"),
    (1, "none"),
    (3, "all"),
    (3, "none"),
    (3, "mixed"),
)
"""Number of clips, and which of them have audio; `mixed` has a clip with audio, one without, and
one whose audio ends within the window."""


def sample_inputs(
    names: tuple[Input, ...],
    settings: PretrainConfig | FinetuneConfig,
    clips: int,
    audio: Audio,
    seed: int = 0,
) -> tuple[Tensor, ...]:
    """Return random inputs of a graph.

    Args:
        names: Inputs of the graph.
        settings: Settings of the model.
        clips: Number of clips.
        audio: Clips with audio.
        seed: Seed of all values.
    """
    clip, source = settings.clip, torch.Generator().manual_seed(seed)
    side, rows = clip.image_size, clip.span_rows
    shape = (clips, clip.num_frames, side, side, 3)
    frames = torch.randint(0, 256, shape, dtype=torch.uint8, generator=source)
    valid = torch.full((clips, rows), audio != "none")
    if audio == "mixed":
        valid[1] = False
        valid[2:, rows // 2 + 1 :] = False  # not a multiple of the rows of a token
    mfcc = torch.randn(clips, rows, settings.model.audio.num_cepstra, generator=source)
    given = {"frames": frames, "mfcc": mfcc * valid[..., None], "audio_valid": valid}
    return tuple(given[name] for name in names)


def all_cases(
    names: tuple[Input, ...], settings: PretrainConfig | FinetuneConfig
) -> Iterator[tuple[str, tuple[Tensor, ...]]]:
    """Yield a description and inputs for each case; a model of frames has no audio cases.

    Args:
        names: Inputs of the graph.
        settings: Settings of the model.
    """
    for seed, (clips, audio) in enumerate(CASES):
        if "mfcc" in names:
            title = f"{clips} clip{'s' * (clips > 1)}, audio {audio}"
        elif audio != "all":
            continue
        else:
            title = f"{clips} clip{'s' * (clips > 1)}"
        yield title, sample_inputs(names, settings, clips, audio, seed)
