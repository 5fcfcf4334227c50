"""The moving average of weights: torch's own after the warm-up, and exchanged bit for bit."""

import pytest
import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from avme.models.layers.sync_batchnorm import GlobalBatchNorm
from avme.train.ema import ModelEma


def make_model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), GlobalBatchNorm(4))


def change(model: nn.Module) -> None:
    with torch.no_grad():
        for value in model.state_dict().values():
            value.add_(torch.rand_like(value))


def test_ema_without_warm_up_equals_torch() -> None:
    model, decay = make_model(), 0.1  # below (1 + 1) / (10 + 1)
    ours = ModelEma(model, decay)
    rule = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    theirs = AveragedModel(model, multi_avg_fn=rule, use_buffers=True)
    theirs.update_parameters(model)  # the first update copies

    for _ in range(5):
        change(model)
        ours.update()
        theirs.update_parameters(model)

    expected = theirs.module.state_dict()
    assert ours.tensors.keys() == expected.keys()
    for name, value in expected.items():
        torch.testing.assert_close(ours.tensors[name], value)


def test_ema_decay_rises_to_its_value() -> None:
    model = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(model.weight)
    average, expected = ModelEma(model, 0.999), 0.0

    for update in range(1, 30):
        nn.init.constant_(model.weight, update)
        average.update()
        decay = (1 + update) / (10 + update)
        expected = decay * expected + (1 - decay) * update

    assert average.tensors["weight"].item() == pytest.approx(expected, rel=1e-5)


def test_ema_applied_restores_the_weights_bit_for_bit() -> None:
    model = make_model()
    average = ModelEma(model, 0.9)
    change(model)
    average.update()
    own, mean = (
        {name: value.clone() for name, value in state.items()}
        for state in (model.state_dict(), average.tensors)
    )

    with average.applied():
        assert all(torch.equal(value, mean[name]) for name, value in model.state_dict().items())

    assert all(torch.equal(value, own[name]) for name, value in model.state_dict().items())
    assert all(torch.equal(value, mean[name]) for name, value in average.tensors.items())
    assert not torch.equal(own["0.weight"], mean["0.weight"])


def test_ema_when_restored_continues_identically() -> None:
    model = make_model()
    whole, restored = ModelEma(model, 0.9), ModelEma(model, 0.9)
    change(model)
    whole.update()
    restored.restore(whole.state())
    change(model)

    whole.update()
    restored.update()

    assert all(torch.equal(restored.tensors[name], v) for name, v in whole.tensors.items())
