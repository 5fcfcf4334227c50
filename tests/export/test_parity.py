"""The comparison of an exported file with its model finds what differs."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from einops import rearrange
from torch import Tensor

from avme.errors import MismatchError
from avme.export.graph import INPUTS
from avme.export.parity import eager_output, require_parity
from avme.export.sample_inputs import sample_inputs
from avme.features.network import TrainedNetwork, load_network


@pytest.fixture(scope="module")
def trained(classifier: Path) -> TrainedNetwork:
    loaded = load_network(classifier)
    loaded.model.eval()
    return loaded


def changed(trained: TrainedNetwork, change: Callable[[Tensor], Tensor]) -> float:
    def run(inputs: tuple[Tensor, ...]) -> Tensor:
        return change(eager_output(trained.model, trained.settings, INPUTS, inputs))

    return require_parity(run, trained.model, trained.settings, INPUTS)


def test_eager_output_is_the_call_of_the_network(trained: TrainedNetwork) -> None:
    frames, mfcc, valid = sample_inputs(INPUTS, trained.settings, 3, "mixed")

    found = eager_output(trained.model, trained.settings, INPUTS, (frames, mfcc, valid))

    video = rearrange(frames, "b t h w c -> b c t h w")
    assert torch.equal(found, trained.model(video, mfcc, valid))


def test_require_parity_returns_the_largest_difference(trained: TrainedNetwork) -> None:
    assert changed(trained, lambda output: output) == 0.0
    assert changed(trained, lambda output: output + 5e-5) == pytest.approx(5e-5, rel=0.02)


def below_in_last_clip(output: Tensor) -> Tensor:
    output = output.clone()
    output[-1, 0] -= 2e-4
    return output


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (below_in_last_clip, "differs from the model by 0.0002 for 1 clip, audio all"),
        (lambda output: output * float("nan"), "by nan"),
        (lambda output: output[:, :1], r"shape \(1, 1\)"),
        (lambda output: output[:1], r"shape \(1, 3\) for 3 clips"),
    ],
)
def test_require_parity_of_another_output_is_an_error(
    trained: TrainedNetwork, change: Callable[[Tensor], Tensor], said: str
) -> None:
    with pytest.raises(MismatchError, match=said):
        changed(trained, change)
