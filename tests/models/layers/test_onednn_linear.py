"""Our linear layer is torch's: values, gradients and the number of operations."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from avme.models.layers import onednn_linear as module
from avme.models.layers.onednn_linear import Linear, register_flops


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(6, 24), (2, 3, 24), (2, 2, 5, 24)])
def test_values_and_gradients_are_torchs(shape: tuple[int, ...], bias: bool) -> None:
    torch.manual_seed(0)
    layer = Linear(24, 40, bias=bias)
    rows, same = (torch.linspace(-2, 2, 24).expand(shape).clone() for _ in range(2))
    wanted = torch.randn(*shape[:-1], 40)

    found = layer(rows.requires_grad_())
    parameters = [rows, *layer.parameters()]
    gradients = torch.autograd.grad((found * wanted).sum(), parameters)

    expected = F.linear(same.requires_grad_(), layer.weight, layer.bias)
    others = torch.autograd.grad((expected * wanted).sum(), [same, *layer.parameters()])
    torch.testing.assert_close(found, expected)
    for gradient, other in zip(gradients, others, strict=True):
        torch.testing.assert_close(gradient, other)


def test_slices_of_rows_are_taken_as_they_are() -> None:
    layer, rows = Linear(24, 8), torch.randn(2, 7, 24)

    torch.testing.assert_close(layer(rows[:, 3:]), layer(rows)[:, 3:])


def test_linear_without_rows_gives_zero_gradients() -> None:
    layer = Linear(24, 8)

    torch.autograd.backward(layer(torch.zeros(0, 3, 24)).sum())

    assert layer.weight.grad is not None
    assert not layer.weight.grad.any()


def test_operations_are_counted() -> None:
    layer, plain = Linear(24, 40), nn.Linear(24, 40)

    counts = []
    for each in (layer, plain):
        register_flops()
        with FlopCounterMode(display=False) as counter:
            each(torch.randn(3, 5, 24))
        counts.append(counter.get_total_flops())

    assert counts == [2 * 15 * 24 * 40] * 2


def test_under_autocast_it_is_torchs_own(monkeypatch: pytest.MonkeyPatch) -> None:
    def never(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(module, "_product", never)

    with torch.autocast("cpu", torch.bfloat16):
        assert Linear(24, 8)(torch.randn(2, 24)).dtype == torch.bfloat16
