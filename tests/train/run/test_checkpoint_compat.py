"""A checkpoint is compared with the model of its settings before the model has any numbers."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

from avme.checkpoint.file import Checkpoint
from avme.config import OptimConfig
from avme.errors import MismatchError
from avme.train.optim import build_optimizer
from avme.train.run.checkpoint_compat import (
    build_on_meta,
    require_fitting_run,
    require_fitting_weights,
)

CONFIG = OptimConfig(layer_decay=0.5)


class Small(nn.Module):
    def __init__(self, width: int = 3) -> None:
        super().__init__()
        self.head = nn.Linear(2, width)
        self.norm = nn.BatchNorm1d(width)


@pytest.fixture
def checkpoint() -> Checkpoint:
    """After one step."""
    model = Small()
    optimizer = build_optimizer(model, CONFIG, depth=1)
    model.norm(model.head(torch.randn(4, 2))).sum().backward()
    optimizer.step()
    tensors = model.state_dict()
    return Checkpoint(
        stage="pretrain",
        config={},
        facts={},
        step=1,
        model=tensors,
        optimizer=optimizer.state_dict(),
        average={"updates": 1, "tensors": dict(tensors)},
    )


def test_build_on_meta_takes_no_memory() -> None:
    model = build_on_meta(lambda: nn.Linear(10**6, 10**6))

    assert model.weight.is_meta


def test_require_fitting_run_accepts_its_own_checkpoint(checkpoint: Checkpoint) -> None:
    require_fitting_run("it", checkpoint, build_on_meta(Small), CONFIG, depth=1)


def state(checkpoint: Checkpoint) -> dict[str, Any]:
    states: dict[int, dict[str, Any]] = checkpoint.optimizer["state"]
    return states[0]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda c: c.model.pop("head.bias"), r"^it lacks head\.bias \(1 tensors\)"),
        (lambda c: c.model.update(odd=torch.zeros(1)), r"^it also holds odd \(1 tensors\)"),
        (
            lambda c: c.model.update({"head.weight": torch.zeros(2, 3)}),
            r"head\.weight is \(2, 3\) of float32, expected \(3, 2\) of float32",
        ),
        (lambda c: c.model.update({"head.bias": torch.zeros(3).half()}), r"of float16"),
        (lambda c: c.average["tensors"].pop("head.bias"), r"^the average of it lacks head\.bias"),
        (lambda c: c.optimizer["param_groups"].pop(), "its optimizer has 1 groups, expected 2"),
        (
            lambda c: c.optimizer["param_groups"][0].update(params=[5]),
            r"params of a group of its optimizer is \[5\]",
        ),
        (
            lambda c: c.optimizer["param_groups"][0].update(weight_decay=0.7),
            "weight_decay of a group of its optimizer is 0.7",
        ),
        (lambda c: c.optimizer["param_groups"][0].update(betas=3), "betas of a group"),
        (lambda c: c.optimizer["param_groups"][0].update(maximize=True), "maximize of a group"),
        (lambda c: c.optimizer["param_groups"][0].update(foreach=3), "foreach of a group"),
        (lambda c: c.optimizer["state"].update({9: state(c)}), "has no state for weight 9"),
        (lambda c: state(c).pop("exp_avg"), "has no state for weight 0"),
        (lambda c: state(c).update(exp_avg=torch.zeros(1)), r"exp_avg of weight 0 is \(1,\)"),
        (lambda c: state(c).update(exp_avg=0.5), "exp_avg of weight 0 is float"),
        (lambda c: state(c).update(exp_avg_sq=state(c)["exp_avg_sq"].double()), "of float64"),
        (lambda c: state(c).update(step=torch.tensor(float("nan"))), "are not a count"),
        (lambda c: state(c).update(step=torch.zeros(2)), "are not a count"),
        (lambda c: state(c).pop("step"), "are not a count"),
    ],
)
def test_require_fitting_weights_of_other_model_names_the_difference(
    checkpoint: Checkpoint, change: Callable[[Checkpoint], object], said: str
) -> None:
    change(checkpoint)

    with pytest.raises(MismatchError, match=said) as caught:
        require_fitting_run("it", checkpoint, build_on_meta(Small), CONFIG, depth=1)

    assert "\n" not in str(caught.value)


def test_sizes_that_settings_make_up_are_refused_without_a_model_of_them(
    checkpoint: Checkpoint,
) -> None:
    model = build_on_meta(lambda: Small(width=10**9))

    with pytest.raises(MismatchError, match=r"head\.weight is \(3, 2\).*\(1000000000, 2\)"):
        require_fitting_weights("it", checkpoint.model, model)
