"""Audio-visual masked autoencoders: prepare clips, pretrain, fine-tune, evaluate.

`load` returns a trained model for files and arrays, `open_dataset` a dataset for torch; both are
imported on first use, so that `import avme` needs no torch.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from avme.api.dataset import ClipDataset as ClipDataset
    from avme.api.dataset import open_dataset as open_dataset
    from avme.api.model import TrainedModel as TrainedModel
    from avme.api.model import load as load

__version__ = "0.1.0"
__all__ = ["ClipDataset", "TrainedModel", "__version__", "load", "open_dataset"]

_MODULES = {
    "ClipDataset": "avme.api.dataset",
    "open_dataset": "avme.api.dataset",
    "TrainedModel": "avme.api.model",
    "load": "avme.api.model",
}


def __getattr__(name: str) -> Any:
    """Import a name of the Python API on first use."""
    if name not in _MODULES:
        raise AttributeError(f"module 'avme' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_MODULES[name]), name)
