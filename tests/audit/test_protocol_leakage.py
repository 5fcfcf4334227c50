"""Which protocols still give the label away by presence of sound."""

import numpy as np
import pytest

from avme.audit.audio_leak import mutual_bits
from avme.audit.protocol_leakage import protocols

TRAIN = np.array([[0, 10], [2, 8], [10, 0], [9, 1]], dtype=np.int64)
TEST = np.array([[0, 5], [5, 0], [4, 1], [3, 2]], dtype=np.int64)


def test_protocols_with_constant_audio_presence_leave_no_bit() -> None:
    rows = {protocol.name: protocol for protocol in protocols(TRAIN, TEST)}

    assert len(rows) == 10
    assert {(row.options or ("", row.clips))[1] for row in rows.values() if row.bits == 0.0} == {
        "audio-only",
        "donor",
        "constant",
        "visual",
        "usable audio",
    }
    assert rows["all clips as they are"].bits == mutual_bits(TRAIN)
    mostly = rows["all clips of classes that mostly have audio"]
    assert mostly.bits == pytest.approx(mutual_bits(TRAIN[:2]))


def test_protocols_dropping_more_audio_leave_less_but_some_leak() -> None:
    bits = [row.bits for row in protocols(TRAIN, TEST) if "dropped" in row.name]

    assert len(bits) == 3
    assert bits == sorted(bits, reverse=True)
    assert bits[-1] > 0.01


def test_protocols_count_clips_of_both_subsets() -> None:
    rows = {protocol.name: protocol for protocol in protocols(TRAIN, TEST)}
    audio = rows["only clips with usable audio"]
    mostly = rows["all clips of classes that mostly have audio"]

    assert (audio.train, audio.test, audio.classes) == (19, 7, 3)  # no train clip, no test clip
    assert (mostly.train, mostly.test, mostly.classes) == (20, 10, 2)
