"""train.log of a run folder: log records of the library and reports of the run."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path

from avme.io.escape import escape_text
from avme.io.symlinks import own_file


class LogFile(logging.FileHandler):
    """Log handler that drops lines on a full disk, without a traceback for each."""

    def _open(self) -> TextIOWrapper:
        return open(self.baseFilename, "a", encoding=self.encoding, opener=own_file)

    def handleError(self, record: logging.LogRecord) -> None:
        """Ignore the error."""

    def close(self) -> None:
        """Close the file; its buffer may be lost on a full disk."""
        with suppress(OSError):
            super().close()


class _OneLine(logging.Formatter):
    """Formatter that writes each message in one line; tracebacks follow with their own lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Escape control characters."""
        return escape_text(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        """Escape control characters in tracebacks too."""
        return escape_text(super().format(record), keep="\n\t")


@contextmanager
def log_to_file(folder: Path) -> Iterator[Callable[[str], None]]:
    """Append log records to train.log; yield a function that appends a line."""
    handler = LogFile(folder / "train.log", encoding="utf-8")
    handler.setFormatter(_OneLine("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("avme")

    def write(line: str) -> None:
        handler.handle(logging.LogRecord(__name__, logging.INFO, "", 0, "%s", (line,), None))

    logger.addHandler(handler)
    try:
        yield write
    finally:
        logger.removeHandler(handler)
        handler.close()
