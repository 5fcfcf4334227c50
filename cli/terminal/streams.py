"""Standard output and error as commands write to them: escaped, and safe where nobody reads.

- What is printed is escaped; only rich, which makes the escapes of colours and bars itself, is
  given the stream below. `console.py` escapes what rich is told to print.
- Output whose reader is gone (`avme audit | head -1`) ends the command in silence with 141, the
  code that shells give for it (docs/decisions.md 100).
- Reports on standard error that cannot be written, as its reader, its terminal or its disk is gone,
  are dropped: hours of work are worth more.
"""

import errno
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TextIO, cast

from avme.io.escape import escape_text

CLOSED_PIPE: Final = 141
"""128 and the number of SIGPIPE."""


def open_missing() -> None:
    """Open what this process was started without (`2>&-`) on the null device.

    Otherwise the first file that is opened takes its number, and what libraries of C print goes
    into that file.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


@contextmanager
def escaping() -> Iterator[None]:
    """Inside the block, escape what is printed; at its end nothing is left unwritten.

    Raises OSError, which names standard output, if that cannot be written.
    """
    before = sys.stdout, sys.stderr
    if isinstance(before[0], EscapedStream):
        yield
        return
    out, err = _Guarded(before[0]), _Guarded(before[1], may_be_lost=True)
    sys.stdout, sys.stderr = cast(TextIO, EscapedStream(out)), cast(TextIO, EscapedStream(err))
    try:
        yield
    except BaseException as error:
        out.may_be_lost = not (isinstance(error, SystemExit) and error.code in (0, None))
        raise
    finally:
        sys.stdout, sys.stderr = before
        err.flush()
        out.flush()


def is_terminal(stream: TextIO) -> bool:
    """Whether people read what is written there."""
    return bool(getattr(stream, "rich_proxied_file", stream).isatty())


class _Guarded:
    """A stream that says which one it is when it cannot be written, and then leads nowhere."""

    def __init__(self, stream: TextIO, *, may_be_lost: bool = False) -> None:
        self._stream, self.may_be_lost = stream, may_be_lost
        self._is_terminal = stream.isatty()
        if hasattr(stream, "reconfigure"):  # what the locale cannot write is no reason to fail
            stream.reconfigure(errors="backslashreplace")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def write(self, text: str) -> int:
        with self._failures():
            self._stream.write(text)
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        with self._failures():
            self._stream.flush()

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self._lead_nowhere()
            if self.may_be_lost:
                return
            if error.errno == errno.EPIPE or (error.errno == errno.EIO and self._is_terminal):
                raise SystemExit(CLOSED_PIPE) from None
            error.filename = "standard output"
            raise

    def _lead_nowhere(self) -> None:
        """What is left in the buffer would fail again, at the latest when Python ends."""
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


class EscapedStream:
    """A stream that escapes what is written to it; for libraries it is no terminal."""

    def __init__(self, stream: Any) -> None:
        self.rich_proxied_file = stream
        """Where rich writes to, by this name."""
        self.target = stream
        """Where all others do: above the bars while there are some."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)

    def isatty(self) -> bool:
        """Tell libraries to print no colours, which would be escaped."""
        return False

    def write(self, text: str) -> int:
        self.target.write(escape_text(text, keep="\n\t"))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)
