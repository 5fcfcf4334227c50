"""Datasets on disk or in tables: clips, labels and splits. One file for each layout."""
