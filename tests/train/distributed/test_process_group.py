"""Precision: what was asked for, or the fastest that trains safely on the device."""

import pytest
import torch

from avme.train.distributed.process_group import autocast, pick_precision

CPU, GPU = torch.device("cpu"), torch.device("cuda")


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [("bf16", torch.bfloat16), ("fp16", torch.float16), ("fp32", torch.float32)],
)
def test_pick_precision_returns_the_requested_one(wanted: str, expected: torch.dtype) -> None:
    assert pick_precision(wanted, CPU) == pick_precision(wanted, GPU) == expected


def test_pick_precision_on_cpu_is_float32_by_default() -> None:
    assert pick_precision("auto", CPU) == torch.float32


@pytest.mark.parametrize(
    ("has_bf16", "is_sharded", "expected"),
    [
        (True, False, torch.bfloat16),
        (True, True, torch.bfloat16),
        (False, False, torch.float16),
        (False, True, torch.float32),
    ],
)
def test_gpus_without_bfloat16_take_float16_where_losses_are_scaled(
    has_bf16: bool, is_sharded: bool, expected: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: has_bf16)

    assert pick_precision("auto", GPU, is_sharded=is_sharded) == expected


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16])
def test_autocast_computes_matrix_products_in_the_given_precision(precision: torch.dtype) -> None:
    ones = torch.ones(2, 2)

    with autocast(torch.device("cpu"), precision):
        assert (ones @ ones).dtype == precision
