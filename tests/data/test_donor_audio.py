"""Donors are drawn evenly from other groups, and every clip has audio for its whole duration."""

from collections import Counter
from collections.abc import Callable
from fractions import Fraction

import numpy as np
import pytest
import torch
from scipy.stats import chisquare
from torch import Tensor

from avme.audit.audio_leak import count, entropy_bits, mutual_bits
from avme.config import ClipConfig, CropConfig
from avme.data.clip_reader import ClipReader
from avme.data.dataloader import build_loader
from avme.data.dataset import TrainDataset
from avme.data.donor_audio import DonorAudio, DonorPool
from avme.data.sampler import DistributedBatchSampler, SampleOrder
from avme.data.temporal_sampling import Window
from avme.data.transforms import PretrainTransform
from avme.errors import MismatchError
from avme.shards.dataset import ClipEntry, PreparedDataset
from avme.shards.reader import ShardReader
from tests.data.half_audible import AUDIBLE_STATE, reader_of

CLIP = ClipConfig(num_frames=4, frame_stride=2, image_size=16)


def clip(name: str, audio: str) -> ClipEntry:
    """Return a clip `group/number`; its class is the group's letter."""
    return ClipEntry(
        id=name,
        class_name=name[0],
        label=ord(name[0]) - ord("a"),
        group=name.partition("/")[0],
        num_frames=9,
        fps=Fraction(25),
        width=32,
        height=32,
        audio=audio,  # type: ignore[arg-type]
        shard="0.h5",
        row=0,
    )


AUDIBLE = [clip(name, AUDIBLE_STATE) for name in ("a1/1", "a1/2", "a1/3", "a2/1", "b1/1", "c1/1")]
SILENT = [clip("a1/4", "none"), clip("d1/1", "silent")]


@pytest.mark.parametrize(("entry", "donors"), [(SILENT[0], "a2 b1 c1"), (SILENT[1], "a1 a2 b1 c1")])
def test_donor_is_any_clip_of_another_group_with_equal_chance(
    entry: ClipEntry, donors: str
) -> None:
    pool = DonorPool(AUDIBLE + SILENT)

    drawn = Counter(pool.choose(entry, seed).id for seed in range(3000))

    assert set(drawn) == {each.id for each in AUDIBLE if each.group in donors.split()}
    assert chisquare(list(drawn.values())).pvalue > 0.01


def test_donor_of_a_draw_depends_on_seed_and_clip_and_not_on_list_order() -> None:
    pool, reversed_pool = DonorPool(AUDIBLE + SILENT), DonorPool((SILENT + AUDIBLE)[::-1])
    draws = [(entry, seed) for entry in SILENT for seed in range(50)]

    assert [pool.choose(*draw) for draw in draws] == [reversed_pool.choose(*draw) for draw in draws]
    assert [pool.choose(SILENT[1], seed) for seed in range(50)] != [
        pool.choose(clip("d1/2", "none"), seed) for seed in range(50)
    ]


@pytest.mark.parametrize("audible", [[], AUDIBLE[:3]])
def test_clip_without_donor_of_another_group_is_one_line(audible: list[ClipEntry]) -> None:
    pool = DonorPool(audible)
    expected = rf"protocol donor: 1 clips .*\(a1/4\) have no donor \(got {len(audible)} training"

    with pytest.raises(MismatchError, match=expected) as error:
        pool.require_donors([*audible, SILENT[0]])
    with pytest.raises(MismatchError, match=expected):
        pool.choose(SILENT[0], 0)
    assert "\n" not in str(error.value)


def test_require_donors_of_clips_with_audio_needs_none() -> None:
    DonorPool(AUDIBLE[:3]).require_donors([*AUDIBLE, SILENT[1]])


@pytest.fixture
def reader(half_audible: PreparedDataset) -> ClipReader:
    return reader_of(half_audible)


def donor_audio(reader: ClipReader) -> DonorAudio:
    return DonorAudio(reader, reader, DonorPool(reader.entries))


