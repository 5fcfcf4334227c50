"""Inference: a trained model on media files, of any length, with nothing but its checkpoint."""
