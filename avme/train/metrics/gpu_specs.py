"""Peak FLOP/s by GPU model, for MFU.

Values are teraflop/s without sparsity; data sheets of newer GPUs print twice as much, with it. A
device that is not in the table, including a MIG slice, has no peak.
"""

from typing import NamedTuple

import torch


class PeakFlops(NamedTuple):
    """Peak of dense matrix products in teraflop/s."""

    bf16: float
    tf32: float
    fp32: float


# H100, H200, A100, A10, A30, A40, L4 and L40S Tensor Core GPU data sheets; halved where the sheet
# gives only the figure with sparsity.
_HOPPER_SXM = PeakFlops(bf16=989.5, tf32=494.5, fp32=67.0)
_HOPPER_NVL = PeakFlops(bf16=835.5, tf32=417.5, fp32=60.0)
_A100 = PeakFlops(bf16=312.0, tf32=156.0, fp32=19.5)
PEAK_TFLOPS: dict[str, PeakFlops] = {
    "H100 80GB HBM3": _HOPPER_SXM,
    "H100 NVL": _HOPPER_NVL,
    "H100 PCIe": PeakFlops(bf16=756.5, tf32=378.0, fp32=51.0),
    "H200": _HOPPER_SXM,
    "H200 NVL": _HOPPER_NVL,
    "A100-SXM4-40GB": _A100,
    "A100-SXM4-80GB": _A100,
    "A100-PCIE-40GB": _A100,
    "A100 80GB PCIe": _A100,
    "A10": PeakFlops(bf16=125.0, tf32=62.5, fp32=31.2),
    "A30": PeakFlops(bf16=165.0, tf32=82.0, fp32=10.3),
    "A40": PeakFlops(bf16=149.7, tf32=74.8, fp32=37.4),
    "L4": PeakFlops(bf16=121.0, tf32=60.0, fp32=30.3),
    "L40S": PeakFlops(bf16=362.05, tf32=183.0, fp32=91.6),
}
"""Peaks by torch's device name without "NVIDIA"."""

_FORWARD_AND_BACKWARD = 3


def peak_tflops(name: str, precision: torch.dtype, tf32: bool) -> float | None:
    """Return the peak of a device in teraflop/s; None if unknown.

    Args:
        name: Device name.
        precision: Dtype of autocast.
        tf32: Use of TF32.
    """
    peak = PEAK_TFLOPS.get(name.removeprefix("NVIDIA "))
    if peak is None:
        return None
    if precision != torch.float32:
        return peak.bf16
    return peak.tf32 if tf32 else peak.fp32


def max_clips_per_second(
    device: torch.device, precision: torch.dtype, forward_gflop: float, devices: int
) -> float | None:
    """Return the clips per second of training at the peak; None if unknown.

    A backward pass counts as two forward passes (Kaplan et al. 2020, 2.1).

    Args:
        device: Device.
        precision: Dtype of autocast.
        forward_gflop: Operations of one clip.
        devices: Number of devices.
    """
    if device.type != "cuda" or forward_gflop <= 0.0:
        return None
    tf32 = torch.backends.cuda.matmul.fp32_precision == "tf32"
    peak = peak_tflops(torch.cuda.get_device_name(device), precision, tf32)
    if peak is None:
        return None
    return devices * peak * 1e3 / (_FORWARD_AND_BACKWARD * forward_gflop)
