r"""Shell commands for copy and paste: one line, whatever the arguments contain.

An argument is quoted as by `shlex`; one with control characters, which would break the line or act
on the terminal, becomes `$'...'` with its bytes as `\xNN`, as read by bash, zsh and ksh.
"""

import os
import shlex
from collections.abc import Iterable

from avme.io.escape import escape_text


def join_command(words: Iterable[str]) -> str:
    """Return the command as one line."""
    return " ".join(map(quote_word, words))


def quote_word(word: str) -> str:
    """Return the argument as one line that a shell parses back to the argument."""
    if escape_text(word) == word:
        return shlex.quote(word)
    return "$'" + "".join(map(_escaped, os.fsencode(word))) + "'"


def comment(text: str) -> str:
    """Return the text as a comment of one line."""
    return f"# {escape_text(text)}"


def _escaped(byte: int) -> str:
    is_plain = 0x20 <= byte < 0x7F and byte not in b"\\'"
    return chr(byte) if is_plain else f"\\x{byte:02x}"
