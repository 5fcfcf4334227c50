"""The tests on other machines' versions: Debian 13 with Python 3.13 and the newest packages, and
Python 3.11 with the lowest versions that pyproject.toml allows of every direct dependency.

Prints a row of a table: versions, and how many tests passed. What is
installed stays in the folder WORK, 8 GB for each with torch's CUDA build, and is used again; the
tests run on a copy of what git knows. Debian 13 needs debootstrap and root; its folders are mounted
in a mount namespace, which ends with the program. Packages come from the registries that pip and
apt are set up for; folders that pip's own settings name are made visible with `--bind`.

    python benchmarks/platforms.py trixie /tmp/platforms
    python benchmarks/platforms.py lowest /tmp/platforms tests/media tests/data --workers 2
"""

import argparse
import json
import shutil
import subprocess
import sys
import xml.etree.ElementTree as xml
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Any

_ROOT = Path(__file__).resolve().parent.parent
_DEBIAN = ("ca-certificates", "ffmpeg", "g++", "procps", "python3", "python3-dev", "python3-venv")
_PIP_SETTINGS = ("/etc/pip.conf", "/etc/xdg/pip", str(Path.home() / ".config/pip"))
_NETWORK = ("/etc/resolv.conf", "/etc/hosts", "/etc/ssl/certs/ca-certificates.crt")
_INSIDE = Path("/srv/avme-tests")
"""Folder of the copy and the virtual environment within Debian 13."""
_NO_WHEEL = "python_speech_features"
_TOLD = ("torch", "torchvision", "torchaudio", "av", "numpy", "h5py", "scipy", "matplotlib")
_TOLD_TOO = ("pydantic", "typer", "pyyaml", "imageio-ffmpeg", "jaxtyping", "pytest")
_ENTER = """
mount --rbind "$1" "$1"  # a root that is a mount point: tests make mount namespaces
mount -t proc proc "$1/proc" && mount --rbind /dev "$1/dev"
root="$1"; shift
while [ "$1" != -- ]; do mkdir -p "$root$1" && mount --bind "$1" "$root$1"; shift; done
shift
exec chroot "$root" "$@"
"""


def main() -> None:
    told = _arguments()
    told.work.mkdir(parents=True, exist_ok=True)
    if told.platform == "trixie":
        name, found, code = _debian(told)
    else:
        name, found, code = _lowest(told)
    counts = ", ".join(f"{found[key]} {key}" for key in ("passed", "failed", "skipped"))
    tested = " ".join(told.tests) or "all"
    print(f"| {name} | {found['versions']} | {tested} | {counts} | {_commit()}, {date.today()} |")
    sys.exit(code)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("platform", choices=("trixie", "lowest"))
    parser.add_argument("work", type=Path, help="folder for what is installed and the copy")
    parser.add_argument("tests", nargs="*", help="as pytest takes them; all by default")
    parser.add_argument("--workers", type=int, default=1, help="processes of pytest-xdist")
    parser.add_argument("--bind", action="append", default=[], help="folder to show to Debian 13")
    told = parser.parse_args()
    told.work = told.work.resolve()
    return told


def _debian(told: argparse.Namespace) -> tuple[str, dict[str, str], int]:
    root = told.work / "trixie"
    if not (root / "usr/bin/ffmpeg").exists():
        include = f"--include={','.join(_DEBIAN)}"
        subprocess.run(["debootstrap", "--variant=minbase", include, "trixie", root], check=True)
    for path in map(Path, (*_PIP_SETTINGS, *_NETWORK)):
        there = root / path.relative_to("/")
        there.parent.mkdir(parents=True, exist_ok=True)
        if path.is_dir():
            shutil.copytree(path, there, dirs_exist_ok=True)
        elif path.exists():
            shutil.copy(path, there)
    shared = _ROOT.parent / "shared"
    copy = _INSIDE / "avme"
    _copy_tree(root / copy.relative_to("/"))
    bound = [str(path) for path in map(Path, told.bind) if path.is_dir()]
    if shared.is_dir():
        beside = root / (_INSIDE / "shared").relative_to("/")
        shutil.copytree(shared, beside, dirs_exist_ok=True)

    def inside(*command: str, **how: Any) -> subprocess.CompletedProcess[str]:
        enter = ["unshare", "--mount", "bash", "-c", _ENTER, "enter", str(root), *bound, "--"]
        told_inside = f'cd {copy} && exec "$@"'
        words = [*enter, "/bin/bash", "-c", told_inside, "inside", *command]
        return subprocess.run(words, text=True, **how)

    environment = _INSIDE / "venv"
    python = str(environment / "bin/python")
    if not (root / python.lstrip("/")).is_symlink():  # to a Python of Debian 13
        inside("python3", "-m", "venv", str(environment), check=True)
    inside(python, "-m", "pip", "install", "-q", "-e", ".[dev]", check=True)
    code = inside(python, *_pytest(told, "/tmp/result.xml"), stdout=sys.stderr).returncode
    pip_list = (python, "-m", "pip", "list", "--format=json")
    versions = json.loads(inside(*pip_list, check=True, stdout=subprocess.PIPE).stdout)
    name = inside(python, "-V", check=True, stdout=subprocess.PIPE).stdout.strip()
    found = _counts(root / "tmp/result.xml") | {"versions": _versions(versions)}
    return f"Debian 13, {name}, newest", found, code


