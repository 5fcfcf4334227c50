"""Dependencies of avme by package metadata."""

import importlib.metadata
from pathlib import Path

import pytest

from avme.system.packages import installed_version, required_packages


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Folder of installed packages that comes first on `sys.path`."""
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


def metadata(site: Path, name: str, version: str, *requires: str) -> None:
    folder = site / f"{name}-{version}.dist-info"
    folder.mkdir()
    lines = ["Metadata-Version: 2.1", f"Name: {name}", f"Version: {version}"]
    lines += [f"Requires-Dist: {line}" for line in requires]
    (folder / "METADATA").write_text("\n".join(lines) + "\n")


def test_required_packages_with_markers_keeps_those_of_this_python_and_extra(
    site: Path,
) -> None:
    requires = (
        "numpy>=1.26",
        'numpy>=2.1; python_version >= "3.8"',
        'numpy>=99; python_version >= "4"',
        'absent>=1; extra == "wandb"',
        'unknown>=1; extra == "dev"',
    )
    metadata(site, "avme", "9.9", *requires)

    packages = required_packages(("wandb",))

    assert [(each.name, each.extra) for each in packages] == [("numpy", ""), ("absent", "wandb")]
    assert set(packages[0].specifier.split(",")) == {">=1.26", ">=2.1"}


def test_required_packages_with_old_or_missing_version_are_not_accepted(site: Path) -> None:
    metadata(site, "avme", "9.9", "typer>=0.26", "typer!=0.27", "not-there>=3", "pyyaml>=6")
    metadata(site, "typer", "0.1")
    metadata(site, "pyyaml", "7.0rc1")

    missing, yaml, typer = required_packages()

    assert (missing.version, missing.is_accepted) == (None, False)
    assert missing.install == "pip install 'not-there>=3'"
    assert missing.module == "not_there"
    assert (yaml.version, yaml.is_accepted, yaml.module) == ("7.0rc1", True, "yaml")
    assert (typer.version, typer.is_accepted) == ("0.1", False)


def test_module_of_installed_packages_is_one_that_their_files_provide() -> None:
    provided = importlib.metadata.packages_distributions()
    installed = [each for each in required_packages(("export", "inpaint")) if each.version]

    wrong = [
        (each.name, each.module)
        for each in installed
        if each.name not in map(str.lower, provided.get(each.module, ()))
    ]

    assert len(installed) > 20
    assert wrong == []


def test_installed_version_reads_metadata_or_returns_none(site: Path) -> None:
    metadata(site, "some_package", "1.2.3")

    assert installed_version("some-package") == "1.2.3"
    assert installed_version("some-other-package") is None
