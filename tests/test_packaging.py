"""The hand-written parts of pyproject.toml match the folders."""

import shutil
import subprocess
import sys
import tomllib
from email.parser import Parser
from pathlib import Path
from typing import Any

from packaging.specifiers import SpecifierSet

import avme

ROOT = Path(__file__).parents[1]


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_setuptools_packages_are_all_folders() -> None:
    names = {"avme": "avme", "cli": "avme_cli"}
    found = {
        ".".join((names[folder], *init.parent.relative_to(ROOT / folder).parts))
        for folder in names
        for init in (ROOT / folder).rglob("__init__.py")
    }

    assert set(project()["tool"]["setuptools"]["packages"]) == found


def test_packages_have_py_typed() -> None:
    assert (ROOT / "avme" / "py.typed").is_file()
    assert (ROOT / "cli" / "py.typed").is_file()


def test_changelog_has_unreleased_section() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()

    assert "## [Unreleased]" in text
    assert avme.__version__


def test_wheel_metadata_has_author_license_and_pythons(tmp_path: Path) -> None:
    code = "import sys; from setuptools.build_meta import *; "
    code += "prepare_metadata_for_build_wheel(sys.argv[1])"
    copy = tmp_path / "source"
    for name in ("avme", "cli"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, copy)

    subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], cwd=copy, check=True, capture_output=True
    )

    (info,) = tmp_path.glob("*.dist-info")
    said = Parser().parsestr((info / "METADATA").read_text(encoding="utf-8"))
    pythons = [c.rpartition(" ")[2] for c in said.get_all("Classifier", []) if "Python :: 3." in c]
    allowed = SpecifierSet(said["Requires-Python"])
    assert said["Author"] == "avme developers"
    assert said["License-Expression"] == "Apache-2.0"
    assert pythons == [f"3.{n}" for n in range(30) if f"3.{n}" in allowed]
    assert said.get_all("Project-URL") is None
    assert "masked-autoencoder" in said["Keywords"]
