import pickle

import pytest
import torch
from torch import Tensor

from avme.data.clip_reader import ClipReader
from avme.data.temporal_sampling import Window
from avme.evaluation.controls.clip_audio import ClipAudio
from avme.shards.dataset import ClipEntry


def first(reader: ClipReader, frames: int) -> int:
    return next(i for i, entry in enumerate(reader.entries) if entry.num_frames == frames)


def test_rows_are_those_of_all_frames(reader: ClipReader) -> None:
    clip = first(reader, 10)

    found = ClipAudio(reader).rows(clip)

    expected, valid = reader.audio(reader.entries[clip], Window(0, 5, 2))
    assert torch.equal(found.mfcc, expected)
    assert (found.begin, found.end, found.num_valid) == (0, 40, int(valid.sum()))
    assert ClipAudio(reader).rows(first(reader, 2)).num_valid == 0


def test_rows_of_the_last_clips_are_read_once(
    reader: ClipReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    clips, read = ClipAudio(reader), list[ClipEntry]()
    audio = reader.audio

    def counted(entry: ClipEntry, window: Window) -> tuple[Tensor, Tensor]:
        read.append(entry)
        return audio(entry, window)

    monkeypatch.setattr(reader, "audio", counted)

    for _ in range(3):
        clips.rows(0)
    for index in range(12):
        clips.rows(index)
    clips.rows(0)

    assert len(read) == 13


def test_cyclic_audio_of_the_clip_itself_is_its_audio(reader: ClipReader) -> None:
    clip = first(reader, 10)
    window = Window(-2, 4, 4)  # before the start and after the end

    mfcc, valid = ClipAudio(reader).cyclic(clip, clip, window)

    expected, expected_valid = reader.audio(reader.entries[clip], window)
    assert torch.equal(mfcc, expected)
    assert torch.equal(valid, expected_valid)


def test_cyclic_audio_of_a_shorter_clip_starts_again(reader: ClipReader) -> None:
    long, short = first(reader, 10), first(reader, 6)
    clips = ClipAudio(reader)

    mfcc, valid = clips.cyclic(long, short, Window(0, 10, 1))

    source = clips.rows(short).mfcc
    assert valid.all()
    assert torch.equal(mfcc, torch.cat([source, source])[:40])


def test_cyclic_audio_for_a_clip_without_audio_lasts_as_long_as_the_clip(
    reader: ClipReader,
) -> None:
    silent, donor = first(reader, 8), first(reader, 10)
    clips = ClipAudio(reader)

    mfcc, valid = clips.cyclic(silent, donor, Window(0, 5, 2))

    assert valid.tolist() == [True] * 32 + [False] * 8
    assert torch.equal(mfcc[:32], clips.rows(donor).mfcc[:32])
    assert not mfcc[32:].any()


@pytest.mark.parametrize("shift", [3, -3, 43])
def test_cyclic_audio_with_a_shift_is_rolled(reader: ClipReader, shift: int) -> None:
    clip = first(reader, 10)
    clips = ClipAudio(reader)

    mfcc, _ = clips.cyclic(clip, clip, Window(0, 10, 1), shift)

    assert torch.equal(mfcc, torch.roll(clips.rows(clip).mfcc, shift, dims=0))


def test_cyclic_audio_of_a_clip_without_audio_is_none(reader: ClipReader) -> None:
    mfcc, valid = ClipAudio(reader).cyclic(first(reader, 10), first(reader, 2), Window(0, 5, 2))

    assert not mfcc.any()
    assert not valid.any()


def test_clip_audio_is_sent_to_workers_without_rows(reader: ClipReader) -> None:
    clips = ClipAudio(reader)
    clips.rows(0)

    copy = pickle.loads(pickle.dumps(clips))

    assert not copy._kept
    assert torch.equal(copy.rows(0).mfcc, clips.rows(0).mfcc)


def test_clip_audio_of_a_protocol_keeps_the_rows_that_it_fills(reader: ClipReader) -> None:
    silent, donor = first(reader, 8), first(reader, 10)

    class Everywhere:
        """Audio in all rows of all clips, also outside them."""

        def audio(self, index: int, window: Window) -> tuple[Tensor, Tensor]:
            begin, end = window.rows()
            return torch.ones(end - begin, 13), torch.ones(end - begin, dtype=torch.bool)

    clips, window = ClipAudio(reader, Everywhere()), Window(0, 6, 2)

    assert clips.cyclic(donor, donor, window)[1].all()
    assert clips.cyclic(silent, donor, window)[1].tolist() == [True] * 32 + [False] * 16
