"""Columns of a shard are in the shard: what is elsewhere, or is only declared, is not read."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from h5py import h5d, h5f, h5p, h5s, h5t

from avme.errors import ArtifactError
from avme.media.decode import DecodedClip
from avme.prep.journal import account
from avme.shards.hdf5_file import open_column, open_shard, require_columns
from avme.shards.reader import ShardReader
from avme.shards.record import ClipRecord
from avme.shards.writer import ShardWriter
from avme.verify.shard_checks import ShardFacts, check_shard

MARKER = b"marker of another folder"
Change = Callable[[h5py.File], None]


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    """One clip of one frame; beside its folder lie files that it must not lead to."""
    fields = DecodedClip.__dataclass_fields__
    media = object.__new__(DecodedClip)
    known = {
        "jpeg_bytes": np.array([len(MARKER)]),
        "pts": np.zeros(1),
        "mfcc": np.zeros((4, 13), np.float32),
        "audio_rows": (0, 4),
        "last_seconds": 0.04,
        "pcm": np.arange(700, dtype=np.int16),
        "pcm_start_seconds": 0.0,
    }
    for name in fields:
        object.__setattr__(media, name, known.get(name))
    path = tmp_path / "set" / "shards" / "shard-00000.h5"
    with ShardWriter(tmp_path / "spool", num_cepstra=13, ffmpeg="7.1") as writer:
        writer.spool.write(b"x" * len(MARKER))
        writer.add(ClipRecord("a", "Class", 0, "g01", 1, frames=1, fps_num=25), media)
        writer.write(path)
    (tmp_path / "other.raw").write_bytes(MARKER)
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["jpeg"] = np.frombuffer(MARKER, np.uint8)
    return path


def outside(file: h5py.File, name: str) -> str:
    return str(Path(file.filename).parents[2] / name)


def external_link(file: h5py.File) -> None:
    del file["jpeg"]
    file["jpeg"] = h5py.ExternalLink(outside(file, "other.h5"), "jpeg")


def soft_link(file: h5py.File) -> None:
    file.move("jpeg", "elsewhere")
    file["jpeg"] = h5py.SoftLink("/elsewhere")


def external_storage(file: h5py.File) -> None:
    del file["jpeg"]
    raw = [(outside(file, "other.raw"), 0, len(MARKER))]
    file.create_dataset("jpeg", shape=(len(MARKER),), dtype="u1", external=raw)


def virtual(file: h5py.File) -> None:
    del file["jpeg"]
    layout = h5py.VirtualLayout((len(MARKER),), "u1")
    layout[:] = h5py.VirtualSource(outside(file, "other.h5"), "jpeg", (len(MARKER),))
    file.create_virtual_dataset("jpeg", layout)


def endless_virtual(file: h5py.File) -> None:
    """One whose length is that of its source, which HDF5 opens to tell the length."""
    del file["jpeg"]
    layout = h5py.VirtualLayout((1,), "u1", maxshape=(None,))
    source = h5py.VirtualSource(outside(file, "other.h5"), "jpeg", (1,), maxshape=(None,))
    layout[: h5s.UNLIMITED] = source[: h5s.UNLIMITED]
    file.create_virtual_dataset("jpeg", layout)


def filtered(file: h5py.File) -> None:
    del file["jpeg"]
    file.create_dataset("jpeg", data=np.zeros(len(MARKER), np.uint8), compression="gzip")


def replaced(name: str, **how: object) -> Change:
    def change(file: h5py.File) -> None:
        del file[name]
        file.create_dataset(name, **how)

    return change


def only_declared(name: str, shape: tuple[int, ...], kind: str, **how: object) -> Change:
    return replaced(name, shape=shape, dtype=kind, **how)


def committed(file: h5py.File) -> None:
    del file["label"]
    file["type"] = np.dtype("i4")
    file.create_dataset("label", data=np.zeros(1, np.int32), dtype=file["type"])
    del file["type"]


def group(file: h5py.File) -> None:
    del file["jpeg"]
    file.create_group("jpeg")


def attribute(name: str, value: object) -> Change:
    def change(file: h5py.File) -> None:
        file.attrs[name] = value

    return change


CHANGES = [
    (external_link, "jpeg is a link"),
    (soft_link, "jpeg is a link"),
    (external_storage, "jpeg is stored in other files"),
    (virtual, "jpeg is stored in other files"),
    (endless_virtual, "jpeg is stored in other files"),
    (filtered, "jpeg needs filters"),
    (
        only_declared("jpeg", (2**40,), "u1"),
        "jpeg is declared with 1099511627776 bytes, of which 0",
    ),
    (only_declared("jpeg", (2**40,), "u1", chunks=(2**20,)), "jpeg is declared with 10995116277"),
    (only_declared("mfcc", (2**30, 13), "f4"), "mfcc is declared with 55834574848 bytes"),
    (only_declared("mfcc", (0, 2**40), "f4"), "mfcc has 1099511627776 coefficients, expected 13"),
    (only_declared("mfcc", (13,), "f4"), "mfcc has 1 dimensions"),
    (only_declared("pcm", (2**40,), "i2"), "pcm is declared with 2199023255552 bytes, of which 0"),
    (replaced("pcm", data=np.zeros(700, "u2")), "pcm is not of type i2"),
    (replaced("pcm", data=np.zeros((700, 1), "i2")), "pcm has 2 dimensions"),
    (replaced("clip_pcm", data=np.array([0, 700], "i4")), "clip_pcm is not of type i8"),
    (replaced("pcm_start", data=np.zeros(1, "f4")), "pcm_start is not of type f8"),
    (lambda file: file.__delitem__("last_seconds"), "a shard"),
    (replaced("label", data=np.zeros(1)), "label is not of type i4"),
    (replaced("label", data=np.zeros(1, ">i4")), "label is not of type i4"),
    (replaced("id", data=["a"], dtype=h5py.string_dtype()), "id is not of type S"),
    (replaced("id", data=np.zeros(1, np.int64)), "id is not of type S"),
    (replaced("jpeg", data=np.zeros(24, "S1")), "jpeg is not of type u1"),
    (replaced("label", shape=(1,), dtype=h5py.ref_dtype), "label is not of type i4"),
    (committed, "label is not of type i4"),
    (group, "a shard"),
    (attribute("num_cepstra", 2**40), "num_cepstra is 1099511627776, expected at most 26"),
    (attribute("num_cepstra", "13"), "attribute num_cepstra is not an integer"),
    (attribute("schema", [1, 1]), "attribute schema is not an integer"),
    (lambda file: file.create_group("more"), "'more' is not a column of a shard"),
    (lambda file: file.__setitem__("more", h5py.SoftLink("/jpeg")), "'more' is not a column"),
    (lambda file: file.__delitem__("pts"), "a shard"),
]


@pytest.mark.parametrize(("change", "told"), CHANGES)
def test_open_column_of_undocumented_layout_is_refused_unread(
    change: Change, told: str, shard: Path
) -> None:
    with h5py.File(shard, "r+") as file:
        change(file)
    facts = ShardFacts(shard, "", shard.stat().st_size, 1, None)

    with pytest.raises(ArtifactError) as caught:
        ShardReader(shard).require_columns()
    with pytest.raises(ArtifactError):
        account(shard.parent, [shard])
    (problem,) = check_shard(audio(facts), None).problems

    assert caught.value.exit_code == 5
    for said in (str(caught.value), str(problem)):
        assert told in said
        assert shard.name in said
        assert "\n" not in said
        assert MARKER.decode() not in said


def audio(facts: ShardFacts) -> ShardFacts:
    """With the hash of the file as it is, as whoever made it would state it."""
    return replace(facts, sha256=hashlib.sha256(facts.path.read_bytes()).hexdigest())


@pytest.mark.parametrize("change", [external_link, external_storage, virtual])
def test_open_shard_follows_no_external_link(change: Change, shard: Path) -> None:
    with h5py.File(shard, "r+") as file:
        change(file)

    with pytest.raises(ValueError, match="expected it in the file"):
        ShardReader(shard).frames(0, [0])


def test_read_attribute_that_is_no_short_text_is_named(shard: Path) -> None:
    with h5py.File(shard, "r+") as file:
        file.attrs["ffmpeg"] = np.bytes_(b"x" * 2000)

    with pytest.raises(ArtifactError, match="attribute ffmpeg is not a text"):
        ShardReader(shard).ffmpeg()


def test_columns_in_chunks_or_in_the_header_are_read(shard: Path) -> None:
    with h5py.File(shard, "r+") as file:
        jpeg = file["jpeg"][()]
        del file["jpeg"], file["label"]
        file.create_dataset("jpeg", data=jpeg, chunks=(5,))
        compact = h5p.create(h5p.DATASET_CREATE)
        compact.set_layout(h5d.COMPACT)
        made = h5d.create(file.id, b"label", h5t.STD_I32LE, h5s.create_simple((1,)), compact)
        made.write(h5s.ALL, h5s.ALL, np.array([3], np.int32))
    reader = ShardReader(shard)

    reader.require_columns()

    assert reader.frames(0, [0])[0].tobytes() == jpeg.tobytes()
    assert reader.column("label").tolist() == [3]
    assert reader.ffmpeg() == "7.1"


def test_require_columns_accepts_what_the_writer_writes(shard: Path) -> None:
    with open_shard(shard) as file:
        require_columns(file)
        assert open_column(file, "mfcc").shape == (4, 13)
        assert h5f.get_obj_count(file.id, h5f.OBJ_DATASET) == 0  # no handle stays


@pytest.mark.parametrize("kind", ["link", "pipe", "folder", "device"])
def test_open_shard_of_pipe_or_folder_is_refused(kind: str, shard: Path) -> None:
    path = shard.with_name("shard-00001.h5")
    if kind == "link":
        path.symlink_to(shard)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "folder":
        path.mkdir()
    else:
        path = Path("/dev/zero")

    with pytest.raises(ArtifactError, match="no regular file"):
        ShardReader(path).records()
    (problem,) = check_shard(ShardFacts(path, "", 0, 1, None), None).problems
    assert problem.what == "is a link or no regular file, expected a file of the set"


def test_open_shard_checks_a_replaced_file_again(shard: Path) -> None:
    reader = ShardReader(shard)
    reader.frames(0, [0])
    reader.close()
    with h5py.File(shard, "r+") as file:
        external_link(file)

    with pytest.raises(ValueError, match="jpeg is a link"):
        reader.frames(0, [0])
