import pickle

import numpy as np
import pytest
import torch
from torch import Tensor

from avme.data.clip_reader import ClipReader
from avme.data.temporal_sampling import Window
from avme.errors import UsageError
from avme.evaluation.controls.audio_modes import (
    NO_AUDIO,
    RotatedAudio,
    audio_owners,
    audio_source,
    has_audio,
)
from avme.evaluation.controls.clip_audio import ClipAudio
from avme.evaluation.controls.conditions import BATTERY_AUDIO
from avme.evaluation.controls.mode_names import parse_audio_mode
from avme.shards.dataset import PreparedDataset
from avme.stages.training import mfcc_facts

WHOLE = Window(0, 5, 2)
"""All frames of the clips of ten frames."""
KEEPING = ("silence", "noise@10", "shuffle", "shuffle-within-class", "offset=0.1")


def heard(
    reader: ClipReader, mode: str, index: int, window: Window = WHOLE
) -> tuple[Tensor, Tensor]:
    return audio_source(parse_audio_mode(mode), ClipAudio(reader)).audio(index, window)


def audible(reader: ClipReader) -> list[int]:
    return np.flatnonzero(has_audio(reader.entries)).tolist()


def test_has_audio_is_true_of_audible_clips_only(reader: ClipReader) -> None:
    found = {
        entry.audio
        for entry, one in zip(reader.entries, has_audio(reader.entries), strict=True)
        if one
    }

    assert found == {"audible"}
    assert len(audible(reader)) == 6


def test_real_audio_is_that_of_the_shard(reader: ClipReader) -> None:
    for index, entry in enumerate(reader.entries):
        mfcc, valid = heard(reader, "real", index)
        expected, expected_valid = reader.audio(entry, WHOLE)
        assert torch.equal(mfcc, expected)
        assert torch.equal(valid, expected_valid)


def test_null_audio_has_no_valid_row(reader: ClipReader) -> None:
    for index in range(len(reader.entries)):
        mfcc, valid = heard(reader, "null", index)
        assert mfcc.shape == (40, 13)
        assert not mfcc.any()
        assert not valid.any()


@pytest.mark.parametrize("mode", KEEPING)
def test_modes_that_keep_presence_keep_the_valid_rows_and_change_the_others(
    reader: ClipReader, mode: str
) -> None:
    for index, entry in enumerate(reader.entries):
        mfcc, valid = heard(reader, mode, index)
        expected, expected_valid = reader.audio(entry, WHOLE)
        assert torch.equal(valid, expected_valid)
        assert not mfcc[~valid].any()
        assert torch.equal(mfcc, expected) == (entry.audio != "audible")


def test_silence_is_one_row_far_from_the_audio(reader: ClipReader) -> None:
    index = audible(reader)[0]

    mfcc, valid = heard(reader, "silence", index)

    real, _ = heard(reader, "real", index)
    torch.testing.assert_close(mfcc[valid], mfcc[:1].expand(int(valid.sum()), -1))
    assert float(mfcc[0, 0]) < float(real[valid][:, 0].min()) - 3  # log energy, in deviations


def test_noise_raises_from_clean_to_loud(reader: ClipReader) -> None:
    index = audible(reader)[0]
    real, _ = heard(reader, "real", index)

    distance = [
        float((heard(reader, f"noise@{snr}", index)[0] - real).abs().mean())
        for snr in (60, 20, 0, -20)
    ]

    assert distance == sorted(distance)
    assert distance[0] < 0.5 * distance[-1]


def test_noise_of_overlapping_windows_is_the_same(reader: ClipReader) -> None:
    index = audible(reader)[0]
    source = audio_source(parse_audio_mode("noise@0"), ClipAudio(reader))

    first, _ = source.audio(index, Window(0, 4, 2))
    source.audio(audible(reader)[1], WHOLE)
    second, _ = source.audio(index, Window(2, 4, 2))

    assert torch.equal(first[8:], second[:24])


def test_shuffle_gives_the_audio_of_another_group(reader: ClipReader) -> None:
    owner = audio_owners(parse_audio_mode("shuffle"), reader.entries)
    groups = [entry.group for entry in reader.entries]

    for index in audible(reader):
        assert groups[owner[index]] != groups[index]
        expected = ClipAudio(reader).cyclic(index, int(owner[index]), WHOLE)
        assert torch.equal(heard(reader, "shuffle", index)[0], expected[0])


def test_shuffle_within_class_keeps_the_class(reader: ClipReader) -> None:
    owner = audio_owners(parse_audio_mode("shuffle-within-class"), reader.entries)

    for index, own in enumerate(owner):
        assert reader.entries[own].label == reader.entries[index].label
        assert (own == index) == (index not in audible(reader))


