"""Random generators that depend on the clip and the kind of degradation alone."""

from hashlib import sha256

import numpy as np


def clip_generator(clip_id: str, kind: str) -> np.random.Generator:
    """Return a generator for a clip, the same in every process and at every severity."""
    digest = sha256(f"{kind}\0{clip_id}".encode("utf-8", "surrogateescape")).digest()
    return np.random.default_rng(int.from_bytes(digest[:16], "little"))
