"""Weights of other origin: VideoMAE's own files, Hugging Face's folders and ours, both ways."""
