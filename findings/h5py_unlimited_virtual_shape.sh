#!/usr/bin/env bash
# Guess:  `.shape` of an HDF5 dataset is read from the file that is open. A virtual dataset opens its
#         source when it is read, and has the length it was made with.
# Seen:   that holds for a virtual dataset of fixed length. If it is unlimited, `.shape`, `.maxshape` and
#         `len()` open the source and give the source's length now: 9 after it has grown from 5, and 0
#         without an error if it is missing, so a loop over it does nothing. `f[name]`, `.dtype`,
#         `.is_virtual` and `.virtual_sources()` do not open it.
# With:   h5py 3.16.0 (HDF5 2.0.0), numpy 2.4.6; Linux (open files are listed in /proc); 2026-11-27.
# Matters: shards joined by a virtual dataset that follows its sources: listing lengths opens every
#         shard, and a shard that was moved or not yet copied shortens the epoch without a message. Check
#         `.virtual_sources()` for files that exist before asking for a length.
# Known:  zeros in place of missing sources: h5py issue 1546. HDF5 describes how far an unlimited one
#         extends at H5Pset_virtual_view. That `.shape` opens files, and the 0: no discussion found.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check h5py==3.16.0 numpy==2.4.6

venv/bin/python - <<'PY'
import os
import sys
from pathlib import Path

import h5py
import numpy as np

print("h5py", h5py.__version__, "HDF5", h5py.version.hdf5_version)


def make(name, end, maxshape):
    layout = h5py.VirtualLayout((5,), "i8", maxshape=maxshape)
    source = h5py.VirtualSource("source.h5", "clips", shape=(5,), dtype="i8", maxshape=(None,))
    layout[0:end] = source[0:end]
    with h5py.File(name, "w") as file:
        file.create_virtual_dataset("clips", layout)


def source_is_open():
    return any(fd.resolve().name == "source.h5" for fd in Path("/proc/self/fd").iterdir())


def expect(what, seen, wanted):
    print(f"  {what}: {seen}")
    if seen != wanted:
        sys.exit(f"changed: expected {wanted}")


def content(name):
    with h5py.File(name) as file:
        return file["clips"].shape, list(map(int, file["clips"]))


with h5py.File("source.h5", "w") as file:
    file.create_dataset("clips", data=np.arange(1, 6), maxshape=(None,), chunks=(4,))
make("fixed.h5", 5, None)
make("unlimited.h5", h5py.h5s.UNLIMITED, (None,))

for name, opens in (("fixed.h5", False), ("unlimited.h5", True)):
    print(name)
    for attribute in ("shape", "maxshape", "__len__"):
        with h5py.File(name) as file:
            clips = file["clips"]
            assert clips.is_virtual and clips.dtype == "i8"
            assert [each.file_name for each in clips.virtual_sources()] == ["source.h5"]
            assert not source_is_open(), "changed: the source is open before its length is asked for"
            value = getattr(clips, attribute)
            if callable(value):
                value()
            expect(f"source is open after {attribute}", source_is_open(), opens)

with h5py.File("source.h5", "a") as file:
    file["clips"].resize((9,))
    file["clips"][5:] = [6, 7, 8, 9]
print("source of 9")
expect("fixed", content("fixed.h5"), ((5,), [1, 2, 3, 4, 5]))
expect("unlimited", content("unlimited.h5"), ((9,), [1, 2, 3, 4, 5, 6, 7, 8, 9]))

os.rename("source.h5", "elsewhere.h5")
print("source missing")
expect("fixed", content("fixed.h5"), ((5,), [0, 0, 0, 0, 0]))
expect("unlimited", content("unlimited.h5"), ((0,), []))
PY
echo "behaviour as described"
