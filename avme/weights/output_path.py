"""Check of the output path of exported weights, before any are read."""

import os
from pathlib import Path
from typing import Final

from avme.errors import UsageError

_ENDINGS: Final = {"official": (".pth", ".pt"), "huggingface": ("",), "avme": (".safetensors",)}


def require_output(out: Path, form: str) -> None:
    """Raise UsageError if `out` exists or its name does not fit the format."""
    if os.path.lexists(out):  # a dangling symlink counts as existing
        raise UsageError(f"{out} exists already: choose another OUT, nothing is overwritten")
    wanted = _ENDINGS[form]
    if out.suffix not in wanted:
        expected = "a folder" if form == "huggingface" else f"a name that ends in {wanted[0]}"
        raise UsageError(f"--to {form} writes {expected}, found {out}")
