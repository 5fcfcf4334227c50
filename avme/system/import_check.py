"""Import check of packages in a subprocess.

A package whose library does not fit the machine may raise any error on import, or end the process.
For torch the subprocess also reports the visible GPUs, which takes the same import.
"""

import json
import subprocess
import sys
import warnings
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from importlib import import_module
from typing import Any

_TIMEOUT_SECONDS = 120
"""An import from a busy network disk takes tens of seconds."""
_LONGEST_REASON = 160


@dataclass(frozen=True, slots=True)
class Imported:
    """Result of importing one module."""

    module: str
    error: str | None = None
    """Reason why it does not load, in a short clause; None if it does."""
    gpus: tuple[str, ...] = ()
    """For torch: name and memory of every usable GPU."""
    gpu_warning: str = ""
    """For torch: its warning if it can use no GPU."""


class ImportCheck:
    """Imports of `modules`, in order, in a subprocess that starts immediately."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = list(modules)
        self._process = _start(self._modules)

    def results(self) -> dict[str, Imported]:
        """Wait for all imports; if a module ends the process, a second one skips it."""
        found: dict[str, Imported] = {}
        while self._process is not None:
            try:
                out, _ = self._process.communicate(timeout=_TIMEOUT_SECONDS)
                code = self._process.returncode
                why = f"the import ends Python with signal {-code}" if code < 0 else f"exit {code}"
            except subprocess.TimeoutExpired:
                self._process.kill()
                out, _ = self._process.communicate()
                why = f"the import takes more than {_TIMEOUT_SECONDS} s"
            for line in out.splitlines():
                if line.startswith("{"):  # packages may print too
                    result = json.loads(line)
                    found[result["module"]] = Imported(**result | {"gpus": tuple(result["gpus"])})
            left = [name for name in self._modules if name not in found]
            if left:
                found[left[0]] = Imported(left[0], error=why)
            self._modules = left[1:]
            self._process = _start(self._modules)
        return found


def short_reason(error: BaseException) -> str:
    """Return type and first line of an error, in a short clause."""
    lines = (" ".join(line.split()) for line in str(error).splitlines())
    return shortened(f"{type(error).__name__}: {next(filter(None, lines), 'no reason given')}")


def shortened(said: str) -> str:
    """Return the output of a program without control characters, in a short clause."""
    said = "".join(letter if letter.isprintable() else "?" for letter in said)
    return said if len(said) <= _LONGEST_REASON else said[: _LONGEST_REASON - 3] + "..."


def check_import(module: str) -> Imported:
    """Import `module` in this process; never raises."""
    try:
        imported = import_module(module)
        if module != "torch":
            return Imported(module)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            count = imported.cuda.device_count() if imported.cuda.is_available() else 0
            gpus = tuple(_describe_gpu(imported, number) for number in range(count))
        warned = said[-1].message if said and not gpus else ""
        reason = short_reason(warned) if isinstance(warned, Warning) else ""
        return Imported(module, gpus=gpus, gpu_warning=reason)
    except (Exception, SystemExit) as error:
        return Imported(module, error=short_reason(error))


def _describe_gpu(torch: Any, number: int) -> str:
    properties = torch.cuda.get_device_properties(number)
    return f"{properties.name}, {properties.total_memory / 1e9:.1f} GB"


def _start(modules: list[str]) -> subprocess.Popen[str] | None:
    if not modules:
        return None
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-m", "avme.system.import_check", *modules],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # output of the libraries
        text=True,
        errors="replace",
    )


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print("\n" + json.dumps(asdict(check_import(name))), flush=True)
