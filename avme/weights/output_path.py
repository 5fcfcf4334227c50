"""File or folder that weights are written to: what may be given, known before any are read."""

import os
from pathlib import Path
from typing import Final

from avme.errors import UsageError

_ENDINGS: Final = {"official": (".pth", ".pt"), "huggingface": ("",), "avme": (".safetensors",)}


def require_output(out: Path, form: str) -> None:
    """Raise UsageError where `out` exists or does not have a name of this form."""
    if os.path.lexists(out):  # a link to nowhere is something, too
        raise UsageError(f"{out} exists already: choose another OUT, nothing is overwritten")
    wanted = _ENDINGS[form]
    if out.suffix not in wanted:
        expected = "a folder" if form == "huggingface" else f"a name that ends in {wanted[0]}"
        raise UsageError(f"--to {form} writes {expected}, found {out}")
