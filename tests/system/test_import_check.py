"""A package that raises, exits or ends Python on import is named, and the others are imported."""

from pathlib import Path

import pytest

from avme.system.import_check import ImportCheck, Imported, check_import, short_reason


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def test_check_import_of_failing_modules_gives_a_clause(site: Path) -> None:
    texts = {
        "whole": "print('hello', {})",
        "raising": "raise RuntimeError('\\n  compiled for CUDA 13.0,   not 13.2\\n' + 9000 * 'x')",
        "silent": "raise OSError()",
        "painting": "raise ImportError('\\x1b[31mred' + 900 * 'y')",
        "leaving": "raise SystemExit(3)",
        "gone": "import os; os._exit(9)",
        "killed": "import os; os.kill(os.getpid(), 9)",
        "last": "",
    }
    for name, text in texts.items():
        (site / f"{name}.py").write_text(text)

    found = ImportCheck([*texts, "not_there"]).results()

    assert list(found) == [*texts, "not_there"]
    assert [name for name, result in found.items() if result.error is None] == ["whole", "last"]
    errors = {name: result.error or "" for name, result in found.items()}
    assert errors["raising"] == "RuntimeError: compiled for CUDA 13.0, not 13.2"
    assert errors["silent"] == "OSError: no reason given"
    assert errors["painting"].startswith("ImportError: ?[31mredyyy")
    assert errors["painting"].endswith("y...")
    assert errors["leaving"] == "SystemExit: 3"
    assert errors["gone"] == "exit 9"
    assert errors["killed"] == "the import ends Python with signal 9"
    assert errors["not_there"] == "ModuleNotFoundError: No module named 'not_there'"
    assert all(len(error) <= 160 and error.isprintable() for error in errors.values())


def test_check_import_of_nothing_starts_no_process() -> None:
    assert ImportCheck([]).results() == {}


def test_check_import_of_torch_counts_gpus(site: Path) -> None:
    (site / "torch.py").write_text(
        "class Properties:\n"
        "    name, total_memory = 'NVIDIA T9', 16 * 10**9\n"
        "class cuda:\n"
        "    is_available = staticmethod(lambda: True)\n"
        "    device_count = staticmethod(lambda: 2)\n"
        "    get_device_properties = staticmethod(lambda number: Properties)\n"
    )

    assert ImportCheck(["torch"]).results()["torch"].gpus == 2 * ("NVIDIA T9, 16.0 GB",)


def test_check_import_of_torch_gives_the_reason_for_no_gpu(site: Path) -> None:
    (site / "torch.py").write_text(
        "import warnings\n"
        "class cuda:\n"
        "    is_available = staticmethod(lambda: bool(warnings.warn('the driver is too old')))\n"
    )

    result = ImportCheck(["torch"]).results()["torch"]

    assert result == Imported("torch", gpu_warning="UserWarning: the driver is too old")


def test_check_import_of_installed_torch_succeeds() -> None:
    assert check_import("torch").error is None


def test_short_reason_is_short() -> None:
    assert len(short_reason(ValueError("x" * 9000))) == 160
