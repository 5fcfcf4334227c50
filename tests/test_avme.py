"""The package: names of the Python API are imported on first use."""

import subprocess
import sys

import pytest

import avme


def test_import_avme_imports_no_torch() -> None:
    program = "import sys, avme; assert 'torch' not in sys.modules; print(avme.__version__)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)

    assert (done.returncode, done.stdout) == (0, f"{avme.__version__}\n")


def test_names_of_the_api_exist() -> None:
    assert all(getattr(avme, name) is not None for name in avme.__all__)


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'laod'"):
        _ = avme.laod
