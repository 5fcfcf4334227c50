"""Settings of every stage, each declared once with its default, range and meaning."""

from avme.config.base import Settings
from avme.config.clip import ClipConfig
from avme.config.evaluate import EvalConfig
from avme.config.finetune import AugmentConfig, FinetuneConfig, HeadConfig
from avme.config.model import (
    AudioConfig,
    DecoderConfig,
    FusionConfig,
    ModelConfig,
    VisualConfig,
)
from avme.config.prep import PrepConfig
from avme.config.pretrain import CropConfig, LossConfig, MaskConfig, PretrainConfig
from avme.config.train import OptimConfig, TrainConfig

__all__ = [
    "AudioConfig",
    "AugmentConfig",
    "ClipConfig",
    "CropConfig",
    "DecoderConfig",
    "EvalConfig",
    "FinetuneConfig",
    "FusionConfig",
    "HeadConfig",
    "LossConfig",
    "MaskConfig",
    "ModelConfig",
    "OptimConfig",
    "PrepConfig",
    "PretrainConfig",
    "Settings",
    "TrainConfig",
    "VisualConfig",
]
