"""A missing package is named before anything is loaded."""

import sys

import pytest

from avme.errors import SystemRequirementError
from avme.export.requirements import require_packages


def test_require_packages_missing_one_names_it_and_the_extra(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)

    with pytest.raises(
        SystemRequirementError, match=r"\(onnxscript\): pip install 'avme\[export\]'"
    ):
        require_packages("onnx")


def test_require_packages_of_other_formats_needs_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "onnxscript", None)

    require_packages("safetensors")
    require_packages("torch-export")
