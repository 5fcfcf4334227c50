"""Controls: one checkpoint scored with changed audio or frames, to find what it relies on."""
