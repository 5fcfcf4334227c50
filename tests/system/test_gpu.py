"""A machine without CUDA is known before torch is imported, and none with it is turned away."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from avme.system import gpu
from avme.system.gpu import may_have_cuda, torch_build


def test_torch_build_without_import_matches_torch() -> None:
    build = torch_build()

    assert build is not None
    assert build["cuda"].strip("'\"") == str(torch.version.cuda)
    assert build["hip"].strip("'\"") == str(torch.version.hip)


def test_may_have_cuda_on_cuda_machines_is_true() -> None:
    assert may_have_cuda() or not torch.cuda.is_available()


@pytest.mark.parametrize(
    ("version", "driver", "expected"),
    [
        ("cuda: Optional[str] = None\nhip: Optional[str] = None\n", True, False),
        ("cuda = None\nhip = None\n", True, False),
        ("cuda: Optional[str] = '13.0'\nhip: Optional[str] = None\n", True, True),
        ("cuda: Optional[str] = '13.0'\nhip: Optional[str] = None\n", False, False),
        ("cuda: Optional[str] = None\nhip: Optional[str] = '6.4'\n", False, True),
        ("", False, True),
    ],
)
def test_may_have_cuda_is_false_only_for_a_definite_no(
    version: str, driver: bool, expected: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "torch"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "version.py").write_text(version)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "torch")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(gpu, "_loads", lambda library: driver)

    assert may_have_cuda() is expected


def test_torch_is_not_imported() -> None:
    code = "import sys; from avme.system.gpu import may_have_cuda; may_have_cuda(); "
    code += "sys.exit('torch' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
