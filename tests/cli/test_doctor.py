"""`avme doctor`: what is missing is named with the way to get it, and nothing broken ends it."""

import json
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

import avme
from avme.system.packages import required_packages
from avme_cli.app import app

TORCH = "class cuda:\n    is_available = staticmethod(lambda: False)\n"


def run(line: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, shlex.split(line), prog_name="avme")
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Packages that load at once, for the processes that import them."""
    folder = tmp_path / "site"
    folder.mkdir()
    for package in required_packages():
        (folder / f"{package.module}.py").write_text(TORCH if package.name == "torch" else "")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def test_doctor_on_whole_machine_lists_all_topics(site: Path) -> None:
    code, out, err = run("doctor")

    assert (code, err) == (0, "")
    assert all(line.isprintable() for line in out.splitlines())
    topics = [line for line in out.splitlines() if not line.startswith(" ")]
    assert topics == ["machine", "accelerators", "programs", "packages", "extras"]
    assert f"{avme.__version__} ({Path(avme.__file__).parent})" in out
    for package in required_packages():
        assert f"  {package.version}\n" in out, package
        assert package.is_accepted


def test_doctor_with_broken_package_exits_6_and_prints_the_fix(site: Path) -> None:
    (site / "torchvision.py").write_text("raise RuntimeError('operator nms does not exist')\n")
    (site / "h5py.py").write_text("import os; os._exit(1)\n")

    code, out, err = run("doctor")

    assert code == 6
    assert err == ("error: missing or broken: h5py, torchvision; the fixes are listed above\n")
    lines = [line.strip() for line in out.splitlines()]
    row = next(number for number, line in enumerate(lines) if "operator nms" in line)
    assert lines[row].startswith("missing  torchvision")
    assert lines[row + 1] == "pip install --force-reinstall torch torchvision"
    assert "missing  h5py" in out


def test_doctor_with_json_prints_the_findings_as_rows() -> None:
    code, out, _ = run("doctor --json")

    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0
    assert rows["avme"]["found"].startswith(avme.__version__)
    assert {row["state"] for row in rows.values()} <= {"ok", "note"}
