"""Network of a training stage, by its settings."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from avme.config import FinetuneConfig, PretrainConfig
from avme.models.autoencoder import MaskedAutoencoder
from avme.models.classifier import Classifier, build_classifier

Network = MaskedAutoencoder | Classifier

_RANDOM: Final = {Tensor.normal_, Tensor.uniform_}
"""Fillings without an effect on the device "meta"; there they import torch's compiler, which takes
three seconds of a core."""


class _WithoutValues(TorchFunctionMode):
    """Mode in which tensors are not filled with random values."""

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        return args[0] if func in _RANDOM else func(*args, **(kwargs or {}))


@contextmanager
def shapes_only() -> Iterator[None]:
    """Build networks inside the block without values, for the shapes of their tensors."""
    with torch.device("meta"), _WithoutValues():
        yield


def build_model(config: PretrainConfig | FinetuneConfig, num_classes: int) -> Network:
    """Build the autoencoder or the classifier that the settings describe, with fresh weights."""
    if isinstance(config, PretrainConfig):
        return MaskedAutoencoder(config.model, config.clip)
    return build_classifier(config, num_classes)
