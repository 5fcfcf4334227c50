"""Docstrings, comments and messages are plain technical English (CONTRIBUTING.md)."""

import ast
import re
from collections import Counter
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
BUDGET = 1.0
"""Odd words per 1,000; code bases of this field have 0.0 to 0.5."""
ODD = re.compile(
    r"\b(whoever|nobody|anybody|aloud|anew|mend(?:s|ed|ing)?|foretell\w*|foretold|stands?|stood|"
    r"lies?|told|tells?|says?|said|speaks?|heard|bury|blamed?|guilty|sibling\w*|twins?|peers?|"
    r"words|wishes|people|thrown away|by chance|given up|goes on|go on|taken|asked|kept)\b",
    re.IGNORECASE,
)
NOT_A_VERB = re.compile(
    r"[^A-Z]|.*:$|\w*[^s]s$|(a|an|the|this|these|it|its|what|which|whether|who|whose|where|when|how|why|"
    r"as|for|from|of|with|without|after|before|all|both|each|every|some|first|last|only|no|none|"
    r"true|false|number|name|path|class|token|default|dotted|font|provenance|yaml)\b",
    re.IGNORECASE,
)
"""First words of docstrings that are no verb: names in quotes, plurals and third persons too."""
WORD = re.compile(r"[A-Za-z][A-Za-z'-]*")


@cache
def nodes_of(source: str) -> list[ast.AST]:
    """Return all nodes of a module; every test reads all modules."""
    return list(ast.walk(ast.parse(source)))


def prose(source: str) -> list[str]:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    found = [ast.get_docstring(node) for node in nodes_of(source) if isinstance(node, kinds)]
    found += [
        match[1] for line in source.splitlines() if (match := re.search(r"(?:^|\s)# (.*)", line))
    ]
    return [text for text in found if text]


def messages(source: str) -> list[str]:
    """String literals with a space, docstrings excluded; an f-string gives its constant parts."""
    descriptions = {id(node.value) for node in nodes_of(source) if isinstance(node, ast.Expr)}
    return [
        node.value
        for node in nodes_of(source)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and " " in node.value
        and id(node) not in descriptions
    ]


def sources() -> list[Path]:
    return [path for folder in ("avme", "cli") for path in (ROOT / folder).rglob("*.py")]


@pytest.mark.parametrize("texts_of", [prose, messages])
def test_odd_words_stay_within_their_budget(texts_of: Callable[[str], list[str]]) -> None:
    texts = [text for path in sources() for text in texts_of(path.read_text(encoding="utf-8"))]
    odd = Counter(word.lower() for text in texts for word in ODD.findall(text))
    words = sum(len(WORD.findall(text)) for text in texts)

    assert 1000 * sum(odd.values()) / words <= BUDGET, odd.most_common(12)


def test_odd_words_are_counted_in_docstrings_and_comments() -> None:
    assert prose('"""Nobody says."""\nx = 1  # kept\n') == ["Nobody says.", "kept"]


def test_odd_words_are_counted_in_messages() -> None:
    source = '"""A module."""\nx = 1\n"""A field."""\nraise E(f"{x} says " "so", "key")\n'

    assert messages(source) == [" says so"]


def first_words(source: str) -> list[str]:
    """The functions of a module; a property is described like a field, by a noun phrase."""
    return [
        text.split()[0]
        for node in nodes_of(source)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (text := ast.get_docstring(node))
        and not any("property" in ast.unparse(decorator) for decorator in node.decorator_list)
    ]


def test_docstrings_of_functions_begin_with_a_verb() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {word}"
        for path in sources()
        for word in first_words(path.read_text(encoding="utf-8"))
        if NOT_A_VERB.match(word)
    ]

    assert found == []


@pytest.mark.parametrize(
    "text", ["The size.", "What is read.", "Whether it is.", "Sizes of it.", "Reads it.", "Args:"]
)
def test_docstrings_that_begin_with_another_word_are_found(text: str) -> None:
    (word,) = first_words(f'def f():\n    """{text}"""\n')

    assert NOT_A_VERB.match(word)
    assert not NOT_A_VERB.match("Process")


def unknown_arguments(source: str) -> list[str]:
    """The names in `Args:` that the function does not have."""
    found = []
    for node in nodes_of(source):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node) or ""
            section = re.search(r"^Args:\n((?:    .*(?:\n|$)|\n)+)", text, re.MULTILINE)
            given = {
                argument.arg for argument in ast.walk(node.args) if isinstance(argument, ast.arg)
            }
            named = re.findall(r"^    \*{0,2}(\w+):", section[1], re.MULTILINE) if section else []
            found += [f"{node.name}: {name}" for name in named if name not in given]
    return found


def test_args_sections_name_parameters_of_the_function() -> None:
    unknown = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in sources()
        for name in unknown_arguments(path.read_text(encoding="utf-8"))
    ]

    assert unknown == []


def test_unknown_arguments_of_a_renamed_parameter_are_found() -> None:
    source = (
        'def f(*, new: int, **rest: int) -> None:\n    """Do.\n\n    Args:\n        old: Count,\n'
    )
    source += '            as text: or not.\n        new: Count.\n        **rest: More.\n    """\n'

    assert unknown_arguments(source) == ["f: old"]
