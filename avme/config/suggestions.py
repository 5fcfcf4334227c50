"""What an unknown setting or option was likely meant to be: other tools' names, then misspellings.

Both parts of a dotted key must be near: a long group would make any name in it look alike.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Final

from avme.config.synonyms import SYNONYMS, squashed

_CLOSE_NAME: Final = 0.75
"""Minimum similarity of the last part of a key for a misspelling."""
_CLOSE_GROUP: Final = 0.6
_MOST_NAMED: Final = 3


@dataclass(frozen=True, slots=True)
class Hint:
    """What an unknown name was likely meant to be; `str` makes a question or a sentence of it."""

    candidates: tuple[str, ...]
    """Settings and flags; none where the note alone is the answer."""
    note: str = ""

    def __str__(self) -> str:
        return self.spelled()

    def spelled(self, spell: Callable[[str], str] = str) -> str:
        """Return the hint with every candidate formatted by `spell`."""
        if not self.candidates:
            return self.note
        aside = f" ({self.note})" if self.note else ""
        return f"did you mean {' or '.join(dict.fromkeys(map(spell, self.candidates)))}{aside}?"


def find_hint(key: str, known: Collection[str], flags: Collection[str] = ()) -> Hint | None:
    """Return the probable meaning of an unknown key, None if nothing is similar.

    The table of other tools' names is searched first; then keys with the same name or the same
    parts; then misspellings.

    Args:
        key: Unknown key.
        known: Dotted keys of the command.
        flags: Options of the command.
    """
    last = key.rsplit(".", 1)[-1]
    for name in (key, last):
        found = _from_table(name, known, flags)
        if found:
            return found
    inside = [each for each in known if _words(key) <= _words(each)]
    same = [each for each in known if squashed(each.rsplit(".", 1)[-1]) == squashed(last)]
    both = [each for each in same if each in inside]
    several = inside if len(_words(key)) > 1 else []
    candidates = both or several or same or inside or _nearest(key, known)
    return Hint(tuple(candidates)) if 0 < len(candidates) <= _MOST_NAMED else None


def _from_table(name: str, known: Collection[str], flags: Collection[str]) -> Hint | None:
    for synonym in SYNONYMS.get(squashed(name), ()):
        if not synonym.targets:
            return Hint((), synonym.note)
        there = [target for target in synonym.targets if target in known or target in flags]
        if there:
            several = [target for target in there if target.startswith("--")]
            return Hint(tuple(several if there[0] in several else there[:1]), synonym.note)
    return None


def _words(key: str) -> set[str]:
    return set(key.lower().replace("-", "_").replace(".", "_").split("_"))


def _nearest(key: str, known: Collection[str]) -> list[str]:
    """Return the key whose name and group are both similar; None without one."""
    group, _, name = key.lower().rpartition(".")
    scores: dict[str, float] = {}
    for each in known:
        own_group, _, own_name = each.rpartition(".")
        by_name = SequenceMatcher(None, name, own_name).ratio()
        by_group = SequenceMatcher(None, group, own_group).ratio() if group else 1.0
        if by_name >= _CLOSE_NAME and by_group >= _CLOSE_GROUP:
            scores[each] = by_name + by_group
    best = max(scores.values(), default=0.0)
    return [each for each, score in scores.items() if score == best]
