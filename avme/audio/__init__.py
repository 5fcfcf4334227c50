"""Samples to loudness and features, with numpy. Knows no file."""
