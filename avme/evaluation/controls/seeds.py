"""Random generators of controls, determined by seed and clip id, not by order or worker."""

from hashlib import sha256

import numpy as np


def clip_generator(seed: int, *names: str | int) -> np.random.Generator:
    """Return the generator of a seed and names such as a clip id; equal names, equal draws."""
    digest = sha256("\0".join(map(str, names)).encode()).digest()
    return np.random.default_rng([seed, *np.frombuffer(digest, dtype=np.uint32).tolist()])
