"""Checkpoint files: tensors and plain values, read without unpickling."""
