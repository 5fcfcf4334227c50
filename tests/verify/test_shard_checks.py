"""Checks of one shard: its bytes, and content that does not fit its hash or its record."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import simplejpeg

from avme.io.atomic import read_json, write_json
from avme.progress import NullReporter
from avme.shards.dataset import PreparedDataset
from avme.shards.record import ClipRecord, from_lines, to_lines
from avme.stages.verify import verify
from avme.verify.shard_checks import ShardFacts, check_shard, expected_samples

pytestmark = pytest.mark.slow

NAME = "shard-00000.h5"
Change = Callable[[h5py.File], None]


@pytest.fixture
def lines_after(folder: Path) -> Callable[[Change], list[str]]:
    """Changes the first shard and its recorded hash, and says what `verify --all` finds."""

    def run(change: Change) -> list[str]:
        path = folder / "shards" / NAME
        with h5py.File(path, "r+", locking=False) as file:
            change(file)
        manifest = read_json(folder / "dataset.json")
        manifest["shards"][NAME]["sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
        manifest["shards"][NAME]["bytes"] = path.stat().st_size
        write_json(folder / "dataset.json", manifest)
        found = verify(folder, all_frames=True, seed=0, report=NullReporter())
        return [str(problem) for problem in found.problems if "fingerprint" not in str(problem)]

    return run


def put(name: str, index: Any, value: Any) -> Change:
    def change(file: h5py.File) -> None:
        file[name][index] = value

    return change


def shorten(name: str) -> Change:
    def change(file: h5py.File) -> None:
        kept = file[name][:-1]
        del file[name]
        file[name] = kept

    return change


def lengthen(name: str) -> Change:
    def change(file: h5py.File) -> None:
        longer = np.concatenate([file[name][()], file[name][-1:]])
        del file[name]
        file[name] = longer

    return change


def paint(file: h5py.File) -> None:
    """Frame 2 of clip 0 becomes a smaller picture; what is left of its bytes is ignored."""
    begin, end = (int(file["frame_offset"][i]) for i in (2, 3))
    small = simplejpeg.encode_jpeg(np.zeros((8, 16, 3), np.uint8), colorsubsampling="420")
    assert len(small) <= end - begin
    file["jpeg"][begin : begin + len(small)] = np.frombuffer(small, np.uint8)


def scribble(file: h5py.File) -> None:
    file["jpeg"][0:4] = np.zeros(4, np.uint8)


def grow(file: h5py.File) -> None:
    """The header of frame 0 of clip 0 says that it is large."""
    content = file["jpeg"][: int(file["frame_offset"][1])].tobytes()
    at = content.index(b"\xff\xc0") + 5
    file["jpeg"][at : at + 4] = np.frombuffer((4000).to_bytes(2, "big") * 2, np.uint8)


def lead_out(file: h5py.File) -> None:
    other = Path(file.filename).parents[2] / "other.h5"
    with h5py.File(other, "w") as outside:
        outside["jpeg"] = file["jpeg"][()]
    del file["jpeg"]
    file["jpeg"] = h5py.ExternalLink(str(other), "jpeg")


FIRST = "clip Archery/v_Archery_g01_c01.avi"
SHARD = f"shards/{NAME}"


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (put("clip_frame", 1, 5), f"{SHARD}: {FIRST} has 5 frames, its record has 10"),
        (put("clip_pcm", 1, 5), f"{SHARD}: {FIRST} has 5 audio samples, its record allows 63"),
        (put("clip_pcm", 1, 7000), f"{SHARD}: {FIRST} has 7000 audio samples, its record allows "),
        (put("clip_pcm", 2, 6999), f"{SHARD}: clip Archery/v_Archery_g01_c02.avi has "),
        (shorten("clip_pcm"), f"{SHARD}: cannot be read as a shard ("),
        (shorten("pcm"), f"{SHARD}: cannot be read as a shard (6399 audio samples from "),
        (lengthen("pcm"), f"{SHARD}: holds 12801 audio samples, its clips have 12800"),
        (put("pcm_start", 0, 0.1), f"{SHARD}: {FIRST} has audio from 0.100000 s on, expected 0.00"),
        (put("pcm_start", 0, np.nan), f"{SHARD}: cannot be read as a shard (6"),
        (put("last_seconds", 1, 0.5), f"{SHARD}: clip Archery/v_Archery_g01_c02.avi ends at 0.54"),
        (put("last_seconds", 1, np.nan), f"{SHARD}: clip Archery/v_Archery_g01_c02.avi ends at na"),
        (put("pts", 9, 7.0), f"{SHARD}: {FIRST} ends at 7.04"),
        (lengthen("last_seconds"), f"{SHARD}: holds 5 values of last_seconds, expected 4"),
        (lengthen("pcm_start"), f"{SHARD}: holds 5 values of pcm_start, expected 4"),
        (put("frame_offset", 1, 0), f"{FIRST} in {SHARD}: 1 of 10 frames are broken, first "),
        (shorten("clip_frame"), f"{SHARD}: cannot be read as a shard ("),
        (shorten("mfcc_end"), f"{SHARD}: cannot be read as a shard ("),
        (shorten("mfcc_sum"), f"{SHARD}: cannot be read as a shard ("),
        (put("records", slice(0, 4), 0), f"{SHARD}: cannot be read as a shard ("),
        (lambda file: file.__delitem__("pts"), f"{SHARD}: cannot be read as a shard ("),
        (lambda file: file.attrs.__setitem__("schema", 7), f"{SHARD}: cannot be read as a shard ("),
        (
            paint,
            f"{FIRST} in {SHARD}: 1 of 10 frames are broken, first frame 2: found 16x8, expec",
        ),
        (grow, f"{FIRST} in {SHARD}: 1 of 10 frames are broken, first frame 0: found 4000x4000,"),
        (lead_out, f"{SHARD}: cannot be read as a shard (column jpeg is a link to another place"),
        (
            scribble,
            f"{FIRST} in {SHARD}: 1 of 10 frames are broken, first frame 0: found no imag",
        ),
    ],
)
def test_check_shard_with_inconsistent_content_names_it(
    lines_after: Callable[[Change], list[str]], change: Change, told: str
) -> None:
    lines = lines_after(change)

    assert any(line.startswith(told) for line in lines), lines


def test_check_shard_with_other_size_in_jpeg_header_does_not_decode_it(
    lines_after: Callable[[Change], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[tuple[int, ...]] = []
    original = simplejpeg.decode_jpeg

    def watched(*args: Any, **kwargs: Any) -> Any:
        made = original(*args, **kwargs)
        sizes.append(made.shape)
        return made

    monkeypatch.setattr(simplejpeg, "decode_jpeg", watched)
    lines_after(grow)

    assert set(sizes) == {(32, 48, 3)}


@pytest.mark.parametrize(("width", "height"), [(65500, 65500), (0, 32)])
def test_check_shard_with_impossible_frame_size_names_it(
    lines_after: Callable[[Change], list[str]], width: int, height: int
) -> None:
    def claim(file: h5py.File) -> None:
        first, *rest = from_lines(file["records"][()].tobytes())
        lines = to_lines([replace(first, width=width, height=height), *rest])
        del file["records"]
        file["records"] = np.frombuffer(lines, np.uint8)
        file["width"][0], file["height"][0] = width, height

    lines = lines_after(claim)

    told = f"its record has a frame of {width}x{height}, expected at most 67108864 pixels"
    assert f"{FIRST} in {SHARD}: {told}" in lines


@pytest.fixture
def facts(folder: Path) -> ShardFacts:
    """Facts of the second shard, as `dataset.json` and `plan.json` state them."""
    name = "shard-00001.h5"
    recorded = read_json(folder / "dataset.json")["shards"][name]
    ids = tuple(read_json(folder / "plan.json")["shards"][name])
    path = folder / "shards" / name
    return ShardFacts(path, recorded["sha256"], recorded["bytes"], recorded["clips"], ids)


def test_check_shard_without_seed_decodes_all_frames(facts: ShardFacts) -> None:
    sampled, all_frames = check_shard(facts, seed=(0, 1)), check_shard(facts, seed=None)

    assert sampled.problems == all_frames.problems == ()
    assert all_frames.stored is not None
    clips = all_frames.stored.good
    assert (sampled.num_clips_seen, all_frames.num_clips_seen) == (1, len(clips))
    assert all_frames.num_pictures == sum(clip.record.frames for clip in clips)
    assert 0 < sampled.num_pictures <= 5


@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.999])
def test_check_shard_with_flipped_bit_names_both_hashes(facts: ShardFacts, share: float) -> None:
    content = bytearray(facts.path.read_bytes())
    content[int(share * len(content))] ^= 0x10
    facts.path.write_bytes(content)

    (problem,) = check_shard(facts, None).problems

    found = hashlib.sha256(content).hexdigest()
    expected = f"has SHA-256 {found[:12]}, expected {facts.sha256[:12]}: bytes have changed"
    assert str(problem) == f"shards/shard-00001.h5: {expected}"


def test_check_shard_with_truncated_file_names_both_sizes(facts: ShardFacts) -> None:
    content = facts.path.read_bytes()
    facts.path.write_bytes(content[:-100])

    found = check_shard(facts, None)

    assert found.stored is None
    assert [problem.what for problem in found.problems] == [
        f"has {len(content) - 100} bytes, expected {len(content)}"
    ]


def test_check_shard_with_missing_file_or_fifo_is_not_opened(facts: ShardFacts) -> None:
    facts.path.unlink()
    missing = check_shard(facts, None)
    os.mkfifo(facts.path)
    fifo = check_shard(facts, None)

    assert [problem.what for problem in missing.problems] == ["is missing"]
    assert fifo.problems[0].what.startswith("is a link or no regular file")


def test_check_shard_with_other_ids_names_one_or_the_order(facts: ShardFacts) -> None:
    assert facts.ids is not None
    other = check_shard(replace(facts, ids=("A/a.avi", *facts.ids[1:])), None)
    reordered = check_shard(replace(facts, ids=facts.ids[::-1]), None)

    assert other.problems[0].what == "holds other clips than plan.json, such as A/a.avi"
    assert reordered.problems[0].what == "holds other clips than plan.json, in another order"
    assert check_shard(replace(facts, ids=None), None).problems == ()


def test_check_shard_of_set_without_audio_expects_no_sample(
    folder: Path, facts: ShardFacts, run_prep: Callable[..., PreparedDataset], videos: Path
) -> None:
    kept = check_shard(replace(facts, keep_audio=False), None)
    dropped = run_prep(videos, folder.parent / "without", keep_audio=False).folder
    found = verify(dropped, all_frames=False, seed=0, report=NullReporter())

    assert kept.problems[0].what.endswith("audio samples, its record allows 0 to 0")
    assert found.problems == ()
    with h5py.File(dropped / "shards" / NAME, locking=False) as file:
        assert len(file["pcm"]) == 0
        assert not file["clip_pcm"][()].any()


@pytest.mark.parametrize(
    ("audio", "start_seconds", "seconds", "expected"),
    [
        ("audible", 0.0, 10.0, (31_998, 32_402)),  # 2 s, and a window of 25 ms
        ("audible", 0.5, 10.0, (23_998, 24_402)),
        ("audible", -1.0, 1.5, (7_998, 8_002)),
        ("audible", 5.0, 1.0, (0, 2)),
        ("audible", -1e308, 1e18, (0, 2)),
        ("silent", 0.0, 10.0, (0, 0)),
    ],
)
def test_expected_samples_cover_frames_and_track(
    audio: str, start_seconds: float, seconds: float, expected: tuple[int, int]
) -> None:
    record = ClipRecord(
        *("a", "A", 0, "g", 1),
        fps_num=25,
        seconds=2.0,
        audio=audio,
        audio_start_seconds=start_seconds,
        audio_seconds=seconds,
    )

    assert expected_samples(record) == expected
