"""How long work tells people where it stands.

The library does not print: a stage is given a `Reporter` and tells it what it does. The command
line brings one for terminals and one for logs; `Quiet` is for scripts and tests.
"""

from collections.abc import Iterator
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
