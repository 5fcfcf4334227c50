"""Lists of names, and errors, in messages."""

from avme.message_text import one_line, some_of


def test_some_of_many_names_gives_the_first() -> None:
    assert some_of(["a", "b", "c"]) == "a, b, c"
    assert some_of(["a", "b", "c", "d"]) == "a, b, c, ..."
    assert some_of([]) == ""
    assert some_of("abcdefg", 5) == "a, b, c, d, e, ..."


def test_some_of_unknown_total_gives_the_first() -> None:
    assert some_of(["a", "b"], count=9) == "a, b, ..."
    assert some_of(["a", "b"], count=2) == "a, b"


def test_clauses_are_separated_by_semicolons() -> None:
    assert some_of(["a is 1", "b is 2"], 1, separator="; ") == "a is 1; ..."


def test_one_line_of_multiline_error_has_no_newline() -> None:
    assert one_line(ValueError("a\n\n  b   c\r\nd")) == "a; b   c; d"
    assert one_line(ValueError()) == ""
