"""Verification errors as lines."""

import hashlib

from avme.verify.problem import Problem, short_hash


def test_problem_as_text_is_file_and_finding_without_the_fix() -> None:
    problem = Problem("index.csv", "has changed", delete="dataset.json")

    assert str(problem) == "index.csv: has changed"


def test_short_keeps_a_prefix_that_tells_hashes_apart() -> None:
    first, second = (hashlib.sha256(text).hexdigest() for text in (b"a", b"b"))

    assert first.startswith(short_hash(first))
    assert len(short_hash(first)) == 12
    assert short_hash(first) != short_hash(second)
    assert short_hash(None) == "None"
