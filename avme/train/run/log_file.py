"""train.log of a run folder: what the library logs, and what the run reports."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from pathlib import Path

from avme.io.escape import escape_text
from avme.io.symlinks import own_file


class LogFile(logging.FileHandler):
    """A log that is left incomplete where its disk is full, without a traceback for each line."""

    def _open(self) -> TextIOWrapper:
        return open(self.baseFilename, "a", encoding=self.encoding, opener=own_file)

    def handleError(self, record: logging.LogRecord) -> None:
        """Ignore the error."""

    def close(self) -> None:
        """Close the file; what is left in its buffer may find no room."""
        with suppress(OSError):
            super().close()


class _OneLine(logging.Formatter):
    """One line for what is said, whatever it holds; a traceback below it keeps its lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """Escape what a terminal would obey."""
        return escape_text(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        """Escape it in a traceback too."""
        return escape_text(super().format(record), keep="\n\t")


@contextmanager
def logged(folder: Path) -> Iterator[Callable[[str], None]]:
    """Appends what the library logs to train.log; yields what appends a line to it."""
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
