"""Number of parameters of a model."""

from torch import nn


def count_parameters(model: nn.Module) -> dict[str, int]:
    """Return the number of parameters by child module, and in total."""
    parts = {
        name: sum(parameter.numel() for parameter in part.parameters())
        for name, part in model.named_children()
    }
    return {"all": sum(parameter.numel() for parameter in model.parameters())} | parts
