"""Export of trained models as a folder: model file, metadata and model card."""