def test_donor_gives_audio_to_clips_without_it_alone(reader: ClipReader) -> None:
    owner = audio_owners(parse_audio_mode("donor"), reader.entries)

    for index, entry in enumerate(reader.entries):
        mfcc, valid = heard(reader, "donor", index)
        if entry.audio == "audible":
            assert owner[index] == index
            assert torch.equal(mfcc, reader.audio(entry, WHOLE)[0])
        else:
            assert owner[index] in audible(reader)
            assert int(valid.sum()) == min(4 * entry.num_frames, 40)


def test_presence_swap_is_donor_without_and_null_with_audio(reader: ClipReader) -> None:
    for index, entry in enumerate(reader.entries):
        mfcc, valid = heard(reader, "presence-swap", index)
        other = heard(reader, "null" if entry.audio == "audible" else "donor", index)
        assert torch.equal(mfcc, other[0])
        assert bool(valid.any()) == (entry.audio != "audible")


def test_offset_of_a_clip_without_audio_is_what_its_protocol_gives(reader: ClipReader) -> None:
    donor = audio_source(parse_audio_mode("donor"), ClipAudio(reader))
    source = audio_source(parse_audio_mode("offset=0.1"), ClipAudio(reader, donor))

    for index, entry in enumerate(reader.entries):
        same = torch.equal(source.audio(index, WHOLE)[0], donor.audio(index, WHOLE)[0])
        assert same == (entry.audio != "audible")


def test_offset_rolls_the_valid_rows(reader: ClipReader) -> None:
    index = next(i for i in audible(reader) if reader.entries[i].num_frames == 10)

    mfcc, _ = heard(reader, "offset=0.1", index)  # ten rows at 25 fps

    real, _ = heard(reader, "real", index)
    assert torch.equal(mfcc, torch.roll(real, 10, dims=0))
    back, _ = heard(reader, "offset=-0.1", index)
    assert torch.equal(back, torch.roll(real, -10, dims=0))


@pytest.mark.parametrize(
    ("seconds", "rows"), [(0.1, 10), (0.3, 30), (0.4, 20), (0.44, 20), (1.0, 20), (0.05, 5)]
)
def test_offset_that_would_end_near_its_start_is_half_a_turn(
    reader: ClipReader, seconds: float, rows: int
) -> None:
    index = next(i for i in audible(reader) if reader.entries[i].num_frames == 10)

    assert RotatedAudio(ClipAudio(reader), seconds).shift(index) % 40 == rows


@pytest.mark.parametrize("mode", ["null", "real"])
def test_owners_of_other_modes_are_none_or_the_clips_themselves(
    reader: ClipReader, mode: str
) -> None:
    owner = audio_owners(parse_audio_mode(mode), reader.entries)

    assert owner.tolist() == ([NO_AUDIO] * 12 if mode == "null" else list(range(12)))


def test_sources_of_the_battery_survive_being_sent_to_a_worker(reader: ClipReader) -> None:
    clips = ClipAudio(reader)
    sources = [audio_source(mode, clips) for mode in BATTERY_AUDIO]
    copies = pickle.loads(pickle.dumps(sources))

    for source, copy in zip(sources, copies, strict=True):
        for index in range(12):
            for ours, theirs in zip(
                source.audio(index, WHOLE), copy.audio(index, WHOLE), strict=True
            ):
                assert torch.equal(ours, theirs)


@pytest.mark.parametrize("mode", ["shuffle", "donor", "noise@10"])
def test_another_seed_gives_other_audio(reader: ClipReader, mode: str) -> None:
    first, second = (
        audio_source(parse_audio_mode(mode), ClipAudio(reader), seed) for seed in (0, 1)
    )

    assert any(
        not torch.equal(first.audio(i, WHOLE)[0], second.audio(i, WHOLE)[0]) for i in range(12)
    )


@pytest.mark.parametrize("mode", ["shuffle", "donor", "presence-swap"])
def test_modes_without_a_donor_pool_are_refused(varied: PreparedDataset, mode: str) -> None:
    silent = [entry for entry in varied.entries if entry.audio != "audible"]
    reader = ClipReader(varied, silent, mfcc_facts(varied, "1"))

    with pytest.raises(UsageError, match="no clip of the list has audio"):
        audio_source(parse_audio_mode(mode), ClipAudio(reader))


def test_noise_without_stored_samples_is_refused(
    reader: ClipReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reader, "waveform", lambda entry: None)

    with pytest.raises(UsageError, match=r"noise@10: the shards hold MFCC but no samples of"):
        audio_source(parse_audio_mode("noise@10"), ClipAudio(reader))
