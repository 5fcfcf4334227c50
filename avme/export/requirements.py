"""Packages that an export needs, checked without importing them."""

from importlib.util import find_spec
from typing import Final

from avme.errors import SystemRequirementError

_OF_FORMAT: Final = {"onnx": ("onnx", "onnxscript", "onnxruntime")}


def require_packages(kind: str) -> None:
    """Raise SystemRequirementError if a package that the format needs is not installed."""
    missing = [name for name in _OF_FORMAT.get(kind, ()) if find_spec(name) is None]
    if missing:
        raise SystemRequirementError(
            f"--format {kind} needs packages that are not installed ({', '.join(missing)}): "
            "pip install 'avme[export]'"
        )
