"""Versions and machine of a run, as in env.json."""

import platform
from typing import Any

import torch

import avme
from avme.system.cpu_count import available_cores
from avme.system.packages import installed_version

_PACKAGES = ("torch", "torchvision", "torchaudio", "numpy", "h5py", "av", "python_speech_features")


def environment() -> dict[str, Any]:
    """Return versions and machine, to reproduce the run."""
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor()
    return {
        "avme": avme.__version__,
        "python": platform.python_version(),
        "system": platform.platform(),
        "device": device or platform.machine(),
        "cores": available_cores(),
        "threads": torch.get_num_threads(),
        **{name: installed_version(name) for name in _PACKAGES},
    }