def _lowest(told: argparse.Namespace) -> tuple[str, dict[str, str], int]:
    copy, environment = told.work / "avme", told.work / "lowest"
    _copy_tree(copy)
    shared, beside = _ROOT.parent / "shared", told.work / "shared"
    if shared.is_dir() and not beside.exists():
        beside.symlink_to(shared.resolve())
    if not (told.work / "uv").exists():
        subprocess.run([sys.executable, "-m", "venv", told.work / "uv"], check=True)
        subprocess.run([told.work / "uv/bin/pip", "install", "-q", "uv"], check=True)
    uv, python = told.work / "uv/bin/uv", environment / "bin/python"
    if not python.exists():
        subprocess.run([uv, "venv", "-q", "--python", "3.11", environment], check=True)
    wheels = ["--only-binary", ":all:", "--no-binary", _NO_WHEEL]
    asked = ["--resolution", "lowest-direct", "--extra", "dev", "--python", python]
    listed = told.work / "lowest.txt"
    words = [uv, "pip", "compile", "-q", *asked, *wheels, "pyproject.toml", "-o", listed]
    subprocess.run(words, check=True, cwd=copy)
    subprocess.run([uv, "pip", "sync", "-q", "--python", python, listed], check=True)
    words = [uv, "pip", "install", "-q", "--no-deps", "--python", python, "-e", copy, "pip"]
    subprocess.run(words, check=True)
    result = told.work / "lowest.xml"
    words = [python, *_pytest(told, str(result))]
    code = subprocess.run(words, cwd=copy, stdout=sys.stderr).returncode
    words = [uv, "pip", "list", "--format", "json", "--python", python]
    versions = json.loads(subprocess.run(words, check=True, capture_output=True).stdout)
    return "Python 3.11, lowest", _counts(result) | {"versions": _versions(versions)}, code


def _copy_tree(target: Path) -> None:
    """What git knows or would add; files that are gone stay gone."""
    shutil.rmtree(target, ignore_errors=True)
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "--deduplicate"],
        cwd=_ROOT,
        check=True,
        capture_output=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (_ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(_ROOT / name, target / name)


def _pytest(told: argparse.Namespace, result: str) -> list[str]:
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", str(told.workers)]
    return [*words, f"--junitxml={result}", *told.tests]


def _counts(result: Path) -> dict[str, str]:
    suite = next(xml.parse(result).getroot().iter("testsuite"))
    total, skipped = int(suite.attrib["tests"]), int(suite.attrib["skipped"])
    failed = int(suite.attrib["failures"]) + int(suite.attrib["errors"])
    counts = {"passed": total - failed - skipped, "failed": failed, "skipped": skipped}
    return {key: str(value) for key, value in counts.items()}


def _versions(listed: Sequence[dict[str, str]]) -> str:
    there = {each["name"].lower(): each["version"] for each in listed}
    return ", ".join(f"{name} {there[name]}" for name in (*_TOLD, *_TOLD_TOO) if name in there)


def _commit() -> str:
    words = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(words, cwd=_ROOT, check=True, capture_output=True, text=True)
    return done.stdout.strip()


if __name__ == "__main__":
    main()
