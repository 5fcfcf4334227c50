"""Rows of features without a dataset, and a small file of them."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

if TYPE_CHECKING:  # imports in fixtures: see tests/pipeline.py
    from avme.features.file import FeatureRows

MakeRows = Callable[..., "FeatureRows"]


@pytest.fixture(scope="session")
def make_rows() -> MakeRows:
    """Rows from features and labels; clips `2n` and `2n + 1` share a group."""
    from avme.features.file import FeatureRows

    def make(features: np.ndarray, label: np.ndarray, name: str = "c") -> FeatureRows:
        count = len(features)
        return FeatureRows(
            id=tuple(f"{name}{n:04d}" for n in range(count)),
            group=tuple(f"{name}{n // 2:04d}" for n in range(count)),
            class_name=tuple(f"class {n}" for n in label.tolist()),
            label=label.astype(np.int32),
            features=features.astype(np.float32),
            num_left_out=0,
        )

    return make


@pytest.fixture(scope="session")
def write_file() -> Callable[..., Path]:
    """Writes a file of features by h5py alone, as a program of another origin would."""
    import h5py

    from avme.features.file import FACTS, FORMAT

    def write(
        path: Path,
        features: np.ndarray,
        label: Sequence[int],
        subset: Sequence[str],
        *,
        has_audio: Sequence[bool] | None = None,
        classes: Sequence[str] = ("A", "B", "C"),
        **facts: Any,
    ) -> Path:
        count = len(features)
        usual = {name: "x" * 64 if kind is str else 1 for name, kind in FACTS.items()}
        usual |= {"stage": "visual", "pool": "mean", "split": "1", "list": "all", "leak": ""}
        path.parent.mkdir(parents=True, exist_ok=True)
        with h5py.File(path, "w") as file:
            file.attrs["format"] = FORMAT
            for name, value in {**usual, "dataset": "pets", **facts}.items():
                file.attrs[name] = value
            file["id"] = np.array([f"clip {n}".encode() for n in range(count)])
            file["group"] = np.array([f"g{n // 2}".encode() for n in range(count)])
            file["subset"] = np.array([name.encode() for name in subset])
            file["audio"] = np.array([b"none"] * count)
            file["classes"] = np.array([name.encode() for name in classes])
            file["label"] = np.array(label, dtype=np.int32)
            file["has_audio"] = np.array(has_audio or [True] * count)
            file["features"] = features.astype(np.float32)
        return path

    return write
