"""Count of shards by ffmpeg version, and the warning about several."""

from typing import Any

import pytest

from avme.prep.ffmpeg_versions import count_versions, describe_mixture


def test_count_versions_without_a_version_is_unknown_and_sorted_by_name() -> None:
    found = count_versions(iter(["7.1", "5.1.6", None, "7.1", ""]))

    assert list(found.items()) == [("5.1.6", 1), ("7.1", 2), ("unknown", 2)]
    assert count_versions(()) == {}


@pytest.mark.parametrize("counts", [{}, {"7.1": 9}, None, ["7.1", "8.0"], 3])
def test_describe_mixture_of_one_version_or_invalid_counts_is_none(counts: Any) -> None:
    assert describe_mixture({"ffmpeg": counts}) is None


def test_describe_mixture_of_several_versions_names_each_with_its_shards() -> None:
    warning = describe_mixture({"ffmpeg": count_versions(["8.0", "5.1.6", "8.0"])})

    assert warning is not None
    assert warning.startswith("warning: ")
    assert "(5.1.6 (1), 8.0 (2))" in warning
