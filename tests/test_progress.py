"""The quiet reporter prints nothing, and the logged one writes what is shown to a log."""

import pytest

from avme.progress import Logged, NullReporter


def test_null_reporter_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    quiet = NullReporter()

    quiet.log("a sentence")
    with quiet.task("prep", total=2, done=1) as task:
        task.advance()
        task.advance(2, note="a note")

    assert capsys.readouterr() == ("", "")


def test_logged_reporter_writes_lines_and_the_state_of_a_task() -> None:
    written: list[str] = []
    now = [0.0]
    logged = Logged(NullReporter(), written.append, every_seconds=60.0, clock=lambda: now[0])

    logged.log("a sentence")

    def work() -> None:
        with logged.task("train", total=9, done=1) as task:
            for seconds, note in ((59.0, "loss 3"), (61.0, "loss 2"), (70.0, "")):
                now[0] = seconds
                task.advance(2, note)
            raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        work()

    assert written == ["a sentence", "train  5/9  loss 2", "train  7/9  loss 2"]
