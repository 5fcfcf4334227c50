"""Progress display: bars on a terminal, plain lines in a log, or nothing.

Progress goes to stderr; results go to stdout. The rate counts the steps of this run only, not those
of an earlier one.
"""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from avme.io.escape import escape_text
from avme.progress import NullReporter, Reporter, Task

from ..launch.rank import rank
from .output import verbatim
from .streams import EscapedStream, is_terminal

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import Progress

EVERY_SECONDS = 10.0


def reporter(quiet: bool) -> Reporter:
    """Return the reporter for stderr; only rank 0 of a distributed run prints."""
    if quiet or rank() > 0:
        return NullReporter()
    return BarReporter() if is_terminal(sys.stderr) else LineReporter(sys.stderr)


class LineReporter:
    """Reporter for logs: a line at the end of a task, and one every ten seconds before."""

    def __init__(
        self,
        stream: TextIO,
        clock: Callable[[], float] = time.monotonic,
        every_seconds: float = EVERY_SECONDS,
    ) -> None:
        self._stream = stream
        self._clock = clock
        self._every_seconds = every_seconds

    def log(self, line: str) -> None:
        """Write the line immediately."""
        print(escape_text(line), file=self._stream, flush=True)

    @contextmanager
    def task(self, title: str, total: int, done: int = 0) -> Iterator[Task]:
        """Open a task whose last line is written even if the work fails.

        Args:
            title: Start of the lines.
            total: Number of steps.
            done: Steps finished by an earlier run.
        """
        task = _LineTask(title, total, done, self._clock, self._every_seconds, self.log)
        try:
            yield task
        finally:
            task.end()


class _LineTask:
    def __init__(
        self,
        title: str,
        total: int,
        done: int,
        clock: Callable[[], float],
        every_seconds: float,
        log: Callable[[str], None],
    ) -> None:
        self._title = title
        self._total = total
        self._done = self._first = done
        self._spoken: int | None = None
        self._note = ""
        self._clock = clock
        self._every_seconds = every_seconds
        self._log = log
        self._started = self._spoke = clock()

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Count the steps and print a line when due."""
        self._done += steps
        self._note = note or self._note
        if self._clock() - self._spoke >= self._every_seconds:
            self._speak()

    def end(self) -> None:
        """Print the last line, unless already done."""
        if self._spoken != self._done:
            self._speak()

    def _speak(self) -> None:
        self._spoken = self._done
        self._spoke = self._clock()
        passed = self._spoke - self._started
        rate = (self._done - self._first) / passed if passed > 0 else 0.0
        parts = [self._title, f"{self._done}/{self._total}"]
        if self._total > 0:
            parts.append(f"{100 * self._done // self._total} %")
        if rate > 0:
            parts.append(f"{rate:.1f}/s")
            if self._done < self._total:
                parts.append(f"eta {clock_time((self._total - self._done) / rate)}")
        if self._done >= self._total:
            parts.append(f"in {clock_time(passed)}")
        self._log("  ".join([*parts, self._note]).rstrip())


class BarReporter:
    """Reporter for terminals: bars, with lines above them."""

    def __init__(self, console: "Console | None" = None) -> None:
        self._console = console or verbatim(stderr=True)
        self._live: Progress | None = None
        self._num_running = 0

    def log(self, line: str) -> None:
        """Print the line above the bars."""
        text = escape_text(line)
        self._console.print(text, markup=False, emoji=False, highlight=False, soft_wrap=True)

    @contextmanager
    def task(self, title: str, total: int, done: int = 0) -> Iterator[Task]:
        """Open a bar that stays on the screen; nested tasks share the display.

        Args:
            title: Text before the bar.
            total: Number of steps.
            done: Steps finished by an earlier run.
        """
        if self._live is None:
            self._live = _bars(self._console)
            self._live.start()
            _print_above(self._console)
        progress = self._live
        self._num_running += 1
        try:
            yield _BarTask(progress, title, total, done)
        finally:
            self._num_running -= 1
            if self._num_running == 0:
                _print_above(None)
                progress.stop()
                self._live = None


class _BarTask:
    def __init__(self, progress: "Progress", title: str, total: int, done: int) -> None:
        self._progress = progress
        self._id = progress.add_task(
            escape_text(title), total=total, completed=done, note="", rate=""
        )
        self._started = time.monotonic()
        self._num_here = 0
        self._note = ""

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Advance the bar."""
        self._num_here += steps
        passed = time.monotonic() - self._started
        rate = f"{self._num_here / passed:.1f}/s" if passed > 0 else ""
        self._note = escape_text(note) or self._note
        self._progress.update(self._id, advance=steps, rate=rate, note=self._note)


def clock_time(seconds: float) -> str:
    """Format seconds as 00:02:10."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02d}:{minutes:02d}:{rest:02d}"


def _bars(console: "Console") -> "Progress":
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[note]}", markup=False),
        console=console,
        redirect_stdout=False,
        redirect_stderr=False,
    )


def _print_above(console: "Console | None") -> None:
    """Print warnings and logs of others above the bars of `console`."""
    from rich.file_proxy import FileProxy

    stream = sys.stderr
    if isinstance(stream, EscapedStream):
        stream.flush()
        below = stream.rich_proxied_file
        stream.target = below if console is None else FileProxy(console, below)
