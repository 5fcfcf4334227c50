"""Findings of the machine check: state, what was found, how to fix it."""

import sys
from pathlib import Path

import pytest

from avme.errors import SystemRequirementError
from avme.stages.doctor import Finding, examine
from avme.system.packages import required_packages

TORCH = "class cuda:\n    is_available = staticmethod(lambda: False)\n"


def findings() -> dict[str, Finding]:
    return {finding.name: finding for finding in examine()}


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


def test_examine_with_broken_torchaudio_is_a_note(site: Path) -> None:
    text = "PyTorch has CUDA version 13.2 whereas TorchAudio has CUDA version 13.0. "
    (site / "torchaudio.py").write_text(f"raise RuntimeError({2000 * text!r})\n")

    finding = findings()["torchaudio"]

    assert finding.state == "note"
    assert "RuntimeError: PyTorch has CUDA version 13.2" in finding.found
    assert finding.advice == "nothing: avme masks audio without it, with the same numbers"
    assert len(finding.found) < 250


def test_examine_with_missing_or_old_package_advises_its_pip_command(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata(site, "avme", "9.9", "typer>=0.26", "typer!=0.27", "not-there>=3")
    metadata(site, "typer", "0.1")
    monkeypatch.syspath_prepend(site)

    rows = findings()

    assert rows["typer"].found == "0.1, but avme needs !=0.27,>=0.26"
    assert rows["typer"].advice == "pip install 'typer!=0.27,>=0.26'"
    assert rows["not-there"].found == "not installed"
    assert rows["not-there"].advice == "pip install 'not-there>=3'"
    assert rows["GPUs"].found == "not known: torch does not load"


def test_examine_with_old_ffmpeg_on_path_uses_that_of_imageio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = tmp_path / "bin" / "ffmpeg"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho ffmpeg version 4.4.2 Copyright\n")
    old.chmod(0o755)
    monkeypatch.setenv("PATH", str(old.parent))

    rows = findings()

    assert rows["ffmpeg"].state == "ok"
    assert "of imageio-ffmpeg" in rows["ffmpeg"].found
    assert rows["other ffmpeg"].state == "note"
    assert rows["other ffmpeg"].found == f"ffmpeg 4.4.2 ({old}) is older than 5.1"


def test_examine_of_slurm_finds_version_or_reason(
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
        said.append((row.state, row.found))

    assert said == [
        ("ok", "none here; only --slurm needs it"),
        ("ok", f"slurm 22.05.8 ({program})"),
        ("note", f"{program} does not answer (no slurm.conf)"),
        ("note", f"{program} does not answer (exit code 3)"),
    ]


def test_examine_with_unwritable_cache_is_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file" / "cache"))

    row = findings()["caches"]

    assert row.state == "note"
    assert row.found == f"{tmp_path}/file/cache cannot be written"
    assert "MPLCONFIGDIR" in row.advice


def test_examine_with_extra_names_the_command_that_needs_it(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    metadata(site, "avme", "9.9", 'absent>=1; extra == "wandb"')
    monkeypatch.syspath_prepend(site)

    finding = findings()["absent"]

    assert (finding.topic, finding.state) == ("extras", "ok")
    assert "only --wandb needs it: pip install 'avme[wandb]'" in finding.found


def test_examine_without_metadata_of_avme_is_refused(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(site)])

    with pytest.raises(
        SystemRequirementError, match="avme is not installed, only its files are there"
    ):
        examine()
