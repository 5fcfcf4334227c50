"""Check of this machine and its packages: what is present, what is missing, how to fix it.

Imports nothing that may be broken: packages are imported in subprocesses, so that one that fails to
load is a finding and does not end the check.
"""

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

import avme
from avme.data.shared_memory import ADVICE, FOLDER, free_shared_memory
from avme.errors import SystemRequirementError
from avme.io.disk import free_bytes, readable
from avme.system.cpu_count import available_cores
from avme.system.gpu import torch_build
from avme.system.import_check import ImportCheck, Imported, short_reason, shortened
from avme.system.packages import Package, required_packages

State = Literal["ok", "note", "missing"]
_TORCH: Final = ("torch", "torchvision", "torchaudio")
_EXTRAS: Final = {
    "cluster": "prep --dask",
    "export": "export --format onnx",
    "inpaint": "the OpenCV row of reconstruct",
    "wandb": "--wandb",
}
_LITTLE_SHARED_MEMORY: Final = 10**9
_LITTLE_DISK: Final = 10 * 10**9
_MEMORY_LIMIT: Final = Path("/sys/fs/cgroup/memory.max")
_DRIVER: Final = Path("/proc/driver/nvidia/version")


@dataclass(frozen=True, slots=True)
class Finding:
    """Result of one check."""

    topic: str
    """machine, accelerators, programs, packages or extras."""
    name: str
    state: State
    """ok; note: optional features are unavailable; missing: avme or a part of it does not work."""
    found: str
    advice: str = ""
    """Fix, if there is one."""


def examine() -> list[Finding]:
    """Return the findings by topic; takes as long as the import of torch."""
    needed, extras = _packages()
    names = [package.name for package in needed if package.version]
    torch = ImportCheck([name for name in _TORCH if name in names])
    others = ImportCheck(
        [each.module for each in needed if each.version and each.name not in _TORCH]
    )
    early = [*_machine(), *_folders()]
    late = [*_ffmpeg(), _slurm()]
    loaded = torch.results() | others.results()
    return [
        *early,
        _accelerators(loaded.get("torch")),
        *late,
        *(_package(each, loaded.get(each.module)) for each in needed),
        *(_extra(each) for each in extras),
    ]


def _packages() -> tuple[list[Package], list[Package]]:
    try:
        found = required_packages(tuple(_EXTRAS))
    except importlib.metadata.PackageNotFoundError as error:
        raise SystemRequirementError(
            "avme is not installed, only its files are there: pip install avme, or "
            "`pip install -e .` in its folder"
        ) from error
    return [each for each in found if not each.extra], [each for each in found if each.extra]


def _machine() -> Iterator[Finding]:
    yield Finding("machine", "avme", "ok", f"{avme.__version__} ({Path(avme.__file__).parent})")
    yield Finding("machine", "system", "ok", f"{_system()}, {platform.machine()}")
    yield Finding("machine", "Python", "ok", f"{platform.python_version()} ({sys.executable})")
    cores, all_cores = available_cores(), os.cpu_count()
    yield Finding("machine", "cores", "ok", f"{cores} of {all_cores} may be used")
    yield Finding("machine", "memory", "ok", _memory())
    free = free_shared_memory()
    if free is None:
        return
    state: State = "ok" if free >= _LITTLE_SHARED_MEMORY else "note"
    advice = f"where batches do not fit, {ADVICE}" if state == "note" else ""
    yield Finding("machine", "shared memory", state, f"{readable(free)} free in {FOLDER}", advice)


def _system() -> str:
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.platform()
    return f"{name}, {platform.system()} {platform.release()}"


def _memory() -> str:
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return "not known on this system"
    sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines}
    said = f"{readable(sizes['MemAvailable'])} free of {readable(sizes['MemTotal'])}"
    try:
        limit = _MEMORY_LIMIT.read_text(encoding="ascii").strip()
    except OSError:
        return said
    return f"{said}, at most {readable(int(limit))} for this group" if limit.isdigit() else said


def _folders() -> Iterator[Finding]:
    home = Path(os.path.expanduser("~"))
    cache = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    advice = "set MPLCONFIGDIR and XDG_CACHE_HOME to a folder that can be written"
    yield _folder("this folder", Path.cwd(), "work in a folder that can be written, or give --out")
    yield _folder("temporary files", Path(tempfile.gettempdir()), "set TMPDIR to another folder")
    yield _folder("caches", cache, advice)


