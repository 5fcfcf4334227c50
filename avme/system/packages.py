"""The packages that avme asks for, as the metadata of what is installed tells them.

Nothing is imported here: what is installed need not load, which `import_check` finds out.
"""

import importlib.metadata
from dataclasses import dataclass

from packaging.requirements import Requirement

_MODULES = {"ffmpeg-python": "ffmpeg", "pyyaml": "yaml"}
"""Packages that are imported by another name than their own."""


@dataclass(frozen=True, slots=True)
class Package:
    """A package that avme uses, the versions that will do, and the one that is there."""

    name: str
    specifier: str
    """Such as `>=2.11`; several are joined by commas."""
    extra: str
    """The extra of avme that asks for it; empty for what every installation needs."""
    version: str | None
    """None where it is not installed."""
    is_accepted: bool
    """Whether `version` is one of those that will do."""

    @property
    def module(self) -> str:
        """Return what `import` calls it."""
        return _MODULES.get(self.name, self.name.replace("-", "_"))

    @property
    def install(self) -> str:
        """Return the command that installs it."""
        return f"pip install '{self.name}{self.specifier}'"


def installed_version(name: str) -> str | None:
    """Return the version that the metadata of package `name` tell; None where it is missing."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def required_packages(extras: tuple[str, ...] = ()) -> list[Package]:
    """Return what this Python needs for avme and for `extras` of it, sorted by name."""
    found: dict[tuple[str, str], list[Requirement]] = {}
    for line in importlib.metadata.requires("avme") or ():
        requirement = Requirement(line)
        for extra in ("", *extras):
            if requirement.marker is None:
                applies = not extra
            else:
                applies = requirement.marker.evaluate({"extra": extra})
                applies &= not extra or not requirement.marker.evaluate({"extra": ""})
            if applies:
                found.setdefault((extra, requirement.name), []).append(requirement)
                break
    return [_package(name, extra, parts) for (extra, name), parts in sorted(found.items())]


def _package(name: str, extra: str, parts: list[Requirement]) -> Package:
    """Several requirements of one package all hold, as for one Python among others."""
    specifier = parts[0].specifier
    for part in parts[1:]:
        specifier &= part.specifier
    version = installed_version(name)
    return Package(
        name=name,
        specifier=str(specifier),
        extra=extra,
        version=version,
        is_accepted=version is not None and specifier.contains(version, prereleases=True),
    )
