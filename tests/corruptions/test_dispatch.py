"""Every kind on frames and audio: what all have in common."""

from itertools import pairwise

import numpy as np
import pytest

from avme.corruptions.degradation import parse_degradation
from avme.corruptions.dispatch import DRAWN, FIXED, apply
from avme.corruptions.kinds import KINDS
from avme.corruptions.psnr import psnr_db
from avme.media.synthetic import plan_set, render_audio, render_video
from tests.corruptions.inputs import snr_db, texture, voice

FRAME_KINDS = [kind.name for kind in KINDS.values() if kind.modality == "frames"]
AUDIO_KINDS = [kind.name for kind in KINDS.values() if kind.modality == "audio"]
EVEN = ("low-resolution", "defocus-blur", "motion-blur", "dropped-frames", "contrast")
"""Kinds that leave constant frames as they are."""


def severities(array: np.ndarray, kind: str) -> list[np.ndarray]:
    before = array.copy()
    found = [each.apply(array, "clip") for each in parse_degradation(kind)]
    assert (array == before).all()
    assert {(each.shape, each.dtype) for each in found} == {(array.shape, array.dtype)}
    return found


def falls(values: list[float]) -> bool:
    return all(a > b for a, b in pairwise(values))


def test_dispatch_has_one_function_per_kind() -> None:
    assert sorted([*FIXED, *DRAWN]) == sorted(KINDS)


@pytest.mark.parametrize("kind", FRAME_KINDS)
@pytest.mark.parametrize("shape", [(16, 32, 32), (16, 37, 53), (32, 96, 64)])
def test_frames_of_a_texture_are_worse_at_every_severity(
    kind: str, shape: tuple[int, int, int]
) -> None:
    clean = texture(*shape)

    assert falls([psnr_db(clean, each) for each in severities(clean, kind)])


@pytest.mark.parametrize("kind", FRAME_KINDS)
@pytest.mark.slow
def test_frames_of_a_film_are_worse_at_every_severity(kind: str, real_frames: np.ndarray) -> None:
    assert falls([psnr_db(real_frames, each) for each in severities(real_frames, kind)])


@pytest.mark.parametrize("kind", FRAME_KINDS)
def test_frames_of_the_demo_are_worse_at_every_severity(kind: str) -> None:
    clean = render_video(plan_set([1], 1, seed=0)[4])[:16]

    assert falls([psnr_db(clean, each) for each in severities(clean, kind)])


@pytest.mark.parametrize("kind", ["jpeg", "h264", "low-resolution"])
@pytest.mark.parametrize("background", [0, 17, 60, 93, 140])
def test_disk_before_a_flat_background_is_better_at_no_severity(kind: str, background: int) -> None:
    time, down, right = np.mgrid[:16, :72, :72]
    inside = np.hypot(down - 30 - time, right - 20 - 2 * time) < 9
    clean = np.where(inside[..., None], np.uint8(230), np.uint8(background)).repeat(3, axis=-1)

    found = [psnr_db(clean, each) for each in severities(clean, kind)]

    assert found[0] > found[2] > found[4]
    assert all(b <= a for a, b in pairwise(found))


@pytest.mark.parametrize("kind", FRAME_KINDS)
def test_single_frame_is_worse_at_every_severity_but_for_dropped_frames(kind: str) -> None:
    clean = texture(1, 64, 48)

    found = [psnr_db(clean, each) for each in severities(clean, kind)]

    assert found == [float("inf")] * 5 if kind == "dropped-frames" else falls(found)


@pytest.mark.parametrize("kind", FRAME_KINDS)
@pytest.mark.parametrize("value", [0, 101, 255])
def test_constant_frames_are_degraded_without_an_error(kind: str, value: int) -> None:
    clean = np.full((2, 24, 31, 3), value, dtype=np.uint8)

    found = severities(clean, kind)

    assert kind not in EVEN or all((each == value).all() for each in found)


@pytest.mark.parametrize("kind", FRAME_KINDS)
@pytest.mark.parametrize("shape", [(1, 1, 1), (3, 1, 7), (2, 5, 2)])
def test_tiny_frames_keep_their_shape(kind: str, shape: tuple[int, int, int]) -> None:
    severities(texture(*shape), kind)


@pytest.mark.parametrize("kind", AUDIO_KINDS)
@pytest.mark.parametrize("num_samples", [8000, 40_961])
def test_voices_are_worse_at_every_severity(kind: str, num_samples: int) -> None:
    clean = voice(num_samples)

    assert falls([snr_db(clean, each) for each in severities(clean, kind)])


@pytest.mark.parametrize("kind", AUDIO_KINDS)
def test_audio_of_a_film_is_worse_at_every_severity(kind: str, real_samples: np.ndarray) -> None:
    assert np.ptp(real_samples) > 100
    assert falls([snr_db(real_samples, each) for each in severities(real_samples, kind)])


@pytest.mark.parametrize("kind", AUDIO_KINDS)
@pytest.mark.parametrize("index", [0, 1, 2])
def test_audio_of_the_demo_is_worse_at_every_severity(kind: str, index: int) -> None:
    clean = render_audio(plan_set([3, 4], 1, seed=0)[index])

    assert falls([snr_db(clean, each) for each in severities(clean, kind)])


@pytest.mark.parametrize("kind", AUDIO_KINDS)
@pytest.mark.parametrize("num_samples", [0, 1, 7, 4000])
def test_silence_stays_silence(kind: str, num_samples: int) -> None:
    clean = np.zeros(num_samples, dtype=np.int16)

    assert all((each == 0).all() for each in severities(clean, kind))


@pytest.mark.parametrize("kind", KINDS)
def test_same_clip_gives_the_same_result_and_no_view_of_the_input(kind: str) -> None:
    clean = texture(4, 24, 24) if KINDS[kind].modality == "frames" else voice(4000)
    level = KINDS[kind].levels[2]

    first, again = apply(clean, kind, level, "a"), apply(clean.copy(), kind, level, "a")

    assert (first == again).all()
    assert not np.shares_memory(first, clean)


@pytest.mark.parametrize("kind", DRAWN)
def test_apply_to_other_clip_draws_another_pattern(kind: str) -> None:
    clean = texture(4, 48, 48) if KINDS[kind].modality == "frames" else voice(4000)
    level = KINDS[kind].levels[3]

    assert (apply(clean, kind, level, "a") != apply(clean, kind, level, "b")).any()


@pytest.mark.parametrize("kind", KINDS)
def test_arrays_that_are_read_only_or_not_contiguous_are_accepted(kind: str) -> None:
    frames = KINDS[kind].modality == "frames"
    whole = texture(8, 24, 24) if frames else voice(4000)
    array = whole[::2, :, ::-1] if frames else whole[::2]
    array.flags.writeable = False

    found = apply(array, kind, KINDS[kind].levels[1], "a")

    assert (found == apply(array.copy(), kind, KINDS[kind].levels[1], "a")).all()


def test_frames_for_a_kind_of_audio_are_refused() -> None:
    with pytest.raises(ValueError, match="low-pass degrades audio \\(got frames\\)"):
        apply(texture(1, 8, 8), "low-pass", 1000.0, "a")
