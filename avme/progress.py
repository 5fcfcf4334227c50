"""How long work tells people where it stands.

The library does not print: a stage is given a `Reporter` and tells it what it does. The command
line brings one for terminals and one for logs; `Quiet` is for scripts and tests.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, runtime_checkable


@runtime_checkable
class Task(Protocol):
    """One piece of work with a known end."""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """`steps` more are done; `note` replaces what stands beside the bar."""


@runtime_checkable
class Reporter(Protocol):
    """Where a stage sends its progress and its sentences."""

    def say(self, line: str) -> None:
        """One line that stays on the screen."""

    def task(self, title: str, total: int, done: int = 0) -> AbstractContextManager[Task]:
        """A progress bar over `total` steps, of which `done` were done by an earlier run."""


def some_of(names: Sequence[str], most: int = 3) -> str:
    """The first few names, with ", ..." behind them where there are more."""
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")


class Quiet:
    """A reporter that says nothing."""

    def say(self, line: str) -> None:
        """Drops the line."""

    @contextmanager
    def task(self, title: str, total: int, done: int = 0) -> Iterator[Task]:
        """A task that counts for nobody."""
        yield _Unheard()


class _Unheard:
    def advance(self, steps: int = 1, note: str = "") -> None:
        pass


class Logged:
    """A reporter that also writes to a log: every line, and once a minute where a task stands."""

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

    def say(self, line: str) -> None:
        """Writes the line to the log and passes it on."""
        self._write(line)
        self._report.say(line)

    @contextmanager
    def task(self, title: str, total: int, done: int = 0) -> Iterator[Task]:
        """A task whose last state is written even if the work fails."""
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
