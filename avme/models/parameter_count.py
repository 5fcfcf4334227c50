"""Number of parameters of a model."""

from torch import nn


def count_parameters(model: nn.Module) -> dict[str, int]:
    """Learned numbers by part, and in all."""
    parts = {
        name: sum(parameter.numel() for parameter in part.parameters())
        for name, part in model.named_children()
    }
    return {"all": sum(parameter.numel() for parameter in model.parameters())} | parts
