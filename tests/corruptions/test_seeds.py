"""Generators by clip and kind."""

import subprocess
import sys

from avme.corruptions.seeds import clip_generator


def test_generator_of_a_clip_is_the_same_in_another_process() -> None:
    code = (
        "from avme.corruptions.seeds import clip_generator;"
        "print(clip_generator('a/b.avi', 'jpeg').integers(2**62))"
    )

    other = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)

    assert int(other.stdout) == clip_generator("a/b.avi", "jpeg").integers(2**62)


def test_generators_of_other_clips_and_kinds_differ() -> None:
    names = [("a", "jpeg"), ("b", "jpeg"), ("a", "h264"), ("", "ajpeg"), ("\udcff", "jpeg")]

    assert len({clip_generator(*name).integers(2**62) for name in names}) == len(names)
