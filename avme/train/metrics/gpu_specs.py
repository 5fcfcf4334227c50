"""What a GPU could do at most, by NVIDIA's data sheets, to say which share of it a run uses.

Figures are teraflop/s without sparsity: the sheets of newer GPUs print twice as much, with it. A
device that is not in the table, a slice of one (MIG) among them, has no peak, and no guess is made.
"""

from typing import NamedTuple

import torch


class Peak(NamedTuple):
    """Teraflop/s of dense matrix products."""

    bf16: float
    tf32: float
    fp32: float


# H100, H200, A100, A10, A30, A40, L4 and L40S Tensor Core GPU data sheets; halved where the sheet
# gives only the figure with sparsity.
_HOPPER_SXM = Peak(bf16=989.5, tf32=494.5, fp32=67.0)
_HOPPER_NVL = Peak(bf16=835.5, tf32=417.5, fp32=60.0)
_A100 = Peak(bf16=312.0, tf32=156.0, fp32=19.5)
PEAKS: dict[str, Peak] = {
    "H100 80GB HBM3": _HOPPER_SXM,
    "H100 NVL": _HOPPER_NVL,
    "H100 PCIe": Peak(bf16=756.5, tf32=378.0, fp32=51.0),
    "H200": _HOPPER_SXM,
    "H200 NVL": _HOPPER_NVL,
    "A100-SXM4-40GB": _A100,
    "A100-SXM4-80GB": _A100,
    "A100-PCIE-40GB": _A100,
    "A100 80GB PCIe": _A100,
    "A10": Peak(bf16=125.0, tf32=62.5, fp32=31.2),
    "A30": Peak(bf16=165.0, tf32=82.0, fp32=10.3),
    "A40": Peak(bf16=149.7, tf32=74.8, fp32=37.4),
    "L4": Peak(bf16=121.0, tf32=60.0, fp32=30.3),
    "L40S": Peak(bf16=362.05, tf32=183.0, fp32=91.6),
}
"""By the name that torch gives the device, less NVIDIA's own."""

_FORWARD_AND_BACKWARD = 3


def peak_tflops(name: str, precision: torch.dtype, tf32: bool) -> float | None:
    """The peak of the device `name` in the arithmetic of a run; None where it is not known."""
    peak = PEAKS.get(name.removeprefix("NVIDIA "))
    if peak is None:
        return None
    if precision != torch.float32:
        return peak.bf16
    return peak.tf32 if tf32 else peak.fp32


def most_clips_per_second(
    device: torch.device, precision: torch.dtype, forward_gflop: float, devices: int
) -> float | None:
    """Clips a second that `devices` could train on at their peak; None where it is not known.

    A backward pass counts as two forward passes (Kaplan et al. 2020, 2.1); `forward_gflop` is that
    of one clip.
    """
    if device.type != "cuda" or forward_gflop <= 0.0:
        return None
    tf32 = torch.backends.cuda.matmul.fp32_precision == "tf32"
    peak = peak_tflops(torch.cuda.get_device_name(device), precision, tf32)
    if peak is None:
        return None
    return devices * peak * 1e3 / (_FORWARD_AND_BACKWARD * forward_gflop)
