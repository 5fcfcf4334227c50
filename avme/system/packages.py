"""Dependencies of avme and their installed versions, from package metadata.

Nothing is imported here: an installed package may fail to load, which `import_check` finds out.
"""

import importlib.metadata
from dataclasses import dataclass

from packaging.requirements import Requirement

_MODULES = {
    "ffmpeg-python": "ffmpeg",
    "opencv-python-headless": "cv2",
    "pillow": "PIL",
    "pyyaml": "yaml",
    "scikit-learn": "sklearn",
}
"""Packages whose import name differs from their own."""


@dataclass(frozen=True, slots=True)
class Package:
    """Dependency of avme: accepted versions and the installed one."""

    name: str
    specifier: str
    """Version specifier such as `>=2.11`; several are joined by commas."""
    extra: str
    """Extra of avme that requires it; empty for every installation."""
    version: str | None
    """Installed version; None if missing."""
    is_accepted: bool
    """True if `version` satisfies the specifier."""

    @property
    def module(self) -> str:
        """Import name."""
        return _MODULES.get(self.name, self.name.replace("-", "_"))

    @property
    def install(self) -> str:
        """Command that installs it."""
        return f"pip install '{self.name}{self.specifier}'"


def installed_version(name: str) -> str | None:
    """Return the version of package `name` by its metadata; None if it is missing."""
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def required_packages(extras: tuple[str, ...] = ()) -> list[Package]:
    """Return the dependencies for this Python and for `extras`, sorted by name."""
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
    """Combine the requirements of one package, which may depend on the Python version."""
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
