"""Classes that training has not seen, and lists that make a figure meaningless."""

from fractions import Fraction

from avme.data.class_coverage import compute_coverage, training_warnings
from avme.shards.dataset import ClipEntry


def clips(names: str) -> tuple[ClipEntry, ...]:
    """A clip for each letter, which is its class."""
    return tuple(
        ClipEntry(
            id=f"{name}/{number}",
            class_name=name,
            label=ord(name) - ord("a"),
            group=str(number),
            num_frames=9,
            fps=Fraction(25),
            width=32,
            height=32,
            audio="none",
            shard="0.h5",
            row=number,
        )
        for number, name in enumerate(names)
    )


def test_clips_of_untrained_classes_bound_top1() -> None:
    found = compute_coverage(clips("aabbbcdddd"), "ab")

    assert found.untrained == ("c", "d")
    assert (found.num_untrained_clips, found.highest_top1) == (5, 0.5)
    assert found.only_class is None


def test_compute_coverage_of_list_with_one_class_recognizes_it() -> None:
    found = compute_coverage(clips("aaa"), "ab")

    assert (found.only_class, found.untrained, found.highest_top1) == ("a", (), 1.0)


def test_training_is_warned_of_classes_without_a_clip_and_of_one_class() -> None:
    (untrained,) = training_warnings("abcd", clips("aabb"), clips("ab"))
    (validated,) = training_warnings("ab", clips("aabb"), clips("bbb"))
    (alone,) = training_warnings("a", clips("aa"), clips("a"))

    assert "2 of 4 classes have no training clip (c, d)" in untrained
    assert "all 3 validation clips are of one class (b)" in validated
    assert "one class (a): top-1 is 100 % for any classifier" in alone
    assert training_warnings("ab", clips("aabb"), clips("ab")) == []
    assert training_warnings("ab", clips("aabb"), ()) == []
