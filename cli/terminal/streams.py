"""Standard output and error of commands: escaped, and safe without a reader.

- Printed text is escaped; only rich, which creates the escapes of colors and bars itself, writes to
the stream below. `output.py` escapes what rich prints.
- Output to a closed pipe (`avme audit | head -1`) ends the command silently with 141, the code of
shells for it (docs/decisions.md 100).
- Reports on standard error that cannot be written, because reader, terminal or disk are gone, are
dropped: they must not end hours of work.
"""

import errno
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Final, TextIO, cast

from avme.io.escape import escape_text

CLOSED_PIPE: Final = 141
"""128 plus the number of SIGPIPE."""


def open_missing() -> None:
    """Open standard streams that are closed (`2>&-`) on the null device.

    Otherwise the first opened file gets their number, and output of C libraries goes into that
    file.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", closefd=False))


@contextmanager
def escaping() -> Iterator[None]:
    """Escape printed text inside the block; everything is flushed at its end.

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
    """Return True if the stream is a terminal."""
    return bool(getattr(stream, "rich_proxied_file", stream).isatty())


class _Guarded:
    """Stream that names itself in write errors, and is then redirected to the null device."""

    def __init__(self, stream: TextIO, *, may_be_lost: bool = False) -> None:
        self._stream, self.may_be_lost = stream, may_be_lost
        self._is_terminal = stream.isatty()
        if hasattr(stream, "reconfigure"):  # characters outside the locale must not fail
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
        """Redirect to the null device: buffered text would fail again when Python exits."""
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


class EscapedStream:
    """Stream that escapes what is written to it; not a terminal for libraries."""

    def __init__(self, stream: Any) -> None:
        self.rich_proxied_file = stream
        """Target of rich, which looks for this name."""
        self.target = stream
        """Target of all others: above the bars while there are some."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self.rich_proxied_file, name)

    def isatty(self) -> bool:
        """Return False, so that libraries print no colors, which would be escaped."""
        return False

    def write(self, text: str) -> int:
        self.target.write(escape_text(text, keep="\n\t"))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)
