"""`avme doctor`: what is missing is named with the way to get it, and nothing broken ends it."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import avme
from avme.system.packages import required_packages
from avme_cli.app import app

TORCH = "class cuda:\n    is_available = staticmethod(lambda: False)\n"


def run(line: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, shlex.split(line), prog_name="avme")
    return result.exit_code, result.stdout, result.stderr


def findings() -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in json.loads(run("doctor --json")[1])}


@pytest.fixture(autouse=True)
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Packages that load at once, for the processes that import them."""
    folder = tmp_path / "site"
    folder.mkdir()
    for package in required_packages():
        (folder / f"{package.module}.py").write_text(TORCH if package.name == "torch" else "")
    monkeypatch.setenv("PYTHONPATH", str(folder))
    return folder


def metadata(site: Path, name: str, version: str, *requires: str) -> None:
    folder = site / f"{name}-{version}.dist-info"
    folder.mkdir()
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {line}" for line in requires]
    (folder / "METADATA").write_text("\n".join(lines) + "\n")


def test_a_whole_machine_misses_nothing(site: Path) -> None:
    code, out, err = run("doctor")

    assert (code, err) == (0, "")
    assert all(line.isprintable() for line in out.splitlines())
    topics = [line for line in out.splitlines() if not line.startswith(" ")]
    assert topics == ["machine", "accelerators", "programs", "packages", "extras"]
    assert f"{avme.__version__} ({Path(avme.__file__).parent})" in out
    for package in required_packages():
        assert f"  {package.version}\n" in out, package
        assert package.is_accepted


def test_a_package_that_does_not_load_is_named_with_what_mends_it(site: Path) -> None:
    (site / "torchvision.py").write_text("raise RuntimeError('operator nms does not exist')\n")
    (site / "h5py.py").write_text("import os; os._exit(1)\n")

    code, out, err = run("doctor")

    assert code == 6
    assert err == ("error: missing or broken: h5py, torchvision; how to mend it is said above\n")
    lines = [line.strip() for line in out.splitlines()]
    row = next(number for number, line in enumerate(lines) if "operator nms" in line)
    assert lines[row].startswith("missing  torchvision")
    assert lines[row + 1] == "pip install --force-reinstall torch torchvision"
    assert "missing  h5py" in out


def test_torchaudio_is_not_needed(site: Path) -> None:
    text = "PyTorch has CUDA version 13.2 whereas TorchAudio has CUDA version 13.0. "
    (site / "torchaudio.py").write_text(f"raise RuntimeError({2000 * text!r})\n")

    code, out, _ = run("doctor")

    assert code == 0
    assert "note     torchaudio" in out
    assert "RuntimeError: PyTorch has CUDA version 13.2" in out
    assert "nothing: avme masks sound without it, with the same numbers" in out
    assert max(map(len, out.splitlines())) < 300


def test_a_package_that_is_missing_or_old_is_told_with_the_command(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata(site, "avme", "9.9", "typer>=0.26", "typer!=0.27", "not-there>=3")
    metadata(site, "typer", "0.1")
    monkeypatch.syspath_prepend(site)

    rows = findings()

    assert run("doctor")[0] == 6
    assert rows["typer"]["found"] == "0.1, but avme needs !=0.27,>=0.26"
    assert rows["typer"]["advice"] == "pip install 'typer!=0.27,>=0.26'"
    assert rows["not-there"]["found"] == "not installed"
    assert rows["not-there"]["advice"] == "pip install 'not-there>=3'"
    assert rows["GPUs"]["found"] == "not known: torch does not load"


def test_requirements_of_other_pythons_and_of_extras_are_not_needed(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    requires = (
        "numpy>=1.26",
        'numpy>=2.1; python_version >= "3.8"',
        'numpy>=99; python_version >= "4"',
        'absent>=1; extra == "wandb"',
        'unknown>=1; extra == "dev"',
    )
    metadata(site, "avme", "9.9", *requires)
    monkeypatch.syspath_prepend(site)

    packages = required_packages(("wandb",))

    assert [(each.name, each.extra) for each in packages] == [("numpy", ""), ("absent", "wandb")]
    assert set(packages[0].specifier.split(",")) == {">=1.26", ">=2.1"}
    assert findings()["absent"]["state"] == "ok"
    assert "pip install 'avme[wandb]'" in findings()["absent"]["found"]


def test_an_ffmpeg_that_is_too_old_is_left_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "bin" / "ffmpeg"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho ffmpeg version 4.4.2 Copyright\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(old.parent))

    rows = findings()

    assert rows["ffmpeg"]["state"] == "ok"
    assert "of imageio-ffmpeg" in rows["ffmpeg"]["found"]
    assert rows["other ffmpeg"]["state"] == "note"
    assert rows["other ffmpeg"]["found"] == f"ffmpeg 4.4.2 ({old}) is older than 5.1"


def test_slurm_is_told_by_its_version_or_by_why_it_does_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "bin" / "sbatch"
    program.parent.mkdir()
    monkeypatch.setenv("PATH", str(program.parent))
    said = []
    for text in (
        None,
        "echo slurm 22.05.8",
        "echo sbatch: error: no slurm.conf >&2; echo sbatch: error: more >&2; exit 1",
        "exit 3",
    ):
        if text is not None:
            program.write_text(f"#!/bin/sh\n{text}\n")
            program.chmod(0o755)
        row = findings()["Slurm"]
        said.append((row["state"], row["found"]))

    assert said == [
        ("ok", "none here; only --slurm needs it"),
        ("ok", f"slurm 22.05.8 ({program})"),
        ("note", f"{program} does not answer (no slurm.conf)"),
        ("note", f"{program} does not answer (exit code 3)"),
    ]


def test_a_folder_that_cannot_be_written_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file" / "cache"))

    row = findings()["caches"]

    assert row["state"] == "note"
    assert row["found"] == f"{tmp_path}/file/cache cannot be written"
    assert "MPLCONFIGDIR" in row["advice"]