def stored_rows(half_audible: PreparedDataset, entry: ClipEntry) -> np.ndarray:
    """Return the normalized MFCC rows with audio, read without the code under test."""
    shard = ShardReader(half_audible.shard_path(entry))
    rows, valid = shard.mfcc(entry.row, -8, 4 * entry.num_frames + 8)
    mean, deviation = half_audible.mfcc_statistics("1")
    return np.asarray((rows[valid] - mean) / deviation)


def test_donor_audio_of_clip_with_audio_is_its_own(reader: ClipReader) -> None:
    heard = donor_audio(reader)
    entry = next(e for e in reader.entries if e.id.startswith("A/v_A_g08"))
    window = Window(start=3, num_frames=4, stride=2)

    for ours, theirs in zip(heard(entry, window, 1), reader.audio(entry, window), strict=True):
        assert torch.equal(ours, theirs)


def test_donor_audio_of_clip_without_audio_repeats_the_donor(
    half_audible: PreparedDataset, reader: ClipReader
) -> None:
    heard = donor_audio(reader)
    entry = next(e for e in reader.entries if not e.has_audio)
    seen = set()

    for seed in range(20):
        donor = heard.source(entry, seed)
        rows, valid = heard(entry, Window(-2, 32, 1), seed)  # frames -2 to 29 of 25
        cycle = np.resize(stored_rows(half_audible, donor), (100, 13))

        assert donor.has_audio
        np.testing.assert_allclose(rows[8:108], cycle, rtol=1e-5, atol=1e-5)
        assert valid.tolist() == [False] * 8 + [True] * 100 + [False] * 20
        assert not rows[:8].any()
        assert not rows[108:].any()
        seen.add(donor.id)
    assert len(seen) == 3


def masks(reader: ClipReader, heard: Callable[..., tuple[Tensor, Tensor]]) -> list[bytes]:
    """Return the valid rows of every draw of every clip, over all places of a window."""
    return [
        heard(entry, Window(start, 4, 2), seed)[1].numpy().tobytes()
        for entry in reader.entries
        for start in range(0, 24, 4)
        for seed in range(3)
    ]


def test_valid_rows_carry_one_bit_of_the_class_without_donors_and_none_with(
    reader: ClipReader,
) -> None:
    draws = 6 * 3
    label = np.repeat([entry.label for entry in reader.entries], draws)
    place = np.tile(np.repeat(np.arange(6), 3), len(reader.entries))

    def bits(heard: Callable[..., tuple[Tensor, Tensor]]) -> tuple[float, float]:
        """Return the information on the class of presence, and of the whole mask at its place."""
        rows = masks(reader, heard)
        present = np.array([any(mask) for mask in rows], dtype=np.int64)
        keys = {key: n for n, key in enumerate(dict.fromkeys(zip(place, rows, strict=True)))}
        joint = np.zeros((2, len(keys)), dtype=np.int64)
        for name, key in zip(label, zip(place, rows, strict=True), strict=True):
            joint[name, keys[key]] += 1
        return mutual_bits(count(label, present, 2)), mutual_bits(joint)

    plain = bits(lambda entry, window, seed: reader.audio(entry, window))
    with_donors = bits(donor_audio(reader))

    assert entropy_bits(np.bincount(label)) == 1.0
    assert min(plain) > 0.6
    assert with_donors == (0.0, 0.0)


@pytest.mark.slow
def test_donor_audio_in_workers_equals_that_without(reader: ClipReader) -> None:
    view = PretrainTransform(CLIP, CropConfig())
    clips = TrainDataset(reader, view, donor_audio(reader))
    order = SampleOrder(num_clips=len(reader.entries), batch=6, seed=3)

    def load(count: int) -> list[Tensor]:
        batches = DistributedBatchSampler(order, first_step=0, last_step=3)
        return [batch.mfcc for batch in build_loader(clips, batches, workers=count, pin=False)]

    alone = load(0)
    assert all(map(torch.equal, alone, load(2)))
    assert all(mfcc.abs().sum(dim=(1, 2)).gt(0).all() for mfcc in alone)
