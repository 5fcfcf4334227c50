"""Whether packages load, found out by importing them in a process of their own.

A package whose library does not fit the machine raises anything on import, or ends the process.
Of torch the process also says which GPUs it sees, as that takes the same import.
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
    """How the import of one module ended."""

    module: str
    error: str | None = None
    """Why it does not load, in a short clause; None if it does."""
    gpus: tuple[str, ...] = ()
    """Of torch: name and memory of every GPU that it can use."""
    gpu_warning: str = ""
    """Of torch: why it can use none, where it says so."""


class ImportCheck:
    """Imports of `modules`, one after the other, in a process that starts at once."""

    def __init__(self, modules: Sequence[str]) -> None:
        self._modules = list(modules)
        self._process = _start(self._modules)

    def results(self) -> dict[str, Imported]:
        """Wait for all imports; a module that ends the process is left out of a second one."""
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
                if line.startswith("{"):  # packages may print, too
                    result = json.loads(line)
                    found[result["module"]] = Imported(**result | {"gpus": tuple(result["gpus"])})
            left = [name for name in self._modules if name not in found]
            if left:
                found[left[0]] = Imported(left[0], error=why)
            self._modules = left[1:]
            self._process = _start(self._modules)
        return found


def short_reason(error: BaseException) -> str:
    """Return the kind of an error and the first line of its text, in one short clause."""
    lines = (" ".join(line.split()) for line in str(error).splitlines())
    return shortened(f"{type(error).__name__}: {next(filter(None, lines), 'no reason given')}")


def shortened(said: str) -> str:
    """Return what a program or a library said, without control characters, in one short clause."""
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
        stderr=subprocess.DEVNULL,  # what libraries say of themselves
        text=True,
        errors="replace",
    )


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print("\n" + json.dumps(asdict(check_import(name))), flush=True)
