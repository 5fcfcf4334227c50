"""Progress reports of long work.

The library does not print: a stage gets a `Reporter`. The command line has one for terminals and
one for logs; `NullReporter` is for scripts and tests.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, runtime_checkable


@runtime_checkable
class Task(Protocol):
    """Work with a known number of steps."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Count `steps` as done; `note` replaces the text beside the bar."""


@runtime_checkable
class Reporter(Protocol):
    """Receiver of progress and messages of a stage."""

    def log(self, line: str) -> None:
        """Report one line."""

    def task(self, title: str, total: int, done: int = 0) -> AbstractContextManager[Task]:
        """Open a progress bar.

        Args:
            title: Text before the bar.
            total: Number of steps.
            done: Steps finished by an earlier run.
        """


class NullReporter:
    """Reporter without output."""

    def log(self, line: str) -> None:
        """Ignore the line."""

    @contextmanager
    def task(self, title: str, total: int, done: int = 0) -> Iterator[Task]:
        """Open a task without output.

        Args:
            title: Unused.
            total: Number of steps.
            done: Steps finished by an earlier run.
        """
        yield _NullTask()


class _NullTask:
    def advance(self, steps: int = 1, note: str = "") -> None:
        pass


class Logged:
    """Reporter that also logs every line, and the state of a task once a minute."""

    def __init__(
        self,
        report: Reporter,
        write: Callable[[str], None],
        *,
        every_seconds: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._report, self._write = report, write
        self._every_seconds, self._clock = every_seconds, clock

    def log(self, line: str) -> None:
        """Log the line and pass it on."""
        self._write(line)
        self._report.log(line)

    @contextmanager
    def task(self, title: str, total: int, done: int = 0) -> Iterator[Task]:
        """Open a task whose last state is logged even if the work fails.

        Args:
            title: Text before the bar.
            total: Number of steps.
            done: Steps finished by an earlier run.
        """
        with self._report.task(title, total, done) as shown:
            logged = _LoggedTask(
                shown, title, total, done, self._write, self._every_seconds, self._clock
            )
            try:
                yield logged
            finally:
                logged.write()


class _LoggedTask:
    def __init__(
        self,
        shown: Task,
        title: str,
        total: int,
        done: int,
        write: Callable[[str], None],
        every_seconds: float,
        clock: Callable[[], float],
    ) -> None:
        self._shown, self._title, self._total = shown, title, total
        self._write, self._every_seconds, self._clock = write, every_seconds, clock
        self._done, self._note, self._written = done, "", clock()

    def advance(self, steps: int = 1, note: str = "") -> None:
        self._shown.advance(steps, note)
        self._done += steps
        self._note = note or self._note
        if self._clock() - self._written >= self._every_seconds:
            self.write()

    def write(self) -> None:
        self._written = self._clock()
        self._write(f"{self._title}  {self._done}/{self._total}  {self._note}".rstrip())