def _folder(name: str, folder: Path, advice: str) -> Finding:
    there = folder
    while not there.exists():
        there = there.parent
    if not os.access(there, os.W_OK | os.X_OK):
        return Finding("machine", name, "note", f"{folder} cannot be written", advice)
    free = free_bytes(folder)
    is_little = free < _LITTLE_DISK and name == "this folder"
    found = f"{readable(free)} free in {folder}"
    more = "sets and runs take gigabytes: `avme prep ... --dry-run` estimates them"
    return Finding("machine", name, "note" if is_little else "ok", found, more * is_little)


def _accelerators(torch: Imported | None) -> Finding:
    topic, name = "accelerators", "GPUs"
    if torch is not None and torch.gpus:
        return Finding(topic, name, "ok", "; ".join(torch.gpus))
    if torch is None or torch.error is not None:
        return Finding(topic, name, "note", "not known: torch does not load")
    has_driver = _DRIVER.exists()
    if all(value == "None" for value in (torch_build() or {"cuda": ""}).values()):
        advice = "pip install --force-reinstall torch" if has_driver else ""
        state: State = "note" if has_driver else "ok"
        return Finding(topic, name, state, "none: torch is built for CPUs alone", advice)
    if has_driver:
        why = torch.gpu_warning or "torch sees none"
        advice = "an older torch or a newer driver; CUDA_VISIBLE_DEVICES may hide them, too"
        return Finding(topic, name, "note", f"none, although there is a driver: {why}", advice)
    return Finding(topic, name, "ok", "none: no NVIDIA driver; avme works on the CPU")


def _ffmpeg() -> Iterator[Finding]:
    try:
        from avme.media.ffmpeg.process import ffmpeg_version, find_ffmpeg, skipped_ffmpeg

        used = find_ffmpeg()
        version, skipped = ffmpeg_version(used), skipped_ffmpeg()
    except SystemRequirementError as error:
        yield Finding("programs", "ffmpeg", "missing", "none that can be used", str(error))
        return
    except Exception as error:  # of av or imageio-ffmpeg, which have their own findings
        found = f"not known: {short_reason(error)}"
        yield Finding("programs", "ffmpeg", "missing", found, "fix the package first")
        return
    origin = "on PATH" if used == shutil.which("ffmpeg") else "of imageio-ffmpeg"
    yield Finding("programs", "ffmpeg", "ok", f"{version} {origin} ({used})")
    if skipped is not None:
        advice = "nothing: that of imageio-ffmpeg is used"
        yield Finding("programs", "other ffmpeg", "note", skipped, advice)


def _slurm() -> Finding:
    program = shutil.which("sbatch")
    if program is None:
        return Finding("programs", "Slurm", "ok", "none here; only --slurm needs it")
    try:
        done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.SubprocessError) as error:
        return Finding("programs", "Slurm", "note", f"{program}: {short_reason(error)}")
    if done.returncode:
        lines = [re.sub(r"^sbatch: (error: )?", "", line) for line in done.stderr.splitlines()]
        said = next(filter(None, lines), f"exit code {done.returncode}")
        found = f"{program} does not answer ({shortened(said)})"
        advice = "--slurm needs a machine that reaches Slurm"
        return Finding("programs", "Slurm", "note", found, advice)
    return Finding("programs", "Slurm", "ok", f"{done.stdout.strip()} ({program})")


def _package(package: Package, imported: Imported | None) -> Finding:
    topic, name = "packages", package.name
    if package.version is None:
        return Finding(topic, name, "missing", "not installed", package.install)
    if imported is not None and imported.error is not None:
        found = f"{package.version} does not load: {imported.error}"
        if name == "torchaudio":
            advice = "nothing: avme masks audio without it, with the same numbers"
            return Finding(topic, name, "note", found, advice)
        advice = f"pip install --force-reinstall {' '.join(_together(name))}"
        return Finding(topic, name, "missing", found, advice)
    if not package.is_accepted:
        found = f"{package.version}, but avme needs {package.specifier}"
        return Finding(topic, name, "missing", found, package.install)
    return Finding(topic, name, "ok", package.version)


def _together(name: str) -> tuple[str, ...]:
    return ("torch", "torchvision") if name in ("torch", "torchvision") else (name,)


def _extra(package: Package) -> Finding:
    use = _EXTRAS[package.extra]
    if package.version is None:
        found = f"not installed; only {use} needs it: pip install 'avme[{package.extra}]'"
        return Finding("extras", package.name, "ok", found)
    if not package.is_accepted:
        found = f"{package.version}, but {use} needs {package.specifier}"
        return Finding("extras", package.name, "note", found, package.install)
    return Finding("extras", package.name, "ok", f"{package.version} (for {use})")
