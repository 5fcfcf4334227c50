"""The quiet reporter counts for nobody."""

import pytest

from avme.report import Quiet


def test_the_quiet_reporter_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    quiet = Quiet()

    quiet.say("a sentence")
    with quiet.task("prep", total=2, done=1) as task:
        task.advance()
        task.advance(2, note="a note")

    assert capsys.readouterr() == ("", "")
