"""Audio-visual masked autoencoders: prepare clips, pretrain, fine-tune, evaluate."""

__version__ = "0.1.0"
