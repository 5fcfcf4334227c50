"""The hand-written parts of pyproject.toml match the folders."""

import tomllib
from pathlib import Path
from typing import Any, get_args

import avme
from avme.config.presets import RECIPES
from avme_cli import options

ROOT = Path(__file__).parents[1]


def project() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_every_package_folder_is_listed() -> None:
    found = {
        ".".join(init.parent.relative_to(ROOT).parts)
        for init in (ROOT / "avme").rglob("__init__.py")
    }

    assert set(project()["tool"]["setuptools"]["packages"]) == found | {"avme_cli"}


def test_the_command_line_has_one_flat_folder() -> None:
    assert not [path for path in (ROOT / "cli").iterdir() if (path / "__init__.py").exists()]


def test_both_packages_are_typed() -> None:
    assert (ROOT / "avme" / "py.typed").is_file()
    assert (ROOT / "cli" / "py.typed").is_file()


def test_the_changelog_knows_the_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()

    assert "## [Unreleased]" in text
    assert avme.__version__


def test_the_command_line_offers_the_presets_that_exist() -> None:
    assert get_args(options.Preset) == tuple(RECIPES)
