"""Settings that learn a planted truth from scratch in seconds on one core."""

from typing import Any

from avme.config import FinetuneConfig

_PLAIN = {
    "crop_scale": (1.0, 1.0),
    "crop_ratio": (1.0, 1.0),
    "hflip_prob": 0.0,
    "randaugment_ops": 0,
    "erase_prob": 0.0,
    "mixup": 0.0,
    "cutmix": 0.0,
}


def recipe(
    *,
    num_frames: int,
    epochs: int,
    tubelet: int = 2,
    modality: str = "av",
    **train: Any,
) -> FinetuneConfig:
    """Return settings of a tiny classifier that sees the frames as they are.

    Args:
        num_frames: Consecutive source frames of a window.
        epochs: Number of epochs.
        tubelet: Frames of a token.
        modality: av, v or a.
        train: Other settings of training.
    """
    settings: dict[str, Any] = {
        "modality": modality,
        "val_fraction": 0.0,
        "clip": {"num_frames": num_frames, "frame_stride": 1, "image_size": 16},
        "model": {
            "visual": {
                "dim": 32,
                "depth": 1,
                "heads": 2,
                "mlp_ratio": 2.0,
                "patch_size": 8,
                "tubelet_size": tubelet,
            },
            "audio": {"widths": (8, 8, 16, 16), "blocks": (1, 1, 1, 1)},
            # Residuals of both streams meet in one token, and the maximum lets a token decide:
            # with prenorm and a mean, `when` is memorized clip by clip and not learned.
            "fusion": {"variant": "talknet", "heads": 2, "mlp_ratio": 2.0},
        },
        "head": {
            "dropout": 0.0,
            "drop_path": 0.0,
            "init_scale": 1.0,
            "label_smoothing": 0.0,
            "pool": "max",
        },
        "augment": _PLAIN,
        "optim": {"lr": 0.03, "min_lr": 0.0, "warmup_epochs": 1.0, "layer_decay": 1.0},
        "train": {
            "epochs": epochs,
            "batch_size": 16,
            "num_workers": 0,
            "device": "cpu",
            "log_every": 1000,
            **train,
        },
    }
    return FinetuneConfig.model_validate(settings)


RECIPES = {
    "leak": recipe(num_frames=4, epochs=6),
    "donor": recipe(num_frames=4, epochs=6, protocol="donor"),
    "xor": recipe(num_frames=4, epochs=12),
    "when": recipe(num_frames=12, epochs=8),
    "motion": recipe(num_frames=8, epochs=8),
}
"""Settings by planted set; `donor` is `leak` with its silent clips given the audio of others."""
