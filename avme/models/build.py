"""Network of a training stage, by its settings."""

from collections.abc import Callable, Iterator, Mapping
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
"""Random values of new parameters. On the device "meta" they have no effect but to import torch's
compiler, three seconds of a core."""


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


def load_model_of(
    config: PretrainConfig | FinetuneConfig, num_classes: int, tensors: Mapping[str, Tensor]
) -> Network:
    """Build the network with these parameters, without random ones first.

    Args:
        config: Settings of the stage.
        num_classes: Number of classes of a classifier.
        tensors: All parameters and stored buffers.

    Raises:
        RuntimeError: A tensor is missing, unexpected or of another shape.
    """
    with _WithoutValues():
        model = build_model(config, num_classes)
    model.load_state_dict(tensors)
    return model


def build_model(config: PretrainConfig | FinetuneConfig, num_classes: int) -> Network:
    """Build the autoencoder or the classifier that the settings describe, with fresh weights."""
    if isinstance(config, PretrainConfig):
        return MaskedAutoencoder(config.model, config.clip)
    return build_classifier(config, num_classes)
