"""The hand-written parts of pyproject.toml match the folders."""

import shutil
import subprocess
import sys
import tomllib
from email.parser import Parser
from pathlib import Path
from typing import Any, get_args

from packaging.specifiers import SpecifierSet

import avme
from avme.config.presets import RECIPES
from avme_cli import options

ROOT = Path(__file__).parents[1]


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_package_folder_is_listed() -> None:
    names = {"avme": "avme", "cli": "avme_cli"}
    found = {
        ".".join((names[folder], *init.parent.relative_to(ROOT / folder).parts))
        for folder in names
        for init in (ROOT / folder).rglob("__init__.py")
    }

    assert set(project()["tool"]["setuptools"]["packages"]) == found


def test_both_packages_are_typed() -> None:
    assert (ROOT / "avme" / "py.typed").is_file()
    assert (ROOT / "cli" / "py.typed").is_file()


def test_the_changelog_knows_the_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()

    assert "## [Unreleased]" in text
    assert avme.__version__


def test_the_command_line_offers_the_presets_that_exist() -> None:
    assert get_args(options.Preset) == tuple(RECIPES)


def test_the_wheel_says_whose_it_is_and_for_which_python(tmp_path: Path) -> None:
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
