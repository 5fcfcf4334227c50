"""A command that people paste is one line, and does what its words say, no more."""

import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from avme.io.escape import escape_text
from avme.io.shell_quote import comment, join_command, quote_word

WORDS = st.text(st.characters(codec="utf-8", exclude_characters="\x00"))


def pasted(line: str, folder: Path | None = None) -> bytes:
    return subprocess.run(["bash", "-c", line], cwd=folder, capture_output=True, check=True).stdout


@settings(max_examples=20, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=20))
def test_join_command_is_read_back_by_a_shell(words: list[str]) -> None:
    line = join_command(["printf", r"%s\0", *words])

    assert escape_text(line) == line
    assert pasted(line) == b"".join(word.encode() + b"\0" for word in words)


@pytest.mark.parametrize("word", ["a b", "x\n", "\u202e", "it's", "\udcff"])
def test_quote_word_writes_bytes_only_for_undisplayable_characters(word: str) -> None:
    assert quote_word(word).startswith("$'") == (escape_text(word) != word)


def test_comment_stays_a_comment(tmp_path: Path) -> None:
    pasted(comment("but videos\ntouch marker\n is not there"), tmp_path)

    assert list(tmp_path.iterdir()) == []
