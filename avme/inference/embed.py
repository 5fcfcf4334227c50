"""Features of a file: mean token of a stage, averaged over windows, as `avme embed` has them.

Shape letters: b views, d channels.
"""

import numpy as np
import torch
from jaxtyping import Float32

from avme.errors import MediaError, MismatchError, NonFiniteError
from avme.features.tokens import Stage, encode_tokens, pool_tokens, stages_of
from avme.inference.classify import Windows
from avme.inference.inputs import chunks, ignores_audio, to_batch
from avme.inference.media_window import MediaWindow
from avme.inference.model import Model
from avme.train.distributed.process_group import autocast


def embed(
    model: Model, windows: Windows, name: str, stage: Stage | None = None
) -> Float32[np.ndarray, " d"]:
    """Return the mean feature of all views.

    Args:
        model: Autoencoder or classifier.
        windows: Windows.
        name: Name of the file, for messages.
        stage: `visual`, `audio` or `fused`; None for the deepest stage of the network.

    Raises:
        MismatchError: The network lacks the stage.
        MediaError: The file cannot be decoded.
        NonFiniteError: A feature is not finite.
    """
    existing = stages_of(model.network)
    chosen = stage or existing[-1]
    if chosen not in existing:
        raise MismatchError(
            f"{model.file} has no stage {chosen} (it has {', '.join(existing)}): choose one of them"
        )
    total, count = None, 0
    for part in chunks(iter(windows)):
        rows = _features(model, part, chosen)
        total = rows.sum(axis=0) if total is None else total + rows.sum(axis=0)
        count += len(part)
    if total is None:
        raise MediaError(f"{name}: no frame decodes", reason="no-frames")
    mean = np.asarray(total / count, dtype=np.float32)
    if not np.isfinite(mean).all():
        raise NonFiniteError(f"{model.file}: a feature of {name} is not finite: take other weights")
    return mean


@torch.inference_mode()
def _features(model: Model, windows: list[MediaWindow], stage: Stage) -> Float32[np.ndarray, "b d"]:
    batch = to_batch(windows, no_audio=ignores_audio(model.settings)).to(model.device)
    with autocast(model.device, model.precision):
        tokens = encode_tokens(model.network, batch, (stage,))[stage]
    return np.asarray(pool_tokens(tokens, "mean", 1).cpu().numpy())
