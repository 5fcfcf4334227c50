"""Comparison of an exported file with the model that it was made from.

Shape letters: b clips, l outputs.
"""

from collections.abc import Callable
from typing import Final

import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor

from avme.batch import AVBatch
from avme.config import FinetuneConfig, PretrainConfig
from avme.errors import MismatchError
from avme.export.graph import INPUTS, Input
from avme.export.sample_inputs import all_cases, sample_inputs
from avme.features.tokens import encode_tokens, pool_tokens, stages_of
from avme.models.build import Network
from avme.models.classifier import Classifier

Runner = Callable[[tuple[Tensor, ...]], Tensor]
"""Exported file: tensors in, one tensor out."""
MOST_DIFFERENCE: Final = 1e-4
"""Largest accepted absolute difference of an output."""


@torch.no_grad()
def eager_output(
    network: Network,
    settings: PretrainConfig | FinetuneConfig,
    names: tuple[Input, ...],
    inputs: tuple[Tensor, ...],
) -> Float[Tensor, "b l"]:
    """Return the output of the network for the inputs of its graph, as `avme eval` computes it.

    Args:
        network: Network in evaluation mode, on the CPU.
        settings: Its settings.
        names: Inputs of the graph.
        inputs: Values of these inputs.
    """
    clips = len(inputs[0])
    absent = zip(INPUTS, sample_inputs(INPUTS, settings, clips, "none"), strict=True)
    given = dict(absent) | dict(zip(names, inputs, strict=True))
    frames, mfcc, valid = (given[name] for name in INPUTS)
    video = rearrange(frames, "b t h w c -> b c t h w")
    if isinstance(network, Classifier):
        logits: Tensor = network(video, mfcc, valid)
        return logits
    index = torch.arange(clips)
    batch = AVBatch(video=video, mfcc=mfcc, audio_valid=valid, label=index, clip=index, seed=index)
    stage = stages_of(network)[-1]
    return pool_tokens(encode_tokens(network, batch, [stage])[stage], "mean", 1)


def require_parity(
    run: Runner,
    network: Network,
    settings: PretrainConfig | FinetuneConfig,
    names: tuple[Input, ...],
) -> float:
    """Return the largest absolute difference between a file and its model over all cases.

    Args:
        run: Exported file.
        network: Network in evaluation mode, on the CPU.
        settings: Its settings.
        names: Inputs of the graph.

    Raises:
        MismatchError: A difference exceeds 1e-4 or is not a number, or a shape differs.
    """
    worst = 0.0
    for title, inputs in all_cases(names, settings):
        expected = eager_output(network, settings, names, inputs)
        found = run(inputs)
        if found.shape != expected.shape:
            raise MismatchError(
                f"the exported file gives outputs of shape {tuple(found.shape)} for {title} "
                f"(expected {tuple(expected.shape)}): nothing was written"
            )
        difference = float((found.double() - expected.double()).abs().max())
        if not difference <= MOST_DIFFERENCE:  # nan too
            raise MismatchError(
                f"the exported file differs from the model by {difference:.2g} for {title} "
                f"(expected at most {MOST_DIFFERENCE:g}): nothing was written; another version of "
                "torch may export it, and --format safetensors does not depend on it"
            )
        worst = max(worst, difference)
    return worst
