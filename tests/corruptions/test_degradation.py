"""Degradations by name."""

import subprocess
import sys

import pytest

from avme.corruptions.degradation import Degradation, parse_degradation
from avme.corruptions.kinds import KINDS
from avme.corruptions.psnr import psnr_db
from avme.errors import UsageError
from tests.corruptions.inputs import texture


def test_kind_and_severity_are_one_degradation() -> None:
    assert parse_degradation("jpeg=3") == (Degradation("jpeg", 3, "frames"),)
    assert parse_degradation(" Low_Pass = 5 ") == (Degradation("low-pass", 5, "audio"),)


@pytest.mark.parametrize("kind", KINDS)
def test_kind_alone_is_all_severities(kind: str) -> None:
    found = parse_degradation(kind)

    assert [each.severity for each in found] == [1, 2, 3, 4, 5]
    assert [each.level for each in found] == list(KINDS[kind].levels)
    assert [parse_degradation(str(each)) for each in found] == [(each,) for each in found]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("jepg=3", "degradation 'jepg=3': unknown kind: did you mean jpeg?"),
        (
            "blur",
            "degradation 'blur': unknown kind: did you mean defocus-blur or motion-blur?",
        ),
        ("xyz", f"degradation 'xyz': unknown kind: use one of {', '.join(KINDS)}"),
        ("", f"degradation '': unknown kind: use one of {', '.join(KINDS)}"),
        (
            "h264=6",
            "degradation 'h264=6': unknown severity (got '6', expected 1 to 5):"
            " use h264=3, or h264 for all five",
        ),
    ],
)
def test_unknown_kind_or_severity_is_one_line_with_a_suggestion(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_degradation(text)

    assert str(caught.value) == message


@pytest.mark.parametrize("severity", ["", "0", "-1", "1.5", "all", "3\n4", "٣"])
def test_severity_that_is_not_1_to_5_is_refused(severity: str) -> None:
    with pytest.raises(UsageError, match="expected 1 to 5") as caught:
        parse_degradation(f"jpeg={severity}")

    assert "\n" not in str(caught.value)


def test_apply_degrades_with_the_level_of_the_severity() -> None:
    clean = texture(2, 32, 32)
    (degradation,) = parse_degradation("gaussian-noise=2")

    assert psnr_db(clean, degradation.apply(clean, "clip")) == pytest.approx(25, abs=0.05)


def test_parser_imports_no_numpy() -> None:
    code = "import sys, avme.corruptions.degradation; print('numpy' in sys.modules)"

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)

    assert done.stdout == "False\n"
