"""Progress in a log is plain and rare; on a terminal it is a bar."""

import io
import sys

import pytest
from rich.console import Console

from avme.progress import NullReporter, Reporter, Task
from avme_cli.terminal.progress import BarReporter, LineReporter, clock_time, reporter


class Clock:
    """Time that passes only when told."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def test_line_reporter_of_long_task_logs_every_ten_seconds_and_at_the_end() -> None:
    stream, clock = io.StringIO(), Clock()

    with LineReporter(stream, clock).task("pretrain", total=600) as task:
        for _ in range(6):
            clock.seconds += 4.0
            task.advance(100, note="epoch 3/60  loss 0.812")

    assert stream.getvalue().splitlines() == [
        "pretrain  300/600  50 %  25.0/s  eta 00:00:12  epoch 3/60  loss 0.812",
        "pretrain  600/600  100 %  25.0/s  in 00:00:24  epoch 3/60  loss 0.812",
    ]


def test_bar_reporter_rate_ignores_steps_of_an_earlier_run() -> None:
    stream, clock = io.StringIO(), Clock()

    with LineReporter(stream, clock).task("prep", total=100, done=90) as task:
        clock.seconds += 5.0
        task.advance(5)

    assert stream.getvalue() == "prep  95/100  95 %  1.0/s  eta 00:00:05\n"


def test_line_reporter_of_failed_task_logs_its_step() -> None:
    stream = io.StringIO()

    with pytest.raises(ValueError, match="broken"), LineReporter(stream).task("prep", total=3):
        raise ValueError("broken")

    assert stream.getvalue() == "prep  0/3  0 %\n"


def test_line_reporter_of_task_without_steps_does_not_divide_by_zero() -> None:
    stream = io.StringIO()

    with LineReporter(stream, Clock()).task("prep", total=0):
        pass

    assert stream.getvalue() == "prep  0/0  in 00:00:00\n"


def test_sentences_appear_at_once() -> None:
    stream = io.StringIO()

    LineReporter(stream).log("7 classes")

    assert stream.getvalue() == "7 classes\n"


def test_bars_of_nested_tasks_share_a_terminal() -> None:
    stream = io.StringIO()
    terminal = BarReporter(Console(file=stream, force_terminal=True, width=120))

    with terminal.task("demo", total=2) as outer, terminal.task("prep", total=3, done=1) as inner:
        inner.advance(2, note="[raw] note")
        terminal.log("[7] classes :v:")
        outer.advance(2)
    terminal.log("after")

    text = stream.getvalue()
    assert "[7] classes :v:" in text
    assert "[raw] note" in text
    assert "3/3" in text
    assert text.rstrip().endswith("after")


def test_time_is_written_as_a_clock() -> None:
    assert [clock_time(s) for s in (0, 59.6, 130, 3600 * 30)] == [
        "00:00:00",
        "00:01:00",
        "00:02:10",
        "30:00:00",
    ]


def test_reporter_is_chosen_by_the_stream(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert isinstance(reporter(quiet=False), LineReporter)
    assert isinstance(reporter(quiet=True), NullReporter)

    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert isinstance(reporter(quiet=False), BarReporter)

    monkeypatch.setenv("RANK", "3")
    assert isinstance(reporter(quiet=False), NullReporter)


@pytest.mark.parametrize("kind", [LineReporter(io.StringIO()), NullReporter()])
def test_reporters_are_interchangeable(kind: Reporter) -> None:
    with kind.task("t", total=1) as task:
        one: Task = task
        one.advance()
