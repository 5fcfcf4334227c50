"""train.log: one line per message, appended, without effect of a full disk on the run."""

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from avme.errors import ArtifactError
from avme.train.run.log_file import LogFile, log_to_file

STAMP = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}"


@pytest.fixture(autouse=True)
def no_handlers_left() -> Iterator[None]:
    before = list(logging.getLogger("avme").handlers)
    yield
    assert logging.getLogger("avme").handlers == before


def test_logged_appends_reports_and_library_records_in_order(tmp_path: Path) -> None:
    for number in (1, 2):
        with log_to_file(tmp_path) as write:
            write(f"first {number}")
            logging.getLogger("avme.anything").warning("second %d", number)
    logging.getLogger("avme").warning("after the end")

    lines = (tmp_path / "train.log").read_text().splitlines()

    assert all(re.match(f"{STAMP} (INFO|WARNING) ", line) for line in lines)
    assert [re.sub(f"^{STAMP} ", "", line) for line in lines] == [
        *("INFO first 1", "WARNING second 1", "INFO first 2", "WARNING second 2")
    ]


def test_logged_message_with_control_characters_is_one_printable_line(tmp_path: Path) -> None:
    with log_to_file(tmp_path) as write:
        write("a\x1b[2J\nb %s 射箭")

    (line,) = (tmp_path / "train.log").read_text(encoding="utf-8").splitlines()

    assert line.endswith("INFO a\\x1b[2J\\nb %s 射箭")
    assert line.isprintable()


def test_logged_traceback_keeps_its_lines_and_escapes_the_rest(tmp_path: Path) -> None:
    with log_to_file(tmp_path):
        try:
            raise ValueError("odd \x9b")
        except ValueError:
            logging.getLogger("avme").exception("failed")

    text = (tmp_path / "train.log").read_text()

    assert "\nTraceback (most recent call last):\n" in text
    assert text.endswith("ValueError: odd \\x9b\n")
    assert text.replace("\n", "").isprintable()


def test_logged_on_full_disk_drops_lines_silently(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    handler = LogFile("/dev/full", delay=True)
    record = logging.LogRecord("avme", logging.INFO, "", 0, "lost", (), None)

    with open("/dev/full", "w", encoding="utf-8") as handler.stream:
        handler.handle(record)
        handler.handle(record)
        handler.close()

    assert capfd.readouterr() == ("", "")


def test_logged_into_symlink_is_refused(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").touch()
    (tmp_path / "train.log").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ArtifactError, match="is a link"), log_to_file(tmp_path):
        pass
