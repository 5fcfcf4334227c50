r"""Words to a command that people paste: one line for a shell, whatever the words hold.

A word is quoted as by `shlex`; one that holds control characters would break the line or be obeyed
by the terminal, and becomes `$'...'`, which bash, zsh and ksh read, with its bytes as `\xNN`.
"""

import os
import shlex
from collections.abc import Iterable

from avme.io.escape import escape_text


def join_command(words: Iterable[str]) -> str:
    """Return the command as one line."""
    return " ".join(map(quote_word, words))


def quote_word(word: str) -> str:
    """Return the word as one line that a shell reads back as the word."""
    if escape_text(word) == word:
        return shlex.quote(word)
    return "$'" + "".join(map(_escaped, os.fsencode(word))) + "'"


def comment(text: str) -> str:
    """Return the text as a comment of one line."""
    return f"# {escape_text(text)}"


def _escaped(byte: int) -> str:
    is_plain = 0x20 <= byte < 0x7F and byte not in b"\\'"
    return chr(byte) if is_plain else f"\\x{byte:02x}"
