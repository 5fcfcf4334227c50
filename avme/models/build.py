"""Network of a training stage, by its settings."""

from avme.config import FinetuneConfig, PretrainConfig
from avme.models.autoencoder import MaskedAutoencoder
from avme.models.classifier import Classifier, build_classifier

Network = MaskedAutoencoder | Classifier


def build_model(config: PretrainConfig | FinetuneConfig, num_classes: int) -> Network:
    """Build the autoencoder or the classifier that the settings describe, with fresh weights."""
    if isinstance(config, PretrainConfig):
        return MaskedAutoencoder(config.model, config.clip)
    return build_classifier(config, num_classes)
