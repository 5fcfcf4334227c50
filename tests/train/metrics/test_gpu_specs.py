"""Peaks come from data sheets; a device that is in none has no peak."""

import pytest
import torch

from avme.train.metrics.gpu_specs import PEAK_TFLOPS, max_clips_per_second, peak_tflops


def test_max_clips_per_second_of_h100_with_the_base_model_is_near_1500_at_a_third_of_peak() -> None:
    peak = peak_tflops("NVIDIA H100 80GB HBM3", torch.bfloat16, tf32=False)

    assert peak == 989.5
    assert peak * 1e3 / (3 * 71.0) == pytest.approx(4645, abs=1)  # design, section 9: 213 GFLOP


def test_single_precision_counts_tensor_cores_only_where_they_are_used() -> None:
    name = "NVIDIA A100-SXM4-80GB"

    assert peak_tflops(name, torch.float32, tf32=True) == 156.0
    assert peak_tflops(name, torch.float32, tf32=False) == 19.5
    assert peak_tflops(name, torch.bfloat16, tf32=True) == 312.0


@pytest.mark.parametrize(
    "name", ["NVIDIA H100 80GB HBM3 MIG 1g.10gb", "NVIDIA GeForce RTX 9090", "cpu"]
)
def test_peak_tflops_of_mig_slice_and_unknown_device_is_none(name: str) -> None:
    assert peak_tflops(name, torch.bfloat16, tf32=True) is None


def test_narrower_numbers_are_never_slower() -> None:
    assert all(peak.bf16 >= peak.tf32 >= peak.fp32 for peak in PEAK_TFLOPS.values())


def test_max_clips_per_second_of_cpu_is_none() -> None:
    assert max_clips_per_second(torch.device("cpu"), torch.bfloat16, 71.0, 1) is None
