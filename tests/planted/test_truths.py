"""The planted sets hold the truth that they claim, in both halves together and in neither alone."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from avme.shards.dataset import ClipEntry, PreparedDataset
from avme.shards.jpeg import decode
from avme.shards.reader import ShardReader
from avme.stages.audit import audit
from tests.planted.truths import PERIOD

pytestmark = pytest.mark.slow

Planted = Callable[[str], PreparedDataset]


def frames_of(prepared: PreparedDataset, entry: ClipEntry) -> np.ndarray:
    reader = ShardReader(prepared.shard_path(entry))
    files = reader.frames(entry.row, range(entry.num_frames))
    return decode(files, height=entry.height, width=entry.width).astype(np.float64)


def mfcc_of(prepared: PreparedDataset, entry: ClipEntry) -> np.ndarray:
    reader = ShardReader(prepared.shard_path(entry))
    rows, valid = reader.mfcc(entry.row, 0, 4 * entry.num_frames)
    assert valid.all()
    return rows


def is_red(frames: np.ndarray) -> bool:
    red, _, blue = frames.mean(axis=(0, 1, 2))
    return bool(red > blue)


def require_joint_truth(facts: list[tuple[str, Any, Any]]) -> None:
    """Check that the pair gives the class of every clip, and either part alone nothing."""
    pairs = Counter(facts)
    assert set(pairs.values()) == {len(facts) // 4}
    assert len({(seen, heard) for _, seen, heard in pairs}) == 4


def test_leak_audit_reports_one_bit(planted: Planted, tmp_path: Any) -> None:
    leak = audit(planted("leak").folder, out=tmp_path).facts["splits"]["1"]["leak"]

    assert leak["is_evident"]
    assert leak["bits"] == pytest.approx(1.0)
    assert leak["bits_at_most"] == pytest.approx(1.0)
    assert leak["top1_presence"] == pytest.approx(0.5)
    assert leak["top1_majority"] == pytest.approx(0.25)


def test_leak_frames_show_the_pair_and_presence_the_rest(planted: Planted) -> None:
    prepared = planted("leak")

    found = {
        (entry.class_name, is_red(frames_of(prepared, entry)), entry.audio)
        for entry in prepared.entries
    }

    assert found == {
        ("RedSilent", True, "none"),
        ("RedNoise", True, "audible"),
        ("BlueSilent", False, "none"),
        ("BlueNoise", False, "audible"),
    }


def test_leak_noise_of_both_classes_has_the_same_mfcc(planted: Planted) -> None:
    prepared = planted("leak")
    red, blue = (
        np.stack(
            [
                mfcc_of(prepared, entry).mean(axis=0)
                for entry in prepared.entries
                if entry.class_name == name
            ]
        )
        for name in ("RedNoise", "BlueNoise")
    )

    spread = np.concatenate([red, blue]).std(axis=0)
    assert np.all(np.abs(red.mean(axis=0) - blue.mean(axis=0)) < spread)


def test_xor_needs_the_color_and_the_tone(planted: Planted) -> None:
    prepared = planted("xor")
    means = [mfcc_of(prepared, entry).mean(axis=0)[1] for entry in prepared.entries]
    middle = (max(means) + min(means)) / 2

    require_joint_truth(
        [
            (entry.class_name, is_red(frames_of(prepared, entry)), mean > middle)
            for entry, mean in zip(prepared.entries, means, strict=True)
        ]
    )


def test_when_needs_the_flash_and_the_beep(planted: Planted) -> None:
    prepared = planted("when")

    def phase(values: np.ndarray) -> bool:
        """Return True if the values are higher in the first half of each period."""
        halves = values.reshape(-1, 2, PERIOD // 2).mean(axis=(0, 2))
        return bool(halves[0] > halves[1])

    require_joint_truth(
        [
            (
                entry.class_name,
                phase(frames_of(prepared, entry).mean(axis=(1, 2, 3))),
                phase(mfcc_of(prepared, entry)[:, 0].reshape(-1, 4).mean(axis=1)),
            )
            for entry in prepared.entries
        ]
    )


def test_motion_shows_in_steps_and_in_no_frame(planted: Planted) -> None:
    prepared = planted("motion")
    places: dict[str, list[np.ndarray]] = {}
    for entry in prepared.entries:
        columns = frames_of(prepared, entry).mean(axis=(1, 3))
        # The phase of the first harmonic is the place of the bar, also across the edge.
        phase = np.angle(np.fft.rfft(columns, axis=1)[:, 1])
        steps = np.angle(np.exp(1j * np.diff(phase)))
        assert len(set(np.sign(steps))) == 1
        assert (steps.mean() < 0) == (entry.class_name == "Right")
        places.setdefault(entry.class_name, []).append(np.exp(1j * phase))

    for phases in places.values():
        assert np.abs(np.mean(phases)) < 0.05
