"""Names stay text in Markdown: no link, no tag, no new line, no other table."""

import pytest

from avme.export.markdown import as_code, as_code_block, as_table, as_text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Apply Eye Makeup", "Apply Eye Makeup"),
        ("<script>", "&lt;script&gt;"),
        ("a&b", "a&amp;b"),
        ("[x](http://y)", r"\[x\]\(http\://y\)"),
        ("a|b`c*d_e", r"a\|b\`c\*d\_e"),
        ("two\nlines", r"two\\nlines"),
        ("体操", "体操"),
    ],
)
def test_as_text_escapes_what_has_a_meaning(text: str, expected: str) -> None:
    assert as_text(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"), [("a", "`a`"), ("a`b", "``a`b``"), ("`", "`` ` ``"), ("<b>", "`<b>`")]
)
def test_as_code_fence_is_longer_than_runs_in_the_text(text: str, expected: str) -> None:
    assert as_code(text) == expected


def test_as_code_block_cannot_be_closed_by_its_lines() -> None:
    assert as_code_block(["```", "x"]) == "````sh\n```\nx\n````"


def test_as_table_keeps_pipes_inside_their_cell() -> None:
    table = as_table([["a", "b"], ["`x|y`", r"p\|q"]])

    assert table == "| a | b |\n| --- | --- |\n| `x\\|y` | p\\|q |"
