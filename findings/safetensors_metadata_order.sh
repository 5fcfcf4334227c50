#!/usr/bin/env bash
# Guess:  safetensors sorts tensors by alignment and name, so the same weights and metadata give the same
#         bytes, and the SHA-256 of a file identifies its content.
# Seen:   that holds without metadata and with one key. With more keys the header has them in another
#         order at every call, also within one process: same size, same content, other bytes.
# With:   safetensors 0.8.0, numpy 2.4.6; 2026-11-27.
# Matters: checkpoints that are cached, deduplicated or checked by their hash: saving the same weights
#         again looks like a change. Libraries that write {"format": "pt"} alone do not show it; it comes
#         with the first key of one's own. One key that holds JSON, or a hash of the tensors, is stable.
# Known:  safetensors issue 584, open; pull requests 411 (closed) and 790 (open) sort the keys.
set -euo pipefail
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cd "$tmp"
python3 -m venv venv
venv/bin/pip install -q --disable-pip-version-check safetensors==0.8.0 numpy==2.4.6

venv/bin/python - <<'PY'
import hashlib
import sys
from pathlib import Path

import numpy as np
import safetensors
from safetensors.numpy import load_file, save_file

print("safetensors", safetensors.__version__)
weights = {"head.bias": np.zeros(4, "f4"), "head.weight": np.arange(8, dtype="f4").reshape(2, 4)}
EIGHT = {key: key for key in ("arch", "classes", "commit", "dim", "epoch", "frames", "rate", "size")}
SAVES = 5


def hashes(metadata):
    found = []
    for _ in range(SAVES):
        save_file(weights, "weights.safetensors", metadata=metadata)
        data = Path("weights.safetensors").read_bytes()
        found.append((len(data), hashlib.sha256(data).hexdigest()[:12]))
        with safetensors.safe_open("weights.safetensors", "np") as file:
            assert (file.metadata() or None) == metadata, "metadata differ"
        loaded = load_file("weights.safetensors")
        assert all((loaded[name] == weights[name]).all() for name in weights), "weights differ"
    return found


# Eight keys have 40320 orders: five saves in the same one are not to be expected.
cases = (("no key", None, True), ("1 key", {"format": "pt"}, True), ("8 keys", EIGHT, False))
for name, metadata, one in cases:
    found = hashes(metadata)
    sizes, sums = {size for size, _ in found}, {digest for _, digest in found}
    print(f"  {name}: {len(sums)} hashes in {SAVES} saves, sizes {sorted(sizes)}: {sorted(sums)}")
    if len(sizes) != 1 or (len(sums) == 1) != one:
        sys.exit(f"changed: expected one size and {'one hash' if one else 'several hashes'}")
PY
echo "behaviour as described"
