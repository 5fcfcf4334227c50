"""GPU detection without importing torch.

torch takes seconds and hundreds of megabytes to import; its `version.py` names the build, and a
CUDA build needs the driver's library. Only a definite no counts: torch decides the rest.
"""

import ctypes
import importlib.util
import re
import sys
from pathlib import Path

_VERSION = re.compile(r"^(?P<name>cuda|hip|rocm|xpu)\b[^=\n]*=\s*(?P<value>.+)$", re.MULTILINE)
_DRIVER = "libcuda.so.1"


def may_have_cuda() -> bool:
    """Return False if torch was built for CPUs only, or if there is no CUDA driver."""
    build = torch_build()
    if build is None:
        return True
    if all(value == "None" for value in build.values()):
        return False
    if build.get("hip", "None") != "None" or not sys.platform.startswith("linux"):
        return True
    return _loads(_DRIVER)


def torch_build() -> dict[str, str] | None:
    """Return the accelerators in `torch/version.py` as Python source; None without the file."""
    spec = importlib.util.find_spec("torch")
    if spec is None or spec.origin is None:
        return None
    try:
        text = Path(spec.origin).with_name("version.py").read_text(encoding="utf-8")
    except OSError:
        return None
    found = {match["name"]: match["value"].strip() for match in _VERSION.finditer(text)}
    return found or None


def _loads(library: str) -> bool:
    try:
        ctypes.CDLL(library)
    except OSError:
        return False
    return True
